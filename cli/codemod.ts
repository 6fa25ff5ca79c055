import { stat } from "node:fs/promises";

import { Command } from "commander";

import { unifiedDiff } from "../codemod/diff";
import { writeFolder } from "../codemod/folder";
import type { Place } from "../codemod/migrate";
import { clientRules } from "../codemod/rules";
import { codemodFolder, type CodemodResult } from "../codemod/run";
import { loadCatalogue } from "../releases/catalogue";
import { note } from "./output";

interface Options {
  readonly from: string;
  readonly to: string;
  readonly baseUrl?: readonly string[];
  readonly catalogue?: string;
  readonly write?: boolean;
}

const help = `
Python, JavaScript and TypeScript are read as syntax trees; requirements files,
pyproject.toml and package.json for the SDK's version. What is certainly
OctoLLM's is changed; what cannot be told is listed with file, line and column,
and left as it is. The diff goes to standard output, the list to standard error.

Exit code: 0 nothing is left to do by hand, 2 the list is not empty, 1 an error.

  octollm codemod clients --from 0.2.0 --to 1.0.0 > clients.patch
  octollm codemod clients --from 0.2.0 --to 1.0.0 --write
  octollm codemod clients --from 0.2.0 --to 1.0.0 --base-url https://ai.corp

docs/clients.md says what is changed, and why the rest is not.`;

/** `octollm codemod`: client code of one release becomes that of another. */
export function codemodCommand(): Command {
  return new Command("codemod")
    .description("take client code from one release's API to another's")
    .argument("<folder>", "the client code: a folder")
    .requiredOption("--from <version>", "the release that the code is written for")
    .requiredOption("--to <version>", "the release that it is to be for")
    .option("--base-url <url>", "a further address of your OctoLLM; may be given several times", collect)
    .option("--write", "change the files; without it only the diff is shown")
    .option("--catalogue <folder>", "another folder of releases")
    .addHelpText("after", help)
    .action(run);
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

async function run(folder: string, options: Options): Promise<void> {
  const found = await stat(folder).catch(() => null);
  if (!found?.isDirectory()) throw new Error(`'${folder}' is no folder. Nothing was touched.`);
  const rules = clientRules(await loadCatalogue(options.catalogue), options, options.baseUrl);
  const result = await codemodFolder(folder, rules);
  process.stdout.write(unifiedDiff(result.files, result.changed));
  if (options.write) await writeFolder(folder, result.files, result.changed);
  report(result, options);
  if (result.places.length > 0) process.exitCode = 2;
}

const headings: Readonly<Record<Place["kind"], string>> = {
  removed: "Uses of what is no more: replace them by hand.",
  undecided: "Not decided: look at each, and change it where it is OctoLLM's.",
  unreadable: "Not read:",
};

function report({ changed, places, files }: CodemodResult, { write, from, to }: Options): void {
  for (const kind of ["removed", "undecided", "unreadable"] as const) {
    const own = places.filter((place) => place.kind === kind);
    if (own.length === 0) continue;
    note(headings[kind]);
    for (const { path, line, column, reason } of own) note(`  ${path}:${line}:${column}\n      ${reason}`);
  }
  const verb = write ? "changed" : "would change";
  const rest = places.length === 0 ? "nothing is left to do by hand" : `${count(places.length, "place")} to look at`;
  note(`OctoLLM ${from} -> ${to}: ${count(changed.size, "file")} of ${files.length} ${verb}, ${rest}.`);
  if (!write && changed.size > 0) note("Nothing was written. Next: the same command with --write.");
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
