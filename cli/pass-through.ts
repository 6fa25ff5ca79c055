import { relative } from "node:path";

import { chooseEngine, clearDeadLock } from "./engines";
import { note } from "./output";
import { providePassphrase } from "./passphrase";
import { takePreviewReport } from "./preview-report";
import { openProject, projectFolder } from "./project";
import { removeTornAttributes } from "./torn-state";

/** Pulumi's own words: they go to the engine as they were typed. */
export const engineWords = ["preview", "up", "refresh", "destroy", "stack", "state", "config", "cancel"];

const mutating = new Set(["up", "refresh", "destroy", "state", "stack import"]);

/**
 * Runs one of Pulumi's words on the engine of this machine, after a line that says which engine, stack and state it is.
 *
 * @param line - the command line, with `--engine` taken out
 * @returns the exit code
 */
export async function passThrough(line: readonly string[], engineName: string | undefined): Promise<number> {
  const { argv, told } = takePreviewReport(line);
  const project = projectFolder();
  const engine = chooseEngine(engineName);
  providePassphrase(project, argv[0] === "stack" && argv[1] === "init");
  const backend = openProject();
  const stack = optionValue(argv, "--stack", "-s") ?? backend.selected;
  const state = relative(process.cwd(), backend.location.stacksFolder).replace(/\/stacks\/[^/]+$/, "") || ".pulumi";
  note(`${engine.description} | stack ${stack ?? "(none selected)"} | state ${state}`);
  const [word = "", second = ""] = argv;
  const changes = mutating.has(word) || mutating.has(`${word} ${second}`);
  if (changes && stack !== undefined) clearDeadLock(backend, stack);
  if (stack !== undefined) removeTornAttributes(backend, stack);
  return told(await engine.run(argv, project));
}

function optionValue(argv: readonly string[], long: string, short: string): string | undefined {
  for (const [index, argument] of argv.entries()) {
    if (argument === long || argument === short) return argv[index + 1];
    if (argument.startsWith(`${long}=`)) return argument.slice(long.length + 1);
  }
  return undefined;
}
