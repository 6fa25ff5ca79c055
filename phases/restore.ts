import { join } from "node:path";

import { loadBeside } from "../backup/beside";
import { loadCluster } from "../backup/cluster";
import { compareDatabase, type Expected, loadSchema } from "../backup/compare";
import type { Manifest } from "../backup/manifest";
import { withOpenBackup } from "../backup/open";
import { removeDeadPartials } from "../backup/partial";
import { replaceContents } from "../backup/replace";
import { verifyBackup } from "../backup/verify";
import type { RestorePlan } from "../planner/backups";
import { findRelease } from "../planner/chain";
import { analyzeDatabase } from "../postgres/analyze";
import type { Client } from "../postgres/connection";
import { type DatabaseSettings, readDatabaseSettings } from "../postgres/database-settings";
import {
  dropDatabase,
  isEmptyDatabase,
  listRelatedDatabases,
  markDatabase,
  newMark,
  swapDatabases,
} from "../postgres/databases";
import { ensureLedger } from "../postgres/ledger";
import { carryHistory, historyStatements, readHistory } from "../postgres/ledger-restore";
import { withMaintenance } from "../postgres/maintenance";
import { type Activity, type Attempt, PhaseError, withLedger } from "./attempt";
import { restoreFiles } from "./restore-files";
import { type Site, sitePath, toolPlace } from "./site";

/** A restore renames the database, which no session may use meanwhile: not even the one that holds the upgrade lock. */
export interface RestoreActivity extends Activity {
  /** Runs work while another lock stands in for that of the database. */
  readonly withoutLock: <T>(work: () => Promise<T>) => Promise<T>;
}

/** What a restore has done, for the outputs of its phase. */
export interface RestoreOutcome {
  /** Name under which the replaced database is kept; null when none is. */
  readonly keptDatabase: string | null;
}

const folderOf = (site: Site, backup: string) => join(sitePath(site, site.backup.folder), backup);

/**
 * Verifies the backup that is to be restored, before anything is touched: every file of it is read.
 *
 * @throws BackupError that names each file that is not as it was written
 */
export async function verifyBeforeRestore(site: Site, { backup, way }: RestorePlan): Promise<void> {
  if (backup !== null && way !== "done") await verifyBackup(folderOf(site, backup), { inside: toolPlace(site) });
}

/**
 * Puts a backup in the place of what is there: database, `.env` and config folder. Each step may be done already, by an
 * attempt that was killed: then it is not done again.
 *
 * @throws when it fails; until the databases are swapped, the installation's own is as it was
 */
export async function restore(attempt: Attempt, plan: RestorePlan, activity: RestoreActivity): Promise<RestoreOutcome> {
  if (plan.backup === null) return { keptDatabase: null };
  const { site, progress } = attempt;
  await removeDeadPartials(sitePath(site, site.backup.folder));
  const options = { identityFile: site.backup.identityFile, ...activity };
  return withOpenBackup(folderOf(site, plan.backup), options, async (folder, manifest) => {
    progress.touched = true;
    const source: Source = { folder, manifest, wish: plan.wish };
    if (plan.way === "swap") await swapIn(attempt, plan, source, activity);
    if (plan.way === "replace") await replaceIn(attempt, source, activity);
    if (plan.way !== "done") progress.counts = manifest.counts;
    progress.restored = true;
    await restoreFiles(site, { backup: manifest.id, folder }, attempt.catalogue, activity);
    return { keptDatabase: plan.before };
  });
}

interface Source {
  /** Of the backup, decrypted. */
  readonly folder: string;
  readonly manifest: Manifest;
  readonly wish: string | null;
}

/** Loads the backup beside the database, compares it, and swaps the two. */
async function swapIn(attempt: Attempt, plan: RestorePlan, source: Source, activity: RestoreActivity): Promise<void> {
  const { address, number, opened, progress } = attempt;
  const { incoming, before } = plan;
  if (incoming === null || before === null) throw new PhaseError("The plan of a swap names no databases.");
  const there = progress.ledger === "there";
  await withMaintenance(address, { name: "restore" }, async (client) => {
    const cluster = await loadCluster(source.folder);
    // The database as it is now is what the operator has settled on since; one that is lost is made as it was.
    const settings = (await readDatabaseSettings(client, address.database)) ?? cluster.database;
    if (!(await isLoaded(client, { address, incoming, progress: activity.progress })))
      await load(client, { attempt, settings, source, incoming }, activity);
    const history = there ? await withLedger(attempt, readHistory) : null;
    await withLedger({ address: { ...address, database: incoming } }, async (ledger) => {
      await ensureLedger(ledger);
      await carryHistory(ledger, history, { number, opened, backup: source.manifest.id, wish: source.wish });
    });
    activity.progress(`restore: renaming the databases`);
    await activity.withoutLock(() =>
      swapDatabases(client, { database: address.database, incoming, before, backup: source.manifest.id, ...activity }),
    );
  });
  progress.ledger = "there";
  activity.progress(`restore: '${address.database}' is that of the backup now`);
}

/**
 * Whether an attempt that was killed has loaded and compared it already; what one left half done is dropped.
 *
 * @throws PhaseError when there is a database of that name that this program has not made
 */
async function isLoaded(
  client: Client,
  { address, incoming, progress }: Pick<Attempt, "address"> & Pick<Activity, "progress"> & { incoming: string },
): Promise<boolean> {
  const related = await listRelatedDatabases(client, address.database);
  const mark = related.find(({ name }) => name === incoming)?.mark;
  if (mark?.kind === "checked") {
    progress(`restore: '${incoming}' has been loaded and compared by an attempt before`);
    return true;
  }
  const exists = mark ? true : (await readDatabaseSettings(client, incoming)) !== null;
  if (!exists) return false;
  if (!mark && !(await isEmptyDatabase(address, incoming)))
    throw new PhaseError(
      `There is a database '${incoming}' that this program has not made; it was left as it is. Rename or drop it.`,
    );
  await dropDatabase(client, incoming);
  return false;
}

interface Loading {
  readonly attempt: Attempt;
  readonly settings: DatabaseSettings;
  readonly source: Source;
  readonly incoming: string;
}

async function load(client: Client, loading: Loading, { signal, progress }: Activity): Promise<void> {
  const { attempt, settings, source, incoming } = loading;
  const { folder, manifest } = source;
  const of = { database: attempt.address.database, backup: manifest.id };
  await loadBeside(client, {
    address: { ...attempt.address, database: incoming },
    settings,
    mark: newMark("restore", of),
    folder,
    manifest,
    expected: await expectedOf(attempt, source),
    jobs: attempt.site.backup.jobs,
    inside: toolPlace(attempt.site),
    label: "restore",
    progress,
    signal,
  });
  await markDatabase(client, incoming, newMark("checked", of, settings.comment));
}

async function expectedOf({ catalogue }: Attempt, { folder, manifest }: Source): Promise<Expected> {
  const { counts, revision, release } = manifest;
  const invariants = findRelease(catalogue, release)?.invariants ?? [];
  return { counts, revision, invariants, schema: await loadSchema(folder) };
}

/** Where databases cannot be renamed: everything in one transaction, in the database itself. */
async function replaceIn(attempt: Attempt, source: Source, activity: Activity): Promise<void> {
  const { address, number, opened, progress } = attempt;
  const { folder, manifest, wish } = source;
  if (progress.backup === null)
    throw new PhaseError("There is no verified backup of the database as it is, and without one it is not replaced.");
  const expected = await expectedOf(attempt, source);
  const history = await withLedger(attempt, readHistory);
  await replaceContents({
    address,
    folder,
    manifest,
    inside: toolPlace(attempt.site),
    extensions: expected.schema.flatMap((line) => /^extension (\S+)$/.exec(line)?.[1] ?? []),
    statements: historyStatements(history, { number, opened, backup: manifest.id, wish }),
    ...activity,
  });
  progress.restored = true;
  await analyzeDatabase(address, attempt.site.backup.jobs);
  const faults = await compareDatabase(address, expected);
  if (faults.length === 0) return;
  throw new PhaseError(
    `Backup '${manifest.id}' is in the database's place, and is not what was dumped:\n${faults.map((fault) => `  ${fault}`).join("\n")}`,
  );
}

/** Drops what a restore that was given up has loaded beside the database; the caller holds the upgrade lock. */
export async function dropAbandoned(
  { address }: Pick<Attempt, "address">,
  progress: (line: string) => void,
): Promise<void> {
  await withMaintenance(address, { name: "restore" }, async (client) => {
    for (const { name, mark } of await listRelatedDatabases(client, address.database)) {
      if (mark?.database !== address.database || (mark.kind !== "restore" && mark.kind !== "checked")) continue;
      await dropDatabase(client, name);
      progress(`dropped '${name}', which a restore that was given up had loaded`);
    }
  });
}
