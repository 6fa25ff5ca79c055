import { Command } from "commander";

import { applyReleases, type EditedFile } from "../environment/changes";
import { describeEdits } from "../environment/describe";
import type { DotenvFile } from "../environment/dotenv-file";
import { peculiarLines } from "../environment/peculiar";
import { readDotenv, replaceFile } from "../environment/write";
import { findRelease, releasesBetween } from "../planner/chain";
import { judgeDotenv } from "../planner/obstacles/environment";
import { row } from "../planner/summary";
import { loadCatalogue } from "../releases/catalogue";
import type { Catalogue, Release } from "../releases/release";
import { compareVersions } from "../releases/version";
import { note, print } from "./output";

interface Way {
  readonly from: string;
  readonly to: string;
  readonly catalogue?: string;
}

const help = `
The file is .env of the current folder unless given. Secrets are shown as ***.
An installation that a stack looks after changes its .env with 'octollm up'.

  octollm env diff /srv/octollm/.env --from 0.1.0 --to 1.0.0
  octollm env migrate /srv/octollm/.env --from 0.1.0 --to 1.0.0

The way back is the other way round:

  octollm env migrate /srv/octollm/.env --from 1.0.0 --to 0.1.0`;

/** `octollm env`: an `.env` file alone, from one release to another, without a stack. */
export function envCommand(): Command {
  const command = new Command("env").description("take an .env file from one release to another, without a stack");
  command.addHelpText("after", help);
  withWay(command.command("diff"))
    .description("the lines that would change; writes nothing")
    .addHelpText("after", help)
    .action(showDiff);
  withWay(command.command("migrate"))
    .description("change them; every other byte stays")
    .addHelpText("after", help)
    .action(migrateFile);
  command
    .command("check")
    .description("what the file lacks for a release, and lines that programs do not read alike")
    .argument("[file]", "the .env file", ".env")
    .requiredOption("--release <version>", "the release that is to read it")
    .option("--catalogue <folder>", "another folder of releases")
    .addHelpText("after", "\nExit code: 0 nothing to report, 2 something, 1 an error.")
    .action(checkFile);
  return command;
}

function withWay(command: Command): Command {
  return command
    .argument("[file]", "the .env file", ".env")
    .requiredOption("--from <version>", "the release that the file is for")
    .requiredOption("--to <version>", "the release that it is to be for, newer or older")
    .option("--catalogue <folder>", "another folder of releases");
}

/** `octollm env diff`. */
async function showDiff(path: string, way: Way): Promise<void> {
  const { edited } = await prepared(path, way);
  tell(edited);
}

/** `octollm env migrate`. */
async function migrateFile(path: string, way: Way): Promise<void> {
  const { edited, sha256 } = await prepared(path, way);
  tell(edited);
  if (edited.edits.length === 0) return;
  await replaceFile(path, edited.file.toBuffer(), { expected: sha256 });
  note(`'${path}' is for OctoLLM ${way.to} now. The way back:`);
  note(`  octollm env migrate ${path} --from ${way.to} --to ${way.from}`);
}

async function prepared(
  path: string,
  { from, to, catalogue: folder }: Way,
): Promise<{ edited: EditedFile; sha256: string }> {
  const catalogue = await loadCatalogue(folder);
  for (const version of [from, to]) known(catalogue, version);
  const up = compareVersions(from, to) <= 0;
  const passed = up ? releasesBetween(catalogue, from, to) : releasesBetween(catalogue, to, from);
  const { file, sha256 } = await readDotenv(path);
  const edited = changed(file, passed, up ? "up" : "down");
  const refusals = up ? judgeDotenv(file, path, edited.edits.length > 0 ? passed : [], passed) : [];
  if (refusals.length === 0) return { edited, sha256 };
  const lines = refusals.flatMap(({ path: place, text }) => placed(place, `${text}.`));
  throw new Error(`The file cannot be changed yet; nothing was touched. Correct:\n${lines.join("\n")}`);
}

/** A place, and below it what is to be said of it, within 80 columns. */
function placed(place: string, text: string): string[] {
  return [place, ...row("", text)];
}

function known(catalogue: Catalogue, version: string): void {
  if (findRelease(catalogue, version)) return;
  const versions = catalogue.releases.map((release) => release.version).join(", ");
  throw new Error(`There is no OctoLLM ${version} here: there are ${versions}. Nothing was touched.`);
}

function changed(file: DotenvFile, releases: readonly Release[], direction: "up" | "down"): EditedFile {
  const changes = releases.map(({ version, environment }) => ({ version, changes: environment }));
  return applyReleases(file, changes, direction);
}

function tell({ edits }: EditedFile): void {
  for (const line of describeEdits(edits)) print(line);
  if (edits.length === 0) note("Nothing changes.");
}

/** `octollm env check`. */
async function checkFile(
  path: string,
  { release, catalogue: folder }: { release: string; catalogue?: string },
): Promise<void> {
  const catalogue = await loadCatalogue(folder);
  known(catalogue, release);
  const releases = catalogue.releases.filter(({ version }) => compareVersions(version, release) <= 0);
  const { file } = await readDotenv(path);
  const found = [
    ...judgeDotenv(file, path, [], releases).flatMap((refusal) => placed(refusal.path, refusal.text)),
    ...file.duplicates().flatMap((key) => placed(`${path}: ${key}`, "stands more than once; the last line counts")),
    ...peculiarLines(file).flatMap(({ line, text }) => placed(`${path}:${line}`, text)),
  ];
  const pending = describeEdits(changed(file, releases, "up").edits);
  for (const line of found) print(line);
  if (pending.length > 0) print(`These lines would change for OctoLLM ${release}:`);
  for (const line of pending) print(`  ${line}`);
  if (found.length + pending.length > 0) process.exitCode = 2;
  else print(`'${path}' has all that OctoLLM ${release} reads, and nothing that programs read differently.`);
}
