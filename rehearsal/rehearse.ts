import { hostname } from "node:os";

import { loadBeside } from "../backup/beside";
import { loadCluster } from "../backup/cluster";
import { loadSchema } from "../backup/compare";
import type { Manifest } from "../backup/manifest";
import { withOpenBackup } from "../backup/open";
import { dropDeadScratches } from "../backup/scratch";
import { schemaAttempt } from "../migrate/attempt";
import { lookAtSchema } from "../migrate/look";
import type { Activity } from "../phases/attempt";
import { describeServer } from "../phases/observe";
import { type Site, toolPlace } from "../phases/site";
import { findRelease } from "../planner/chain";
import { moveSchema, type SchemaMove } from "../planner/schema-move";
import { checkInvariant } from "../postgres/checks";
import { type Client, type DatabaseAddress, withClient } from "../postgres/connection";
import { rolesOf } from "../postgres/database-settings";
import { dropDatabase, newMark, readDatabaseRights, removeMark } from "../postgres/databases";
import { closeSucceeded, ensureLedger, openAttempt } from "../postgres/ledger";
import { acquireUpgradeLock } from "../postgres/lock";
import { withMaintenance } from "../postgres/maintenance";
import { type Measure, readMeasures } from "../postgres/measures";
import { applyRevisions, type RevisionResult } from "../postgres/runner";
import { compareSchemas, readSchemaLines } from "../postgres/schema-lines";
import { compareFingerprints, fingerprintTables, type TableFingerprints } from "../postgres/table-fingerprints";
import { inTransaction } from "../postgres/transaction";
import type { Catalogue, Migration } from "../releases/release";
import type { GoodBackup } from "./choose";
import { ScratchError } from "./scratch";

/** What is to be rehearsed, and where. */
export interface RehearsalWish {
  readonly site: Site;
  readonly catalogue: Catalogue;
  readonly backup: GoodBackup;
  /** Version of the release that is led to. */
  readonly to: string;
  /** Places in the chain: that of the backup, and that of the release. */
  readonly here: number;
  readonly place: number;
  /** The installation's own database: only its name is used here. */
  readonly live: DatabaseAddress;
  readonly scratch: DatabaseAddress;
  /** Whether the scratch database stays. */
  readonly keep: boolean;
}

/** What a rehearsal has found. */
export interface Rehearsal {
  /** Of each way, in order: the revisions with their times. Without a way down, only the first. */
  readonly up: readonly RevisionResult[];
  readonly down: readonly RevisionResult[];
  readonly upAgain: readonly RevisionResult[];
  /** Revisions that have no way down; then only the way up was gone. */
  readonly dead: readonly Migration[];
  /** Rows of the whole database before. */
  readonly rows: number;
  readonly tables: number;
  /** What differs: the release's invariants after the way up, the state after the way down, that after the second way up. */
  readonly invariants: readonly string[];
  readonly afterDown: readonly string[];
  readonly afterUpAgain: readonly string[];
  /** How long the statements of the first way up and of the way down took. */
  readonly measures: readonly Measure[];
  /** Data that the way down loses, as its files say: then differences are to be expected. */
  readonly loses: readonly string[];
}

/**
 * Loads a backup into a scratch database, takes it up to a release, down again and up again with the very code that an
 * upgrade runs, and compares schema and rows. The scratch database is dropped at the end, whatever comes out.
 *
 * @throws RevisionError, BackupError or what cancelled it; the installation's own database is not touched by any of it
 */
export async function rehearse(wish: RehearsalWish, activity: Activity): Promise<Rehearsal> {
  const { site, backup, scratch, live, keep } = wish;
  const { progress } = activity;
  const options = { identityFile: site.backup.identityFile, ...activity };
  return withMaintenance(scratch, { name: "rehearse" }, async (client) => {
    await dropDeadScratches(client, live, progress);
    await withOpenBackup(backup.path, options, (folder, manifest) =>
      load(client, { wish, folder, manifest }, activity),
    );
    try {
      const found = await thereAndBack(wish, activity);
      if (keep) await removeMark(client, scratch.database, null);
      return found;
    } finally {
      if (!keep || activity.signal.aborted) await dropDatabase(client, scratch.database);
    }
  });
}

interface Loading {
  readonly wish: RehearsalWish;
  readonly folder: string;
  readonly manifest: Manifest;
}

async function load(client: Client, { wish, folder, manifest }: Loading, activity: Activity): Promise<void> {
  const { site, catalogue, scratch, live } = wish;
  const { counts, revision, release } = manifest;
  const invariants = findRelease(catalogue, release)?.invariants ?? [];
  const { database } = await loadCluster(folder);
  const { roles } = await readDatabaseRights(client, scratch.database);
  const missing = rolesOf(database).filter((role) => !roles.includes(role));
  if (missing.length > 0)
    throw new ScratchError(
      `The server of the scratch database has no role '${missing.join("', '")}', which the backup needs. Make it there: CREATE ROLE ...`,
    );
  await loadBeside(client, {
    address: scratch,
    settings: { ...database, owner: scratch.user },
    mark: newMark("rehearse", { database: live.database, backup: manifest.id }),
    folder,
    manifest,
    expected: { counts, revision, invariants, schema: await loadSchema(folder) },
    jobs: site.backup.jobs,
    inside: toolPlace(site),
    label: "rehearse",
    ...activity,
  });
}

async function thereAndBack(wish: RehearsalWish, activity: Activity): Promise<Rehearsal> {
  const { catalogue, scratch, here, place, to } = wish;
  const holder = { stack: "rehearse", host: hostname(), pid: process.pid };
  const lock = await acquireUpgradeLock(scratch, { holder });
  try {
    const watched = { ...activity, signal: AbortSignal.any([activity.signal, lock.lost]) };
    const go = (move: SchemaMove) => run(wish, move, watched);
    const start = await readState(scratch, watched);
    const { look } = await lookAtSchema(scratch, catalogue);
    const found = { server: describeServer(look), tables: look.tables, serves: null };
    const forth = moveSchema(catalogue, { here, place, ...found });
    const back = moveSchema(catalogue, { here: place, place: here, ...found });
    if ("dead" in forth) throw new Error("A way up has no revision without a way.");
    const up = await go(forth);
    const first = await readState(scratch, watched);
    const basic = { up: up.results, ...sizeOf(start), invariants: await judgeInvariants(scratch, catalogue, to) };
    if ("dead" in back) {
      const measures = await measuresOf(scratch, [up]);
      return { ...basic, measures, down: [], upAgain: [], dead: back.dead, afterDown: [], afterUpAgain: [], loses: [] };
    }
    const down = await go(back);
    const measures = await measuresOf(scratch, [up, down]);
    const afterDown = compareStates(start, await readState(scratch, watched));
    const upAgain = await go(forth);
    const afterUpAgain = compareStates(first, await readState(scratch, watched));
    const ways = { down: down.results, upAgain: upAgain.results, dead: [], loses: back.loss.kinds };
    return { ...basic, ...ways, measures, afterDown, afterUpAgain };
  } finally {
    await lock.release();
  }
}

/** A way that was gone, as an attempt in the scratch database's own ledger. */
interface Gone {
  readonly attempt: number;
  readonly results: readonly RevisionResult[];
}

async function run({ scratch, site }: RehearsalWish, move: SchemaMove, activity: Activity): Promise<Gone> {
  const attempt = await withClient(scratch, { name: "ledger" }, async (client) => {
    await ensureLedger(client);
    return openAttempt(client, schemaAttempt("rehearse", move));
  });
  const { lockTimeout, retries, concurrentlyTimeout } = site.migration;
  const results = await applyRevisions({
    address: scratch,
    steps: move.steps,
    attempt,
    lockTimeoutMs: lockTimeout * 1000,
    retries,
    concurrentlyTimeoutMs: concurrentlyTimeout * 1000,
    commands: { look: "octollm backups list", again: "octollm rehearse" },
    ...activity,
  });
  const outcome = { attempt, revision: move.after, environmentDigest: null };
  await withClient(scratch, { name: "ledger" }, (client) => closeSucceeded(client, outcome));
  return { attempt, results };
}

async function measuresOf(scratch: DatabaseAddress, ways: readonly Gone[]): Promise<Measure[]> {
  const all = await withClient(scratch, { name: "measures", readOnly: true }, readMeasures);
  return all.filter((measure) => ways.some(({ attempt }) => attempt === measure.attempt));
}

/** Everything that a rehearsal compares. */
interface State {
  readonly schema: readonly string[];
  readonly tables: TableFingerprints;
}

async function readState(scratch: DatabaseAddress, { signal, progress }: Activity): Promise<State> {
  signal.throwIfAborted();
  progress("rehearse: reading every row and object");
  return withClient(scratch, { name: "fingerprint", readOnly: true }, async (client) => {
    const tables = await fingerprintTables(client);
    const how = "ISOLATION LEVEL REPEATABLE READ READ ONLY";
    return { tables, schema: await inTransaction(client, how, () => readSchemaLines(client)) };
  });
}

function compareStates(expected: State, actual: State): string[] {
  const { missing, added } = compareSchemas(expected.schema, actual.schema);
  return [
    ...missing.map((line) => `is missing: ${line}`),
    ...added.map((line) => `is new: ${line}`),
    ...compareFingerprints(expected.tables, actual.tables),
  ];
}

function sizeOf({ tables }: State): { rows: number; tables: number } {
  const all = Object.values(tables);
  return { rows: all.reduce((sum, { rows }) => sum + rows, 0), tables: all.length };
}

async function judgeInvariants(scratch: DatabaseAddress, catalogue: Catalogue, to: string): Promise<string[]> {
  const invariants = findRelease(catalogue, to)?.invariants ?? [];
  return withClient(scratch, { name: "invariants", readOnly: true }, async (client) => {
    const faults: string[] = [];
    for (const invariant of invariants) {
      const { check, passed, detail } = await checkInvariant(client, invariant);
      if (!passed) faults.push(`${check}: ${detail}`);
    }
    return faults;
  });
}
