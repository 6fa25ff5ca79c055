import { readUnfinishedBatches } from "./batch-state";
import type { Client } from "./connection";
import {
  type AppliedRevision,
  type Attempt,
  attemptColumns,
  type Ledger,
  type LedgerPhase,
  type NewAttempt,
  scopeColumn,
} from "./ledger-records";
import { ledgerMigrations, ledgerSchema, ledgerVersion } from "./ledger-schema";
import { inTransaction } from "./transaction";

export type { AppliedRevision, Attempt, AttemptStatus, Ledger, LedgerPhase, NewAttempt } from "./ledger-records";
export { ledgerSchema, ledgerVersion } from "./ledger-schema";

/** The ledger cannot be used as asked; nothing was written. */
export class LedgerError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "LedgerError";
  }
}

async function readVersion(client: Client): Promise<number> {
  // to_regclass would answer from a cache that does not know yet what another session has just made.
  const { rows } = await client.query(
    `SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = '${ledgerSchema}' AND c.relname = 'ledger'`,
  );
  if (rows.length === 0) return 0;
  const version = await client.query<{ version: number }>(`SELECT max(version) AS version FROM ${ledgerSchema}.ledger`);
  return version.rows[0]?.version ?? 0;
}

function refuseNewer(version: number): void {
  if (version <= ledgerVersion) return;
  throw new LedgerError(
    `The ledger in schema ${ledgerSchema} was written by a newer version of this program (its version is ${version}, this program knows ${ledgerVersion}). Nothing was changed. Use the newer program.`,
  );
}

/**
 * Makes the ledger, or brings one of an earlier version of this program up to date; harmless when it is there.
 *
 * @throws LedgerError when a newer program has written it
 */
export async function ensureLedger(client: Client): Promise<void> {
  if ((await readVersion(client)) === ledgerVersion) return;
  await inTransaction(client, "", async () => {
    // Two programs that make the schema at once would collide in the catalogue.
    await client.query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [ledgerSchema]);
    const version = await readVersion(client);
    refuseNewer(version);
    for (const migration of ledgerMigrations.slice(version)) await client.query(migration);
  });
}

/**
 * Reads the ledger; one that does not exist reads as empty. Safe in a READ ONLY session.
 *
 * @throws LedgerError when a newer program has written it
 */
export async function readLedger(client: Client): Promise<Ledger> {
  const schemaVersion = await readVersion(client);
  refuseNewer(schemaVersion);
  if (schemaVersion === 0) return emptyLedger;
  const pick = async (condition: string) =>
    (
      await client.query<Attempt>(
        `SELECT ${attemptColumns} FROM ${ledgerSchema}.attempts WHERE ${condition} ORDER BY attempt DESC LIMIT 1`,
      )
    ).rows[0] ?? null;
  const ofInstallation = `${scopeColumn} = 'installation'`;
  const { rows: appliedRevisions } = await client.query<AppliedRevision>(
    `SELECT revision, down_revision AS "downRevision", release, checksum, attempt, applied_at AS "appliedAt",
            duration_ms::float8 AS "durationMs", down_sql AS "downSql"
     FROM ${ledgerSchema}.revisions WHERE undone_at IS NULL ORDER BY id`,
  );
  return {
    schemaVersion,
    lastAttempt: await pick("true"),
    openAttempt: await pick("status = 'open'"),
    lastInstallation: await pick(ofInstallation),
    lastSucceeded: await pick(`status = 'succeeded' AND ${ofInstallation}`),
    lastWished: await pick(
      "to_jsonb(attempts) ->> 'restore_wish' IS NOT NULL AND to_jsonb(attempts) ->> 'restored_backup' IS NOT NULL",
    ),
    appliedRevisions,
    unfinishedBatches: await readUnfinishedBatches(client),
  };
}

/** The ledger of a database that has none. */
export const emptyLedger: Ledger = {
  schemaVersion: 0,
  lastAttempt: null,
  openAttempt: null,
  lastInstallation: null,
  lastSucceeded: null,
  lastWished: null,
  appliedRevisions: [],
  unfinishedBatches: null,
};

/** The number that the next attempt will get, so that a preview can name it. */
export function nextAttempt(ledger: Ledger): number {
  return (ledger.lastAttempt?.attempt ?? 0) + 1;
}

/**
 * Opens an attempt; one that a dead run left open becomes `superseded`. Numbers are dense.
 *
 * @param attempt - `expected` is the number that the plan was made with
 * @returns the attempt's number
 * @throws LedgerError when `expected` was given to another attempt meanwhile; nothing is written then
 */
export async function openAttempt(client: Client, attempt: NewAttempt): Promise<number> {
  return inTransaction(client, "", async () => {
    await client.query(`LOCK TABLE ${ledgerSchema}.attempts IN SHARE ROW EXCLUSIVE MODE`);
    const { rows } = await client.query<{ number: number }>(
      `SELECT coalesce(max(attempt), 0) + 1 AS number FROM ${ledgerSchema}.attempts`,
    );
    const number = rows[0]?.number ?? 1;
    if (attempt.expected !== undefined && attempt.expected !== number)
      throw new LedgerError(
        `The plan is for attempt ${attempt.expected}, but the ledger is at attempt ${number}: somebody has upgraded since. Nothing was changed. Look at a new plan: npx octollm preview`,
      );
    await client.query(
      `UPDATE ${ledgerSchema}.attempts SET status = 'superseded', finished_at = clock_timestamp() WHERE status = 'open'`,
    );
    await client.query(
      `INSERT INTO ${ledgerSchema}.attempts (attempt, stack, host, pid, program_version, plan_id, reviewed_plan,
         from_version, to_version, direction, restored_backup, restore_wish, scope)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
      [
        number,
        attempt.stack,
        attempt.host,
        attempt.pid,
        attempt.programVersion,
        attempt.planId,
        attempt.reviewedPlan,
        attempt.fromVersion,
        attempt.toVersion,
        attempt.direction,
        attempt.restored?.backup ?? null,
        attempt.restored?.wish ?? null,
        attempt.scope ?? "installation",
      ],
    );
    return number;
  });
}

async function updateAttempt(client: Client, attempt: number, assignments: string, values: unknown[]): Promise<void> {
  const { rowCount } = await client.query(`UPDATE ${ledgerSchema}.attempts SET ${assignments} WHERE attempt = $1`, [
    attempt,
    ...values,
  ]);
  if (rowCount !== 1) throw new LedgerError(`The ledger has no attempt ${attempt}. Nothing was written to it.`);
}

/**
 * Notes how far an attempt has come: an event, and for `started` the attempt's phase.
 *
 * @param record - `detail` must hold no secret
 */
export async function recordPhase(client: Client, record: Omit<LedgerPhase, "at">): Promise<void> {
  await inTransaction(client, "", async () => {
    await updateAttempt(client, record.attempt, "phase = CASE WHEN $3 = 'note' THEN phase ELSE $2 END", [
      record.phase,
      record.status,
    ]);
    await client.query(`INSERT INTO ${ledgerSchema}.events (attempt, phase, status, detail) VALUES ($1, $2, $3, $4)`, [
      record.attempt,
      record.phase,
      record.status,
      record.detail ?? null,
    ]);
  });
}

/** Keeps the row counts taken once the writers were stopped. */
export async function recordCounts(
  client: Client,
  record: { attempt: number; counts: Readonly<Record<string, number>> },
): Promise<void> {
  await updateAttempt(client, record.attempt, "counts = $2", [JSON.stringify(record.counts)]);
}

/** Keeps the id of the backup that this attempt rests on. */
export async function recordBackup(client: Client, record: { attempt: number; backupId: string }): Promise<void> {
  await updateAttempt(client, record.attempt, "backup_id = $2", [record.backupId]);
}

/** Closes an attempt that reached its end, with what it leaves behind. */
export async function closeSucceeded(
  client: Client,
  record: { attempt: number; revision: string | null; environmentDigest: string | null },
): Promise<void> {
  await updateAttempt(
    client,
    record.attempt,
    "status = 'succeeded', revision = $2, environment_digest = $3, finished_at = clock_timestamp()",
    [record.revision, record.environmentDigest],
  );
}

/**
 * Closes an attempt that did not.
 *
 * @param record - `error` is what the operator was told; it must hold no secret
 */
export async function closeFailed(client: Client, record: { attempt: number; error: string }): Promise<void> {
  await updateAttempt(client, record.attempt, "status = 'failed', error = $2, finished_at = clock_timestamp()", [
    record.error,
  ]);
}
