import type { Invariant } from "../releases/release";
import type { Client } from "./connection";
import type { Counts } from "./counts";

/** One check of Verification: what was looked at, whether it is right, and what was found. */
export interface CheckResult {
  readonly check: string;
  readonly passed: boolean;
  readonly detail: string;
}

/** Runs an invariant's query, which counts violations, in a READ ONLY transaction. */
export async function checkInvariant(client: Client, { name, violations }: Invariant): Promise<CheckResult> {
  const check = `invariant: ${name}`;
  await client.query("BEGIN READ ONLY");
  try {
    const { rows } = await client.query<unknown[]>({ text: violations, rowMode: "array" });
    const found = rows.length === 1 && rows[0]?.length === 1 ? Number(rows[0][0]) : NaN;
    if (!Number.isInteger(found))
      return { check, passed: false, detail: "the query does not answer one number, so nothing is proven" };
    return { check, passed: found === 0, detail: found === 0 ? "no violation" : `${found} rows violate it` };
  } finally {
    await client.query("ROLLBACK");
  }
}

/**
 * Looks whether indexes exist and are valid.
 *
 * @param names - as in the release's files, with or without schema
 */
export async function checkIndexes(client: Client, names: readonly string[]): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const name of names) {
    const { rows } = await client.query<{ usable: boolean }>(
      `SELECT i.indisvalid AND i.indisready AND i.indislive AS usable
       FROM pg_catalog.pg_index i WHERE i.indexrelid = to_regclass($1)`,
      [name],
    );
    const [index] = rows;
    const detail = !index ? "does not exist" : index.usable ? "valid" : "INVALID: a build was cut short";
    results.push({ check: `index: ${name}`, passed: index?.usable ?? false, detail });
  }
  return results;
}

/** Compares row counts table by table; a table that only one side has is a failure too. */
export function compareCounts(before: Counts, after: Counts): CheckResult[] {
  const tables = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return tables.map((table) => {
    const [was, is] = [before[table], after[table]];
    const show = (count: number | undefined) => (count === undefined ? "no table" : String(count));
    const detail = was === is ? `${show(is)} rows, as before` : `${show(was)} rows before, ${show(is)} after`;
    return { check: `rows of ${table}`, passed: was === is, detail };
  });
}
