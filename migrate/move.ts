import { hostname } from "node:os";
import { dirname, join } from "node:path";

import { backupInstallation } from "../backup/backup";
import { type Activity, withLedger } from "../phases/attempt";
import { backupId } from "../phases/backup";
import { enterAttempt } from "../phases/preflight";
import { findRelease, standingRevisions } from "../planner/chain";
import type { SchemaMove } from "../planner/schema-move";
import { compareCounts } from "../postgres/checks";
import { type DatabaseAddress, withClient } from "../postgres/connection";
import { countRows, type Counts } from "../postgres/counts";
import { errorText } from "../postgres/errors";
import { type Attempt, closeFailed, closeSucceeded, recordBackup, recordCounts, recordPhase } from "../postgres/ledger";
import { acquireUpgradeLock } from "../postgres/lock";
import { applyRevisions } from "../postgres/runner";
import type { Catalogue } from "../releases/release";
import { schemaAttempt } from "./attempt";
import { refuseClients } from "./clients";
import type { SchemaLook } from "./look";

/** Name of these runs in the ledger and in the lock, where other runs have their stack's. */
export const stackName = "migrate";

/** The backup that is made first. */
export interface BackupWish {
  readonly folder: string;
  readonly environmentFile: string;
  readonly jobs: number;
  readonly recipients: readonly string[];
}

/** What is to be done, as its operator has seen it. */
export interface MoveRequest {
  readonly address: DatabaseAddress;
  readonly catalogue: Catalogue;
  readonly move: SchemaMove;
  /** Version of the release that serves, as far as it is known: the backup is one of it. */
  readonly serves: string;
  /** Null when the operator has said so by name, or there is nothing to lose. */
  readonly backup: BackupWish | null;
  /** What to type when it failed. */
  readonly again: string;
}

/** What was done. */
export interface Moved {
  readonly attempt: number;
  readonly backup: string | null;
}

/**
 * Takes the schema to another revision under the upgrade lock, as an attempt of its own in the ledger.
 *
 * @param lookAgain - looks at the database again once the lock is held, and throws when the move is another one now
 * @throws UpgradeLockedError while somebody else upgrades; RevisionError and BackupError with how things stand
 */
export async function moveUnderLock(
  request: MoveRequest,
  lookAgain: () => Promise<SchemaLook>,
  activity: Activity,
): Promise<Moved> {
  const { address, move } = request;
  const holder = { stack: stackName, host: hostname(), pid: process.pid };
  const lock = await acquireUpgradeLock(address, { holder });
  try {
    const seen = await lookAgain();
    if (move.stops.length > 0) await refuseClients(address, move.stops);
    const attempt = await open(request, seen);
    const signal = AbortSignal.any([activity.signal, lock.lost]);
    return await carryOut(request, attempt, { ...activity, signal });
  } finally {
    await lock.release();
  }
}

async function open({ address, catalogue, move }: MoveRequest, { look }: SchemaLook): Promise<number> {
  const opened = schemaAttempt(stackName, move);
  const standing = standingRevisions(catalogue, look.database.revisions);
  return withLedger({ address }, (client) => enterAttempt(client, opened, standing));
}

async function carryOut(request: MoveRequest, attempt: number, activity: Activity): Promise<Moved> {
  const { address, move } = request;
  const note = (phase: string, status: "started" | "done") =>
    withLedger({ address }, (client) => recordPhase(client, { attempt, phase, status }));
  try {
    const backup = request.backup && (await backUp(request, request.backup, attempt, activity));
    await note("SchemaMigration", "started");
    if (move.stops.length > 0) await refuseClients(address, move.stops);
    const { steps } = move;
    const commands = { look: "octollm migrate current", again: request.again };
    await applyRevisions({ address, steps, attempt, commands, ...activity });
    if (move.stops.length > 0 && backup) await compareRows(address, backup.counts);
    await note("SchemaMigration", "done");
    const outcome = { attempt, revision: move.after, environmentDigest: null };
    await withLedger({ address }, (client) => closeSucceeded(client, outcome));
    return { attempt, backup: backup?.path ?? null };
  } catch (error) {
    const failure = errorText(error);
    await withLedger({ address }, (client) => closeFailed(client, { attempt, error: failure })).catch(() => undefined);
    throw error;
  }
}

async function backUp(request: MoveRequest, wish: BackupWish, attempt: number, activity: Activity) {
  const { address, catalogue, move, serves, again } = request;
  const { folder, environmentFile, jobs, recipients } = wish;
  const result = await backupInstallation({
    address,
    folder,
    id: backupId(serves, attempt),
    envFile: environmentFile,
    configFolder: join(dirname(environmentFile), "config"),
    release: serves,
    revision: move.before,
    planId: move.id,
    attempt,
    jobs,
    inside: null,
    verify: "checksums",
    invariants: findRelease(catalogue, serves)?.invariants ?? [],
    recipients,
    again,
    ...activity,
  });
  await withLedger({ address }, async (client) => {
    await recordCounts(client, { attempt, counts: result.counts });
    await recordBackup(client, { attempt, backupId: result.id });
  });
  return result;
}

/** With everybody stopped, revisions leave every table with the rows that it had. */
async function compareRows(address: DatabaseAddress, before: Counts): Promise<void> {
  const after = await withClient(address, { name: "counts", readOnly: true }, countRows);
  const wrong = compareCounts(before, after).filter(({ passed }) => !passed);
  if (wrong.length === 0) return;
  const list = wrong.map(({ check, detail }) => `  ${check}: ${detail}`).join("\n");
  throw new Error(`The revisions are done, and have changed the number of rows, which they must not:\n${list}`);
}

/** Closes an attempt that was killed when all its revisions were done. */
export async function finishAttempt(address: DatabaseAddress, { attempt }: Attempt, move: SchemaMove): Promise<void> {
  const holder = { stack: stackName, host: hostname(), pid: process.pid };
  const lock = await acquireUpgradeLock(address, { holder });
  try {
    const outcome = { attempt, revision: move.after, environmentDigest: null };
    await withLedger({ address }, (client) => closeSucceeded(client, outcome));
  } finally {
    await lock.release();
  }
}
