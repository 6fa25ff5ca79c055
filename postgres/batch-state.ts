import type { Client } from "./connection";
import { ledgerSchema } from "./ledger-schema";

/**
 * Batches that have begun and not ended. Rows whose key is not above `cursor` are in the form that `direction` leads to,
 * all others in the form before, whichever way it is heading.
 */
export interface UnfinishedBatches {
  readonly revision: string;
  /** Where the revision was going when it began. */
  readonly direction: "up" | "down";
  /** Where it was going last: the other way once it is being undone. */
  readonly heading: "up" | "down";
  readonly release: string;
  /** SHA-256 of the migration file. */
  readonly checksum: string;
  readonly relation: string;
  readonly keyColumns: readonly string[];
  /** How many statements before and after the batches are done, of the section of `heading`. */
  readonly position: number;
  /** The key of the last row that is done, as text; null when none is. */
  readonly cursor: readonly string[] | null;
  readonly rowsDone: number;
  /** Null when they were too many to count. */
  readonly rowsTotal: number | null;
}

const columns = `revision, direction, heading, release, checksum, relation, key_columns AS "keyColumns", position, cursor,
  rows_done::float8 AS "rowsDone", rows_total::float8 AS "rowsTotal"`;

/** What stands half-done; null when nothing does, or the ledger is older than batches. Safe in a READ ONLY session. */
export async function readUnfinishedBatches(client: Client): Promise<UnfinishedBatches | null> {
  const { rows: tables } = await client.query(
    `SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = '${ledgerSchema}' AND c.relname = 'batches'`,
  );
  if (tables.length === 0) return null;
  return (await client.query<UnfinishedBatches>(`SELECT ${columns} FROM ${ledgerSchema}.batches`)).rows[0] ?? null;
}

/** The same within a batch's transaction: nobody else can go on from there until it ends. */
export async function lockUnfinishedBatches(client: Client): Promise<UnfinishedBatches | null> {
  const { rows } = await client.query<UnfinishedBatches>(`SELECT ${columns} FROM ${ledgerSchema}.batches FOR UPDATE`);
  return rows[0] ?? null;
}

type Beginning = Pick<UnfinishedBatches, "revision" | "direction" | "release" | "checksum" | "relation" | "keyColumns">;

/** Notes that a revision begins. */
export async function beginBatches(client: Client, begun: Beginning, attempt: number): Promise<void> {
  const { revision, direction, release, checksum, relation, keyColumns } = begun;
  await client.query(
    `INSERT INTO ${ledgerSchema}.batches (revision, direction, heading, release, checksum, relation, key_columns, attempt)
     VALUES ($1, $2, $2, $3, $4, $5, $6, $7)`,
    [revision, direction, release, checksum, relation, keyColumns, attempt],
  );
}

/** Notes that what was done is being undone, or gone on with after all. */
export async function turnBatches(client: Client, heading: "up" | "down", attempt: number): Promise<void> {
  await client.query(
    `UPDATE ${ledgerSchema}.batches SET heading = $1, position = 0, attempt = $2, updated_at = clock_timestamp()`,
    [heading, attempt],
  );
}

/** Notes how many of the statements around the batches are done. */
export async function noteStatement(client: Client, position: number): Promise<void> {
  await client.query(`UPDATE ${ledgerSchema}.batches SET position = $1, updated_at = clock_timestamp()`, [position]);
}

/** Notes how far the batches have come; belongs into the transaction of the batch. */
export async function noteBatch(
  client: Client,
  done: { readonly cursor: readonly string[] | null; readonly rows: number },
): Promise<void> {
  await client.query(
    `UPDATE ${ledgerSchema}.batches SET cursor = $1, rows_done = greatest(rows_done + $2, 0), updated_at = clock_timestamp()`,
    [done.cursor, done.rows],
  );
}

/** Notes how many rows there are in all. */
export async function noteTotal(client: Client, rows: number): Promise<void> {
  await client.query(`UPDATE ${ledgerSchema}.batches SET rows_total = $1`, [rows]);
}

/** Forgets them: belongs into the transaction that stamps the revision. */
export async function endBatches(client: Client): Promise<void> {
  await client.query(`DELETE FROM ${ledgerSchema}.batches`);
}
