import { spawn } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

import { openBackend } from "../engine/main";
import { recordFolder } from "../phases/site";
import type { Acceptances } from "../planner/gates";
import type { StagingEngine } from "../rehearsal/staging/run";
import type { OpenedStack } from "./stack";

const command = resolve(__dirname, "..", "bin", "octollm");

/** Settings that would stop or tell of an `up` that nobody reviews, waits for or wants to hear of. */
const leftOut = ["reviewedPlan", "window", "windowOverride", "stopAfter", "restoreFrom", "notify"];

const longestTail = 60;

/**
 * The engine that `octollm up` would use, for a stack whose settings file stays as it is: each run gets a copy of it, with
 * another version and with what the rehearsal accepts.
 *
 * @param engine - what `--engine` said; undefined for the one of this machine
 * @param show - gets each line of the engine's output
 */
export function stagingEngine(
  { backend, name, site }: OpenedStack,
  engine: string | undefined,
  show: (line: string) => void,
): StagingEngine {
  const project = process.cwd();
  const file = join(resolve(recordFolder(site)), "rehearsal", `Pulumi.${name}.yaml`);
  const up = async (version: string, accepted: Partial<Acceptances>, signal: AbortSignal) => {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    try {
      writeFileSync(file, backend.config(name).text, { mode: 0o600 });
      const config = openBackend(project, process.env, file).config(name);
      for (const key of leftOut) config.remove(config.fullKey(key));
      for (const [key, value] of Object.entries({ version, ...accepted }))
        config.set(config.fullKey(key), typeof value === "string" ? value : [...(value as readonly string[])]);
      config.save();
      const named = engine === undefined ? [] : ["--engine", engine];
      const words = ["up", "--yes", "--skip-preview", "--stack", name, "--config-file", file];
      return await run([...words, ...named], { project, show, signal });
    } finally {
      rmSync(dirname(file), { recursive: true, force: true });
    }
  };
  return { up };
}

interface Surroundings {
  readonly project: string;
  readonly show: (line: string) => void;
  readonly signal: AbortSignal;
}

async function run(words: readonly string[], { project, show, signal }: Surroundings): ReturnType<StagingEngine["up"]> {
  const child = spawn(process.execPath, [command, ...words], {
    cwd: project,
    env: { ...process.env, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
    // The terminal's Ctrl-C reaches it through us alone: a second one would cut its way back short.
    detached: true,
  });
  const tail: string[] = [];
  let partial = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      const lines = (partial + chunk).split("\n");
      partial = lines.pop() ?? "";
      for (const line of lines) {
        tail.push(line);
        show(line);
      }
      tail.splice(0, tail.length - longestTail);
    });
  const cancel = () => child.kill("SIGINT");
  signal.addEventListener("abort", cancel, { once: true });
  try {
    const code = await new Promise<number | null>((settle, reject) => {
      child.once("error", reject);
      child.once("close", settle);
    });
    return { code, tail };
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}
