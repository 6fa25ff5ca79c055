import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import path from "node:path";
import readline from "node:readline";

import type { EffectiveConfig } from "./config/effective";
import type { Project } from "./config/project";
import { OperatorError } from "./errors";

const killAfter = 5_000;

/** What a program is started with. */
export interface ProgramOptions {
  project: Project;
  stack: string;
  config: EffectiveConfig;
  env: NodeJS.ProcessEnv;
  address: string;
  preview: boolean;
  parallel: number;
  /** A line that the program wrote. */
  line(text: string, isError: boolean): void;
}

/** The program while it runs. */
export interface RunningProgram {
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** Interrupts it, and kills it when it does not end. */
  stop(): void;
}

function runScript(project: Project): string {
  try {
    return createRequire(path.join(project.programFolder, "package.json")).resolve("@pulumi/pulumi/cmd/run");
  } catch {
    throw new OperatorError(
      `the program in ${project.programFolder} has no @pulumi/pulumi: run \`npm ci\` there first`,
    );
  }
}

function commandLine(options: ProgramOptions): string[] {
  const { project, address } = options;
  const nodeArgs = project.runtimeOptions.nodeargs;
  return [
    ...(typeof nodeArgs === "string" ? nodeArgs.split(/\s+/).filter(Boolean) : []),
    runScript(project),
    ...["--monitor", address],
    ...["--engine", address],
    ...["--organization", "organization"],
    ...["--project", project.name],
    ...["--root-directory", project.root],
    ...["--stack", options.stack],
    ...["--pwd", project.programFolder],
    ...(options.preview ? ["--dry-run"] : []),
    ...["--parallel", String(options.parallel)],
    project.entryPoint,
  ];
}

function environment(options: ProgramOptions): NodeJS.ProcessEnv {
  const config: Record<string, string> = {};
  const secretKeys: string[] = [];
  for (const [key, { value, secret }] of options.config) {
    config[key.replace(":", ":config:")] = value;
    if (secret) secretKeys.push(key);
  }
  const { typescript, tsconfig } = options.project.runtimeOptions;
  return {
    ...options.env,
    PULUMI_CONFIG: JSON.stringify(config),
    PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(secretKeys),
    ...(typescript === false ? {} : { PULUMI_NODEJS_TYPESCRIPT: "true" }),
    ...(typeof tsconfig === "string" ? { PULUMI_NODEJS_TSCONFIG_PATH: tsconfig } : {}),
  };
}

/** Runs the Pulumi program with the SDK's own runner. */
export function runProgram(options: ProgramOptions): RunningProgram {
  // Its own process group: the terminal's Ctrl-C is the engine's to pass on.
  const child = spawn(process.execPath, commandLine(options), {
    cwd: options.project.programFolder,
    env: environment(options),
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  readline.createInterface({ input: child.stdout }).on("line", (text) => options.line(text, false));
  readline.createInterface({ input: child.stderr }).on("line", (text) => options.line(text, true));
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal }));
  });
  return { exited, stop: () => stop(child) };
}

function stop(child: ChildProcess): void {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGINT");
  const timer = setTimeout(() => child.kill("SIGKILL"), killAfter);
  child.once("close", () => clearTimeout(timer));
}
