import { spawn, spawnSync } from "node:child_process";
import { accessSync, constants, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

import { lockStack } from "../engine/backend/lock";
import { type Backend, engineVersion, runEngine } from "../engine/main";
import { note } from "./output";

/** Which engine runs the program; both are given the same words and flags. */
export interface EngineChoice {
  readonly name: "pulumi" | "standalone";
  /** For the first line of every command. */
  readonly description: string;
  run(argv: readonly string[], project: string): Promise<number>;
}

/** Provider plugins that the program needs besides its own. */
const neededPlugins = ["command"];

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function onPath(program: string): boolean {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => isExecutable(join(folder, program)));
}

function hasPlugin(name: string): boolean {
  if (onPath(`pulumi-resource-${name}`)) return true;
  const cache = join(process.env.PULUMI_HOME ?? join(homedir(), ".pulumi"), "plugins");
  try {
    return readdirSync(cache).some((entry) => entry.startsWith(`resource-${name}-v`));
  } catch {
    return false;
  }
}

const standalone: EngineChoice = {
  name: "standalone",
  description: `standalone engine ${engineVersion.split("/")[1]}`,
  run: (argv, project) => runEngine([...argv], { cwd: project }),
};

function pulumi(): EngineChoice {
  const version = spawnSync("pulumi", ["version"], { encoding: "utf8" }).stdout.trim();
  return { name: "pulumi", description: `Pulumi CLI ${version}`, run: runPulumi };
}

/** Hands terminal and signals over to the Pulumi CLI; its exit code is ours. */
function runPulumi(argv: readonly string[], project: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn("pulumi", argv, { cwd: project, stdio: "inherit" });
    // A Ctrl-C reaches the CLI as well: it decides when to end, and we end with it.
    const ignore = () => undefined;
    process.on("SIGINT", ignore);
    child.once("error", reject);
    child.once("close", (code, signal) => {
      process.off("SIGINT", ignore);
      resolve(code ?? (signal ? 130 : 1));
    });
  });
}

/**
 * The engine for this machine: the Pulumi CLI where it and the plugins are, else the standalone engine.
 *
 * @param forced - what `--engine` says
 * @throws when the forced engine is not there
 */
export function chooseEngine(forced: string | undefined): EngineChoice {
  const present = onPath("pulumi") && onPath("pulumi-language-nodejs");
  const missing = neededPlugins.filter((name) => !hasPlugin(name));
  if (forced === "standalone") return standalone;
  if (forced === "pulumi") {
    if (!present)
      throw new Error("--engine pulumi: the Pulumi CLI is not on PATH. Nothing was done. Leave --engine away.");
    return pulumi();
  }
  if (forced !== undefined)
    throw new Error(`--engine ${forced}: there are the engines 'pulumi' and 'standalone'. Nothing was done.`);
  return present && missing.length === 0 ? pulumi() : standalone;
}

/** Removes a stack's lock that a dead process of this host left, and says so; refuses one that is held. */
export function clearDeadLock(backend: Backend, stack: string): void {
  lockStack(backend.location, stack, note)();
}
