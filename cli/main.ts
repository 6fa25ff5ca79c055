import { createRequire } from "node:module";

import { note } from "./output";
import { engineWords, passThrough } from "./pass-through";
import { takeOption } from "./take-option";

async function main(argv: readonly string[]): Promise<number> {
  const { rest, value: engine } = takeOption(argv, "--engine");
  const word = rest.find((argument) => !argument.startsWith("-"));
  if (word !== undefined && engineWords.includes(word)) return passThrough(rest, engine);
  // Loaded only now: the chores need far more than an engine does, and a preview would wait for it.
  const { runChore } = createRequire(__filename)("./chores") as typeof import("./chores");
  return runChore(rest, engine);
}

main(process.argv.slice(2)).then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    note(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  },
);
