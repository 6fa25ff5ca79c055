import { resolve } from "node:path";

import { Command } from "commander";

import { lookAtDatabase } from "../phases/restore-facts";
import { catalogueFolder, readAddress } from "../phases/site";
import { findRelease, headIndex, revisionIndex } from "../planner/chain";
import { type DatabaseAddress, withClient } from "../postgres/connection";
import { errorText } from "../postgres/errors";
import { ensureLedger } from "../postgres/ledger";
import { recordMeasures } from "../postgres/measures";
import { recordRehearsal } from "../postgres/rehearsals";
import { chooseBackup } from "../rehearsal/choose";
import { type Rehearsal, type RehearsalWish, rehearse } from "../rehearsal/rehearse";
import { isGood, reportJson, reportLines } from "../rehearsal/report";
import { judgeRoom } from "../rehearsal/room";
import { judgeScratch, scratchAddress } from "../rehearsal/scratch";
import { loadCatalogue } from "../releases/catalogue";
import type { Catalogue } from "../releases/release";
import { note, print } from "./output";
import { rehearseStaging, writeK6Script } from "./rehearse-staging";
import { type OpenedStack, openStack } from "./stack";

interface RehearseOptions {
  readonly stack?: string;
  readonly backup?: string;
  readonly to?: string;
  readonly scratch?: string;
  readonly keep?: boolean;
  readonly json?: boolean;
  readonly yes?: boolean;
  readonly k6Script?: string;
}

/**
 * `octollm rehearse`: the upgrade tried on a backup, up, down and up again, with the time that each revision takes. On a stack
 * that names production: the whole upgrade, on a clone of production's database.
 *
 * @param engine - what `--engine` said
 */
export function rehearseCommand(engine: string | undefined): Command {
  return new Command("rehearse")
    .description("try an upgrade: its revisions on a backup, or all of it on staging")
    .option("-s, --stack <name>", "the stack; else the selected one")
    .option("--backup <id>", "the backup; else the newest that is good")
    .option("--to <version>", "the release; else that of the stack, or the newest")
    .option("--scratch <name>", "name of the scratch database, or a URL on another server")
    .option("--keep", "keep the scratch database, to look into")
    .option("--json", "for programs")
    .option("-y, --yes", "staging: do not ask before its database is replaced")
    .option("--k6-script <file>", "staging: only write its load test as a script for k6")
    .action((options: RehearseOptions) => run(options, engine));
}

async function run(options: RehearseOptions, engine: string | undefined): Promise<void> {
  const scriptFile = options.k6Script === undefined ? null : resolve(options.k6Script);
  const opened = await openStack(options.stack);
  if (scriptFile !== null) return writeK6Script(opened, scriptFile);
  const ofBackup = options.backup !== undefined || options.scratch !== undefined || options.keep === true;
  if (opened.settings.rehearsal.production !== "" && !ofBackup) return rehearseStaging(opened, { ...options, engine });
  return rehearseBackup(opened, options);
}

async function rehearseBackup({ site, settings }: OpenedStack, options: RehearseOptions): Promise<void> {
  const catalogue = await loadCatalogue(catalogueFolder(site));
  const live = await readAddress(site, settings.databaseUrl);
  const signal = interruptible();
  const activity = { signal, progress: note };
  const look = await lookAtDatabase(live, { budgetMs: site.preview.budget * 1000, mayBeDamaged: false, catalogue });
  const own = { address: live, systemIdentifier: look.database.systemIdentifier };
  const scratch = scratchAddress(options.scratch ?? "", own);
  await judgeScratch(scratch, own);
  const backup = await chooseBackup({ site, look, id: options.backup ?? "", ...activity });
  await judgeRoom(scratch, backup.manifest);
  const way = findWay(catalogue, backup.manifest.revision, options.to, settings.version);
  const wish: RehearsalWish = {
    site,
    catalogue,
    backup,
    live,
    scratch,
    keep: options.keep ?? false,
    ...way,
  };
  const found = await rehearse(wish, activity);
  if (options.json) print(JSON.stringify(reportJson(wish, found), null, 2));
  else for (const line of reportLines(wish, found)) print(line);
  if (!isGood(found))
    throw new Error("The rehearsal is not good; nothing was recorded. The installation was not touched.");
  await record(live, wish, found);
}

type Way = Pick<RehearsalWish, "to" | "here" | "place">;

/** From the backup's revision to the release that was asked for; else the stack's, unless that is where the backup is. */
function findWay(catalogue: Catalogue, revision: string | null, asked: string | undefined, version: string): Way {
  const here = revisionIndex(catalogue, revision);
  if (here === undefined)
    throw new Error(
      `The backup is at revision '${revision ?? ""}', which is in no release of the catalogue. Nothing was touched.`,
    );
  const newest = catalogue.releases.at(-1)?.version ?? "";
  const wanted = headIndex(catalogue, version) > here ? version : newest;
  const to = asked ?? wanted;
  if (!findRelease(catalogue, to))
    throw new Error(
      `There is no release '${to}'; the catalogue has ${catalogue.releases.map((release) => release.version).join(", ")}. Nothing was touched.`,
    );
  const place = headIndex(catalogue, to);
  if (place > here) return { to, here, place };
  throw new Error(
    `There is nothing to rehearse: the backup is at revision ${revision ?? "none"}, and OctoLLM ${to} needs no later one. Nothing was touched. ` +
      "Name an older backup (--backup ID, see octollm backups list) or a later release (--to).",
  );
}

/** Puts the times where the next preview finds them. */
async function record(
  live: DatabaseAddress,
  { backup, catalogue }: RehearsalWish,
  { up, down, rows, measures }: Rehearsal,
): Promise<void> {
  const { id: backupId, created: backupAt } = backup.manifest;
  const steps = [...up, ...down].map(({ revision, direction, milliseconds }) => {
    const { checksum = "" } = catalogue.chain.find((migration) => migration.revision === revision) ?? {};
    return { revision, direction, checksum, milliseconds, rows, backupId, backupAt };
  });
  try {
    await withClient(live, { name: "record rehearsal" }, async (client) => {
      await ensureLedger(client);
      await recordRehearsal(client, steps);
      for (const measure of measures) await recordMeasures(client, { step: measure, attempt: null }, [measure]);
    });
    note("The times are in the ledger: the next preview shows them.");
  } catch (error) {
    note(`The times could not be recorded in the ledger: ${errorText(error)}`);
  }
}

/** Ends what is under way, so that the scratch database is dropped. */
function interruptible(): AbortSignal {
  const cancel = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.once(signal, () => cancel.abort(new Error("It was cancelled. Nothing of it is left.")));
  return cancel.signal;
}
