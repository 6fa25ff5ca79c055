import { createRequire } from "node:module";

import { note } from "./output";
import { engineWords, passThrough } from "./pass-through";

/** Takes `--engine <name>` out of a command line. */
function takeEngine(argv: readonly string[]): { rest: string[]; engine: string | undefined } {
  const rest = [...argv];
  const at = rest.findIndex((argument) => argument === "--engine" || argument.startsWith("--engine="));
  if (at < 0) return { rest, engine: undefined };
  const [flag = ""] = rest.splice(at, 1);
  if (flag.includes("=")) return { rest, engine: flag.slice("--engine=".length) };
  return { rest, engine: rest.splice(at, 1)[0] ?? "" };
}

async function main(argv: readonly string[]): Promise<number> {
  const { rest, engine } = takeEngine(argv);
  const word = rest.find((argument) => !argument.startsWith("-"));
  if (word !== undefined && engineWords.includes(word)) return passThrough(rest, engine);
  // Loaded only now: the chores need far more than an engine does, and a preview would wait for it.
  const { runChore } = createRequire(__filename)("./chores") as typeof import("./chores");
  return runChore(rest);
}

main(process.argv.slice(2)).then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    note(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  },
);
