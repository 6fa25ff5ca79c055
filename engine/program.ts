import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import path from "node:path";
import readline from "node:readline";

import type { EffectiveConfig } from "./config/effective";
import type { Project } from "./config/project";
import { OperatorError } from "./errors";

const killAfter = 5_000;
const starter = path.join(__dirname, "start-program.cjs");

/** What a program is run with. */
export interface ProgramOptions {
  stack: string;
  config: EffectiveConfig;
  address: string;
  preview: boolean;
  parallel: number;
  /** A line that the program wrote. */
  line(text: string, isError: boolean): void;
}

/** How a program ended. */
export interface ProgramExit {
  code: number | null;
  signal: NodeJS.Signals | null;
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

function commandLine(project: Project, options: ProgramOptions): string[] {
  const { address } = options;
  return [
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

function environment(project: Project, { config: settings }: ProgramOptions): NodeJS.ProcessEnv {
  const config: Record<string, string> = {};
  const secretKeys: string[] = [];
  for (const [key, { value, secret }] of settings) {
    config[key.replace(":", ":config:")] = value;
    if (secret) secretKeys.push(key);
  }
  const { typescript, tsconfig } = project.runtimeOptions;
  return {
    PULUMI_CONFIG: JSON.stringify(config),
    PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(secretKeys),
    ...(typescript === false ? {} : { PULUMI_NODEJS_TYPESCRIPT: "true" }),
    ...(typeof tsconfig === "string" ? { PULUMI_NODEJS_TSCONFIG_PATH: tsconfig } : {}),
  };
}

/**
 * The process of a Pulumi program. It begins by loading the SDK, while the engine still works on the stack's secrets, and
 * runs the program, with the SDK's own runner, once it is told how.
 */
export class ProgramProcess {
  readonly #project: Project;
  readonly #child: ChildProcess;
  readonly #exited: Promise<ProgramExit>;

  constructor(project: Project, env: NodeJS.ProcessEnv) {
    this.#project = project;
    const { nodeargs } = project.runtimeOptions;
    const nodeArguments = typeof nodeargs === "string" ? nodeargs.split(/\s+/).filter(Boolean) : [];
    // Its own process group: the terminal's Ctrl-C is the engine's to pass on.
    this.#child = spawn(process.execPath, [...nodeArguments, starter, runScript(project)], {
      cwd: project.programFolder,
      env,
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      detached: true,
    });
    this.#exited = new Promise((resolve, reject) => {
      this.#child.on("error", reject);
      this.#child.on("close", (code, signal) => resolve({ code, signal }));
    });
    this.#exited.catch(() => undefined);
  }

  /** Runs the program; once only. */
  run(options: ProgramOptions): Promise<ProgramExit> {
    const { stdout, stderr } = this.#child;
    if (stdout) readline.createInterface({ input: stdout }).on("line", (text) => options.line(text, false));
    if (stderr) readline.createInterface({ input: stderr }).on("line", (text) => options.line(text, true));
    const message = { argv: commandLine(this.#project, options), env: environment(this.#project, options) };
    // A program that died meanwhile says so by its end.
    this.#child.send(message, () => undefined);
    return this.#exited;
  }

  /** Interrupts it, and kills it when it does not end. */
  stop(): void {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGINT");
    const timer = setTimeout(() => child.kill("SIGKILL"), killAfter);
    child.once("close", () => clearTimeout(timer));
  }
}

/** Starts the processes of a program; the next one may be prepared while something else is waited for. */
export class Programs {
  readonly #start: () => ProgramProcess;
  #prepared: ProgramProcess | undefined;

  constructor(project: Project, env: NodeJS.ProcessEnv) {
    this.#start = () => new ProgramProcess(project, env);
  }

  prepare(): void {
    this.#prepared ??= this.#start();
  }

  take(): ProgramProcess {
    const taken = this.#prepared ?? this.#start();
    this.#prepared = undefined;
    return taken;
  }

  /** Ends what was prepared and not taken. */
  close(): void {
    this.#prepared?.stop();
    this.#prepared = undefined;
  }
}
