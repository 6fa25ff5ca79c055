import type { Client } from "./connection";
import { userRelations } from "./facts";
import { relationName, strictIdentifier } from "./identifiers";
import { inTransaction } from "./transaction";

/** Exact rows per table, keyed `tasks` in schema public and `schema.table` elsewhere. */
export type Counts = Readonly<Record<string, number>>;

/**
 * Counts every table of the installation exactly, in one snapshot; `alembic_version` and the ledger are left out.
 *
 * @param client - a session that is not in a transaction
 */
export async function countRows(client: Client): Promise<Counts> {
  return inTransaction(client, "ISOLATION LEVEL REPEATABLE READ READ ONLY", () => countsInSnapshot(client));
}

/**
 * The same within the transaction that the session is in, whose snapshot it counts.
 *
 * @throws when row security would hide rows from this role: a count of some rows is none
 */
export async function countsInSnapshot(client: Client): Promise<Counts> {
  // Nor may a count wait for ever for a table that somebody holds exclusively.
  await client.query("SET LOCAL row_security = off; SET LOCAL lock_timeout = '60s'");
  const counts: Record<string, number> = {};
  for (const { name, from } of await listTables(client)) {
    const { rows } = await client.query<{ count: string }>(`SELECT count(*) AS count FROM ${from}`);
    counts[name] = Number(rows[0]?.count);
  }
  return counts;
}

/** A table whose rows are the installation's. */
export interface CountedTable {
  /** `tasks` in schema public, `schema.table` elsewhere. */
  readonly name: string;
  /** What stands after FROM, so that each row comes once. */
  readonly from: string;
}

/** Every table of the installation; `alembic_version` and the ledger are left out. */
export async function listTables(client: Client): Promise<CountedTable[]> {
  // A partitioned table counts as one; an inheritance parent must not count its children twice.
  const { rows } = await client.query<{ schema: string; name: string; kind: string }>(
    `SELECT n.nspname AS schema, c.relname AS name, c.relkind AS kind
     FROM pg_catalog.pg_class c, pg_catalog.pg_namespace n
     WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> 'alembic_version' AND ${userRelations}
     ORDER BY 1, 2`,
  );
  return rows.map((table) => {
    const only = table.kind === "r" ? "ONLY " : "";
    return {
      name: relationName(table),
      from: `${only}${strictIdentifier(table.schema)}.${strictIdentifier(table.name)}`,
    };
  });
}
