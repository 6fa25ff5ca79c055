import { Command } from "commander";

import { findRelease } from "../planner/chain";
import { type ReleaseChanges, releaseChanges, type RevisionChange } from "../planner/release-changes";
import { row } from "../planner/summary";
import { loadCatalogue } from "../releases/catalogue";
import { compareVersions } from "../releases/version";
import { bold, print } from "./output";

interface Options {
  readonly from?: string;
  readonly to?: string;
  readonly catalogue?: string;
  readonly json?: boolean;
}

const help = `
  octollm releases                             all that there are
  octollm releases --from 0.1.0 --to 1.0.0     what lies between two
  octollm codemod --help                       what changes client code`;

/** `octollm releases`: what each release changes for operators and for authors of client programs. */
export function releasesCommand(): Command {
  return new Command("releases")
    .description("what releases change, for operators and for authors of client programs")
    .option("--from <version>", "only what comes after this release")
    .option("--to <version>", "up to and with this release; else the newest")
    .option("--catalogue <folder>", "another folder of releases")
    .option("--json", "for programs")
    .addHelpText("after", help)
    .action(run);
}

async function run({ from, to, catalogue: folder, json }: Options): Promise<void> {
  const catalogue = await loadCatalogue(folder);
  const newest = catalogue.releases.at(-1)?.version ?? "";
  for (const version of [from, to])
    if (version !== undefined && !findRelease(catalogue, version))
      throw new Error(
        `There is no OctoLLM ${version} here: there are ${catalogue.releases.map((release) => release.version).join(", ")}.`,
      );
  if (from !== undefined && compareVersions(from, to ?? newest) > 0)
    throw new Error(`OctoLLM ${from} is newer than ${to ?? newest}. Exchange --from and --to.`);
  const changes = releaseChanges(catalogue, from ?? null, to ?? newest);
  if (json) return print(JSON.stringify(changes, null, 2));
  if (changes.length === 0) print(`Nothing lies between OctoLLM ${from} and ${to ?? newest}.`);
  changes.forEach((change, index) => {
    if (index > 0) print("");
    for (const line of describeRelease(change)) print(line);
  });
}

function describeRelease({ version, date, type, notes, operators, clients }: ReleaseChanges): string[] {
  return [
    bold(`OctoLLM ${version}, ${date}, ${type}`),
    ...notes.map((text) => `  ${text}`),
    "  for operators",
    ...indented([
      ["stops", operators.stops.length > 0 || operators.wayBack === null ? operators.stops : ["nothing"]],
      ["upgrade", operators.requiredStop ? ["must stop at this release"] : []],
      ["revisions", operators.revisions.map(describeRevision)],
      ["way back", operators.wayBack ? [describeWayBack(operators.wayBack)] : []],
      ["env", operators.environment],
      ["images", [operators.images.join(", ")]],
    ]),
    "  for authors of client programs",
    ...indented([
      ["breaks", clients.filter(({ breaking }) => breaking).map(({ text }) => text)],
      ["changes", clients.filter(({ breaking }) => !breaking).map(({ text }) => text)],
      ...(clients.length === 0 ? [["nothing", ["programs go on as they are"]] as Rows] : []),
    ]),
  ];
}

type Rows = readonly [name: string, texts: readonly string[]];

function indented(rows: readonly Rows[]): string[] {
  return rows.flatMap(([name, texts]) =>
    texts.flatMap((text, index) => row(index === 0 ? name : "", text).map((line) => `    ${line}`)),
  );
}

function describeRevision({ revision, title, phase, downClass, downLoss }: RevisionChange): string {
  const when = phase === "post" ? ", after the new code is verified" : "";
  const back = { exact: "exact", kept: "exact, by values that are kept", lossy: "loses data", none: "none" }[downClass];
  return `${revision} ${title}${when}; its way back: ${back}${downLoss === null ? "" : `: ${downLoss}`}`;
}

function describeWayBack({ class: kind, loses }: NonNullable<ReleaseChanges["operators"]["wayBack"]>): string {
  return `${kind}, ${loses.length > 0 ? `loses ${loses.join("; ")}` : "loses nothing"}`;
}
