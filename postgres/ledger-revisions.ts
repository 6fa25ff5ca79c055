import type { RevisionStep } from "../planner/plan";
import type { Client } from "./connection";
import { ledgerSchema } from "./ledger-schema";

interface Done {
  readonly step: RevisionStep;
  readonly attempt: number;
  readonly milliseconds: number;
}

/** Writes into the ledger that a step was done; belongs into the transaction that stamps `alembic_version`. */
export async function recordRevision(client: Client, done: Done): Promise<void> {
  await (done.step.direction === "up" ? recordApplied(client, done) : recordUndone(client, done));
}

/**
 * Closes the rows of revisions that somebody else has undone: `alembic_version` is the authority, and Alembic itself does
 * not know the ledger.
 *
 * @param standing - every revision up to the one that the database is at
 * @returns the revisions that were undone elsewhere
 */
export async function recordUndoneElsewhere(client: Client, standing: readonly string[]): Promise<string[]> {
  const { rows } = await client.query<{ revision: string }>(
    `UPDATE ${ledgerSchema}.revisions SET undone_at = clock_timestamp()
     WHERE undone_at IS NULL AND revision <> ALL ($1::text[]) RETURNING revision`,
    [standing],
  );
  return rows.map(({ revision }) => revision);
}

async function recordApplied(client: Client, { step, attempt, milliseconds }: Done): Promise<void> {
  // A row that still stands was undone by Alembic itself, which does not know the ledger.
  await client.query(
    `UPDATE ${ledgerSchema}.revisions SET undone_at = clock_timestamp() WHERE revision = $1 AND undone_at IS NULL`,
    [step.revision],
  );
  await client.query(
    `INSERT INTO ${ledgerSchema}.revisions (revision, down_revision, release, checksum, attempt, applied_at, duration_ms, down_sql)
     VALUES ($1, $2, $3, $4, $5, clock_timestamp(), $6, $7)`,
    [
      step.revision,
      step.before,
      step.release,
      step.checksum,
      attempt,
      Math.round(milliseconds),
      step.undo?.join("\n") ?? null,
    ],
  );
}

async function recordUndone(client: Client, { step, attempt, milliseconds }: Done): Promise<void> {
  const { rowCount } = await client.query(
    `UPDATE ${ledgerSchema}.revisions SET undone_at = clock_timestamp(), undone_attempt = $2, undone_duration_ms = $3
     WHERE revision = $1 AND undone_at IS NULL`,
    [step.revision, attempt, Math.round(milliseconds)],
  );
  if (rowCount !== 0) return;
  // Applied before the ledger knew this database: only its end is told.
  await client.query(
    `INSERT INTO ${ledgerSchema}.revisions (revision, down_revision, release, checksum, down_sql, undone_at, undone_attempt, undone_duration_ms)
     VALUES ($1, $2, $3, $4, $5, clock_timestamp(), $6, $7)`,
    [step.revision, step.after, step.release, step.checksum, step.sql.join("\n"), attempt, Math.round(milliseconds)],
  );
}

/** What the ledger says of a revision last: applied and standing, or undone. */
export interface RevisionRecord {
  readonly revision: string;
  /** The attempt that applied it; null when somebody else did. */
  readonly attempt: number | null;
  readonly appliedAt: string | null;
  readonly durationMs: number | null;
  readonly undoneAt: string | null;
  /** The attempt that undid it; null when somebody else did, or it stands. */
  readonly undoneAttempt: number | null;
}

/** The last row of every revision that the ledger knows. Safe in a READ ONLY session; the ledger must be there. */
export async function readRevisionRecords(client: Client): Promise<RevisionRecord[]> {
  const { rows } = await client.query<RevisionRecord>(
    `SELECT DISTINCT ON (revision) revision, attempt, applied_at AS "appliedAt", duration_ms::float8 AS "durationMs",
            undone_at AS "undoneAt", undone_attempt AS "undoneAttempt"
     FROM ${ledgerSchema}.revisions ORDER BY revision, id DESC`,
  );
  return rows;
}
