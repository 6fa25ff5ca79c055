import type { Client } from "./connection";
import { listTables } from "./counts";
import { inTransaction } from "./transaction";

/** What a table holds, whatever the order of its rows and columns. */
export interface TableFingerprint {
  readonly rows: number;
  readonly digest: string;
}

export type TableFingerprints = Readonly<Record<string, TableFingerprint>>;

/**
 * Reads every row of every table of the installation, in one snapshot. Equal fingerprints: the same rows, with the same
 * values in columns of the same names.
 *
 * @param client - a session that is not in a transaction
 * @throws when row security would hide rows from this role
 */
export async function fingerprintTables(client: Client): Promise<TableFingerprints> {
  return inTransaction(client, "ISOLATION LEVEL REPEATABLE READ READ ONLY", async () => {
    await client.query("SET LOCAL row_security = off; SET LOCAL TimeZone = 'UTC'; SET LOCAL extra_float_digits = 1");
    const found: Record<string, TableFingerprint> = {};
    for (const { name, from } of await listTables(client)) {
      // A sum knows no order. Two hashes of 64 bits: one alone may meet by chance in a table of many rows.
      const { rows } = await client.query<{ rows: string; digest: string }>(
        `SELECT count(*) AS rows, concat_ws(' ', sum(hashtextextended(line, 0)::numeric), sum(hashtextextended(line, 1)::numeric)) AS digest
         FROM (SELECT to_jsonb(t)::text AS line FROM ${from} AS t) AS lines`,
      );
      found[name] = { rows: Number(rows[0]?.rows), digest: rows[0]?.digest ?? "" };
    }
    return found;
  });
}

/** How two databases differ, a line for each table; empty when they hold the same. */
export function compareFingerprints(expected: TableFingerprints, actual: TableFingerprints): string[] {
  const names = new Set([...Object.keys(expected), ...Object.keys(actual)]);
  return [...names].sort().flatMap((name) => {
    const [before, after] = [expected[name], actual[name]];
    if (!before || !after) return [`table ${name} is ${before ? "gone" : "new"}`];
    if (before.rows !== after.rows) return [`${name}: ${before.rows} rows before, ${after.rows} after`];
    return before.digest === after.digest ? [] : [`${name}: the same ${before.rows} rows, with other values`];
  });
}
