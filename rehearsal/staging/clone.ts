import { mkdir, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";

import { createPartial, partialSuffix, removeDeadPartials } from "../../backup/partial";
import { dropDeadScratches } from "../../backup/scratch";
import type { Activity } from "../../phases/attempt";
import { keepAttemptNumber } from "../../phases/attempt-number";
import { type Site, sitePath, toolPlace } from "../../phases/site";
import { restoreNames } from "../../planner/restore-names";
import { type Client, type DatabaseAddress, withClient } from "../../postgres/connection";
import { readDatabaseSettings } from "../../postgres/database-settings";
import {
  applyDatabaseSettings,
  createMarkedDatabase,
  dropDatabase,
  isKnownDatabase,
  listRelatedDatabases,
  newMark,
  swapDatabases,
} from "../../postgres/databases";
import { strictIdentifier } from "../../postgres/identifiers";
import { closeSucceeded, ensureLedger, ledgerSchema, nextAttempt, readLedger } from "../../postgres/ledger";
import { carryHistory, type LedgerHistory, readHistory } from "../../postgres/ledger-restore";
import { acquireServerLock, acquireUpgradeLock, type UpgradeLock } from "../../postgres/lock";
import { withMaintenance } from "../../postgres/maintenance";
import type { Invariant } from "../../releases/release";
import type { CloneFact } from "../../report/rehearsal-facts";
import { programVersion } from "../../version";
import { RehearsalError } from "./error";
import { judgeClone, loadClone } from "./load";
import { newMaskKey } from "./mask-key";
import type { MaskedTable } from "./masking";
import { startServices, stopServices } from "./services";
import { takeClone } from "./take";

/** What is cloned, and into whose place. */
export interface CloneWish {
  readonly production: DatabaseAddress;
  /** Staging's database: the clone takes its name. */
  readonly staging: DatabaseAddress;
  readonly site: Site;
  readonly stack: string;
  /** The release that both serve, its schema revision in production, and its invariants. */
  readonly release: string;
  readonly revision: string | null;
  readonly invariants: readonly Invariant[];
  /** First digits of the SHA-256 of staging's `.env`, for its ledger. */
  readonly environmentDigest: string;
  readonly masked: readonly MaskedTable[];
  /** As `takeClone` takes it. */
  readonly partPages?: number;
  /** When it begins, in milliseconds since the epoch. */
  readonly at: number;
}

const clonePrefix = "clone-";
/** Of replaced databases that were clones themselves: nobody needs them. */
const gonePrefix = "gone-";

/**
 * Puts a masked clone of production's database in the place of staging's: read in one snapshot, loaded into a database of
 * its own, compared, and only then swapped by name. Staging's services are down for the swap alone.
 *
 * @throws RehearsalError, BackupError or what cancelled it; staging's database is as it was then, and production's was read
 */
export async function cloneProduction(wish: CloneWish, activity: Activity): Promise<CloneFact> {
  const { staging, site, stack } = wish;
  const backups = sitePath(site, site.backup.folder);
  await mkdir(backups, { recursive: true, mode: 0o700 });
  await removeDeadPartials(backups);
  const lock = await acquireUpgradeLock(staging, { holder: { stack, host: hostname(), pid: process.pid } });
  // Named as what a killed run leaves, so that the next one removes it.
  const folder = join(backups, `${idOf(clonePrefix, wish)}-${process.pid}${partialSuffix}`);
  try {
    await createPartial(folder);
    const watched = { ...activity, signal: AbortSignal.any([activity.signal, lock.lost]) };
    return await withMaintenance(staging, { name: "clone" }, (client) =>
      cloneThrough(client, { wish, folder, lock }, watched),
    );
  } finally {
    await lock.release();
    await rm(folder, { recursive: true, force: true });
  }
}

const idOf = (prefix: string, { at }: CloneWish) => prefix + new Date(at).toISOString().replace(/[-:]|\.\d+/g, "");

interface Work {
  readonly wish: CloneWish;
  readonly folder: string;
  readonly lock: UpgradeLock;
}

async function cloneThrough(client: Client, work: Work, activity: Activity): Promise<CloneFact> {
  const { wish, folder } = work;
  const { production, staging, site, masked, partPages } = wish;
  const { jobs } = site.backup;
  const { progress, signal } = activity;
  await dropDeadScratches(client, staging, progress);
  await dropGone(client, staging, progress);
  const names = await chooseNames(client, wish);
  progress(`clone: reading production's '${production.database}', READ ONLY`);
  const how = { masked, key: newMaskKey(), jobs, ...(partPages === undefined ? {} : { partPages }), progress, signal };
  const taken = await takeClone({ address: production, folder, ...how });
  const started = Date.now();
  const { history, open, isClone } = await readStagingLedger(staging);
  if (open !== null)
    throw new RehearsalError(`Staging's attempt ${open} is not finished: octollm status --stack ${wish.stack}`);
  await load(client, { ...work, incoming: names.incoming, taken }, activity);
  try {
    await carryLedger({ ...staging, database: names.incoming }, wish, history);
    const replaced = isClone ? restoreNames(staging.database, idOf(gonePrefix, wish), []).before : names.before;
    await swap(
      client,
      { ...work, ...names, before: replaced, backup: idOf(isClone ? gonePrefix : clonePrefix, wish) },
      activity,
    );
  } catch (error) {
    if (await isKnownDatabase(client, names.incoming)) await dropDatabase(client, names.incoming);
    throw error;
  }
  const loading = Date.now() - started;
  await dropGone(client, staging, progress);
  const { counts, installation } = taken.dump;
  return {
    bytes: installation.bytes,
    rows: Object.values(counts).reduce((sum, count) => sum + count, 0),
    tables: Object.keys(counts).length,
    masked: taken.columns,
    taking: taken.milliseconds,
    loading,
    kept: isClone ? null : names.before,
    counts,
  };
}

async function chooseNames(client: Client, wish: CloneWish): Promise<{ incoming: string; before: string }> {
  const { rows } = await client.query<{ name: string }>("SELECT datname AS name FROM pg_catalog.pg_database");
  const taken = rows.map(({ name }) => name);
  const names = restoreNames(wish.staging.database, idOf(clonePrefix, wish), taken);
  if (!taken.includes(names.incoming)) return names;
  throw new RehearsalError(`There is a database '${names.incoming}' already. Nothing was touched. Rename or drop it.`);
}

/** Clones that a later one has replaced, by a run that was killed before it could drop them. */
async function dropGone(client: Client, staging: DatabaseAddress, progress: (line: string) => void): Promise<void> {
  for (const { name, mark } of await listRelatedDatabases(client, staging.database)) {
    const isOurs = mark?.kind === "before" && mark.database === staging.database;
    if (!isOurs || !mark.backup.startsWith(gonePrefix)) continue;
    await dropDatabase(client, name);
    progress(`clone: dropped '${name}', the clone that was replaced`);
  }
}

interface Loading extends Work {
  readonly incoming: string;
  readonly taken: Awaited<ReturnType<typeof takeClone>>;
}

async function load(client: Client, { wish, folder, incoming, taken }: Loading, activity: Activity): Promise<void> {
  const { staging, site, revision, invariants } = wish;
  const settings = await readDatabaseSettings(client, staging.database);
  if (!settings) throw new RehearsalError(`Staging's database '${staging.database}' is gone. Nothing was touched.`);
  const { rows } = await client.query<{ major: number }>(
    "SELECT current_setting('server_version_num')::int / 10000 AS major",
  );
  const address = { ...staging, database: incoming };
  const mark = newMark("rehearse", { database: staging.database, backup: idOf(clonePrefix, wish) }, settings.comment);
  try {
    await createMarkedDatabase(client, { name: incoming, settings, mark });
    // Nobody else has business there before it is whole and compared.
    await client.query(`REVOKE ALL ON DATABASE ${strictIdentifier(incoming)} FROM PUBLIC`);
    const where = { serverMajor: rows[0]?.major ?? 0, inside: toolPlace(site), jobs: site.backup.jobs };
    await loadClone({ address, folder, taken, ...where, ...activity });
    activity.progress("clone: comparing rows, objects, invariants and masks");
    const faults = await judgeClone({ address, taken }, { revision, invariants });
    if (faults.length > 0)
      throw new RehearsalError(
        `The clone is not what production was:\n${faults.map((fault) => `  ${fault}`).join("\n")}\nIt was dropped; staging's database is as it was.`,
      );
    await applyDatabaseSettings(client, incoming, settings);
  } catch (error) {
    await dropDatabase(client, incoming);
    throw error;
  }
}

/** What staging's ledger knows, which outlives the clone that comes; read again right before that. */
async function readStagingLedger(
  staging: DatabaseAddress,
): Promise<{ history: LedgerHistory; open: number | null; isClone: boolean }> {
  return withClient(staging, { name: "ledger" }, async (client) => {
    await ensureLedger(client);
    const { openAttempt } = await readLedger(client);
    const { rows } = await client.query<{ id: string }>(
      `SELECT restored_backup AS id FROM ${ledgerSchema}.attempts WHERE restored_backup IS NOT NULL ORDER BY attempt DESC LIMIT 1`,
    );
    const isClone = rows[0]?.id.startsWith(clonePrefix) ?? false;
    return { history: await readHistory(client), open: openAttempt?.attempt ?? null, isClone };
  });
}

/**
 * Gives the clone staging's history, and the clone itself as an attempt that succeeded: what production's ledger says of
 * revisions stays, as the schema does; its attempts are not staging's, and the next one follows them all.
 */
async function carryLedger(clone: DatabaseAddress, wish: CloneWish, history: LedgerHistory): Promise<void> {
  const { stack, release, revision, environmentDigest, site } = wish;
  await withClient(clone, { name: "ledger" }, async (client) => {
    await ensureLedger(client);
    const known = history.attempts.map((row) => Number((row as { attempt?: unknown }).attempt));
    const number = Math.max(nextAttempt(await readLedger(client)), 1 + Math.max(0, ...known));
    const opened = {
      stack,
      host: hostname(),
      pid: process.pid,
      programVersion,
      planId: idOf(clonePrefix, wish),
      reviewedPlan: null,
      fromVersion: release,
      toVersion: release,
      direction: "none" as const,
    };
    await carryHistory(client, history, { number, opened, backup: idOf(clonePrefix, wish), wish: null });
    await closeSucceeded(client, { attempt: number, revision, environmentDigest });
    await keepAttemptNumber(site, number);
  });
}

interface Swapping extends Work {
  readonly incoming: string;
  readonly before: string;
  readonly backup: string;
}

async function swap(client: Client, swapping: Swapping, activity: Activity): Promise<void> {
  const { wish, lock, incoming, before, backup } = swapping;
  const { staging, site, stack, release } = wish;
  const holder = { stack, host: hostname(), pid: process.pid };
  await stopServices(site, release, activity);
  try {
    const server = await acquireServerLock(staging, { holder });
    try {
      // A session on the database would be in the way of its renaming.
      await lock.release();
      await swapDatabases(client, {
        database: staging.database,
        incoming,
        before,
        backup,
        signal: activity.signal,
        progress: (line) => activity.progress(line.replace(/^restore/, "clone")),
      });
      activity.progress(`clone: '${staging.database}' is the clone now`);
    } finally {
      await server.release();
    }
  } finally {
    // Whichever of the two databases has the name now: without its services staging is of no use to anybody.
    await startServices(site, release, { ...activity, signal: new AbortController().signal });
  }
}
