import type { Client } from "./connection";
import { type Counts, listTables } from "./counts";
import { ledgerSchema } from "./ledger-schema";

/** A moment of a server, by which what is written later is told from what was there. */
export interface WriteMark {
  /** The transaction number that was next; null where somebody was writing at that very moment. */
  readonly transaction: string | null;
  /** Last value of each sequence, which moves outside of transactions. */
  readonly sequences: Readonly<Record<string, string>>;
}

/** @param client - in a transaction whose snapshot is the moment */
export async function readWriteMark(client: Client): Promise<WriteMark> {
  const { rows } = await client.query<{ transaction: string | null }>(
    `SELECT CASE WHEN pg_snapshot_xmin(s) = pg_snapshot_xmax(s)
              THEN (pg_snapshot_xmax(s)::text::numeric % 4294967296)::text END AS transaction
     FROM pg_current_snapshot() s`,
  );
  return { transaction: rows[0]?.transaction ?? null, sequences: await readSequences(client) };
}

async function readSequences(client: Client): Promise<Record<string, string>> {
  const { rows } = await client.query<{ name: string; value: string }>(
    `SELECT format('%I.%I', schemaname, sequencename) AS name, coalesce(last_value::text, '') AS value
     FROM pg_catalog.pg_sequences WHERE schemaname <> '${ledgerSchema}'`,
  );
  return Object.fromEntries(rows.map(({ name, value }) => [name, value]));
}

/**
 * What of the installation's data has been written since a mark, or may have been: a row that is there carries the number of
 * the transaction that wrote it, and one that is gone is missing in the count. Empty is a proof that nothing was.
 *
 * @param client - in a transaction of which nobody else writes any more
 * @param counts - exact rows at the mark
 */
export async function writtenSince(client: Client, mark: WriteMark, counts: Counts): Promise<string[]> {
  if (mark.transaction === null) return ["a transaction that was under way"];
  await client.query("SET LOCAL row_security = off; SET LOCAL lock_timeout = '60s'");
  const { rows: large } = await client.query("SELECT FROM pg_catalog.pg_largeobject_metadata LIMIT 1");
  if (large.length > 0) return ["large objects, of which nothing tells"];
  const written: string[] = [];
  const tables = await listTables(client);
  for (const { name, from } of [...tables, { name: "comments", from: "pg_catalog.pg_description" }]) {
    // Numbers go round: only their distance from the next one can be compared.
    const { rows } = await client.query<{ count: string; later: string }>(
      `SELECT count(*) AS count, count(*) FILTER (WHERE age(xmin) <= age($1::text::xid)) AS later FROM ${from}`,
      [mark.transaction],
    );
    const isCounted = name === "comments" || rows[0]?.count === String(counts[name]);
    if (!isCounted || rows[0]?.later !== "0") written.push(name);
  }
  const sequences = await readSequences(client);
  const moved = new Set([...Object.keys(sequences), ...Object.keys(mark.sequences)]);
  return [...written, ...[...moved].filter((name) => sequences[name] !== mark.sequences[name])];
}
