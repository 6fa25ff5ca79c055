import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { PassThrough } from "node:stream";

import { runEngine } from "../../../engine/main";
import { atExit } from "../../support/at-exit";

const root = path.resolve(__dirname, "../../..");

/** What a command wrote and how it ended. */
export interface Run {
  code: number;
  stdout: string;
  stderr: string;
}

/** Something that runs Pulumi's commands in a project: our engine, or the Pulumi CLI. */
export type Engine = (project: TestProject, argv: string[], env?: NodeJS.ProcessEnv, input?: string) => Promise<Run>;

function collector(): { stream: PassThrough; text(): string } {
  const stream = new PassThrough();
  let text = "";
  stream.on("data", (data: Buffer) => (text += data.toString()));
  return { stream, text: () => text };
}

/** Our engine, in this process. */
export const standalone: Engine = async (project, argv, env = {}, input = "") => {
  const [stdout, stderr] = [collector(), collector()];
  const stdin = new PassThrough();
  stdin.end(input);
  const io = {
    stdout: stdout.stream,
    stderr: stderr.stream,
    stdin,
    env: { ...project.env, ...env },
    cwd: project.folder,
  };
  const code = await runEngine(argv, io);
  await new Promise((resolve) => setImmediate(resolve));
  return { code, stdout: stdout.text(), stderr: stderr.text() };
};

/** The real Pulumi CLI. */
export const pulumiCli: Engine = (project, argv, env = {}, input = "") => {
  const run = spawnSync("pulumi", [...argv, "--non-interactive"], {
    cwd: project.folder,
    env: {
      ...project.env,
      ...env,
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    },
    input,
    encoding: "utf8",
  });
  return Promise.resolve({ code: run.status ?? 255, stdout: run.stdout, stderr: run.stderr });
};

/** Whether the real Pulumi CLI is on PATH. */
export function hasPulumiCli(): boolean {
  try {
    execFileSync("pulumi", ["version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

// Frames of the SDK are kept out of stack traces: util.inspect of Node 20 takes half a minute for a coloured frame whose
// file stands directly in a scope's folder, as the SDK's source maps have it.
const prelude = `
require(${JSON.stringify(path.join(root, "boot/lazy-sdk.cjs"))}).loadSdkLazily(require);
Error.stackTraceLimit = 4;
const pulumi = require("@pulumi/pulumi");
class Thing extends pulumi.CustomResource {
  constructor(name, args, options) { super("demo:index:Thing", name, { computed: undefined, ...args }, options); }
}
class Group extends pulumi.ComponentResource {
  constructor(name, options) { super("demo:index:Group", name, {}, options); }
}
class Demo extends pulumi.ProviderResource {
  constructor(name, args, options) { super("demo", name, args, options); }
}
`;

/** A Pulumi project in a folder of its own, with the provider "demo". */
export class TestProject {
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly #keep: () => void;

  constructor(program: string, projectYaml = "") {
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), "octollm-engine-"));
    this.#keep = atExit(() => this.remove());
    this.env = {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      PULUMI_HOME: path.join(this.folder, ".home"),
      PULUMI_CONFIG_PASSPHRASE: "correct horse",
      PULUMI_IGNORE_AMBIENT_PLUGINS: "1",
      DEMO_LOG: path.join(this.folder, "calls.log"),
    };
    fs.symlinkSync(path.join(root, "node_modules"), path.join(this.folder, "node_modules"));
    fs.mkdirSync(path.join(this.folder, "provider"));
    const plugin = path.join(this.folder, "provider/pulumi-resource-demo");
    const source = fs.readFileSync(path.join(__dirname, "demo-provider.cjs"), "utf8");
    fs.writeFileSync(plugin, `#!/usr/bin/env node\n${source}`, { mode: 0o755 });
    const head =
      "name: probe\nruntime: { name: nodejs, options: { typescript: false } }\nbackend: { url: 'file://.' }\n";
    fs.writeFileSync(
      path.join(this.folder, "Pulumi.yaml"),
      `${head}plugins: { providers: [{ name: demo, path: ./provider }] }\n${projectYaml}`,
    );
    fs.writeFileSync(path.join(this.folder, "package.json"), '{ "name": "probe", "main": "index.js" }');
    this.program(program);
  }

  /** Replaces the program; `Thing`, `Group` and `Demo` are there for it. */
  program(source: string): void {
    fs.writeFileSync(path.join(this.folder, "index.js"), prelude + source);
  }

  /** What the provider was asked since the last time somebody looked. */
  calls(): string[] {
    const file = this.env.DEMO_LOG as string;
    if (!fs.existsSync(file)) return [];
    const lines = fs.readFileSync(file, "utf8").trim().split("\n");
    fs.rmSync(file);
    return lines.filter((line) => /^(create|update|delete|read) /.test(line));
  }

  file(...parts: string[]): string {
    return path.join(this.folder, ...parts);
  }

  /** The resources as they stand in the state file. */
  resources(): Record<string, unknown>[] {
    const text = fs.readFileSync(this.file(".pulumi/stacks/probe/dev.json"), "utf8");
    const state = JSON.parse(text) as { checkpoint: { latest?: { resources?: Record<string, unknown>[] } } };
    return state.checkpoint.latest?.resources ?? [];
  }

  /** One resource of the state by its name. */
  resource(name: string): Record<string, unknown> | undefined {
    return this.resources().find(({ urn }) => String(urn).endsWith(`::${name}`));
  }

  remove(): void {
    this.#keep();
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A project with the stack `dev` already made. */
export async function projectWithStack(program: string, projectYaml = ""): Promise<TestProject> {
  const project = new TestProject(program, projectYaml);
  const made = await standalone(project, ["stack", "init", "dev"]);
  if (made.code !== 0) throw new Error(made.stderr);
  return project;
}

/** Runs the standalone engine, which must end well. */
export async function succeed(project: TestProject, ...argv: string[]): Promise<Run> {
  const result = await standalone(project, argv);
  assert.equal(result.code, 0, result.stdout + result.stderr);
  return result;
}
