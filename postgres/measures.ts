import type { RevisionStep } from "../planner/plan";
import type { Statement, StatementWork, WorkKind } from "../releases/release";
import type { Client } from "./connection";
import { workOf } from "./hazards/proven";
import { ledgerSchema } from "./ledger-schema";
import { readTableColumns, type RelationKey } from "./table-columns";

/** How long one statement took on how much, once. */
export interface Measure {
  readonly attempt: number;
  readonly revision: string;
  readonly direction: "up" | "down";
  /** Place of the statement in its section, from 1. */
  readonly statement: number;
  readonly work: WorkKind;
  readonly relation: string;
  /** PostgreSQL's estimate; null when the relation was never analyzed. */
  readonly rows: number | null;
  /** Before the statement, with indexes and TOAST. */
  readonly bytes: number;
  readonly milliseconds: number;
}

/** What a statement is about to work on. */
export type Workload = Pick<Measure, "work" | "relation" | "rows" | "bytes">;

/** The heaviest first: a statement is measured by that. */
const order: readonly WorkKind[] = ["rewrites", "builds", "changes", "scans"];

/** The work that a statement's time goes into; null when it has none to speak of. */
export function heaviest(work: readonly StatementWork[]): StatementWork | null {
  return work.toSorted((one, other) => order.indexOf(one.kind) - order.indexOf(other.kind))[0] ?? null;
}

/**
 * How much each statement of a revision is about to work on; of one that has no work to speak of, null. What only an earlier
 * statement of the same revision makes has no size yet.
 *
 * @param client - a session that is not in a transaction
 * @returns for each statement; all null when a size could not be had at once, since no upgrade should wait for that
 */
export async function readWorkloads(client: Client, statements: readonly Statement[]): Promise<(Workload | null)[]> {
  const none = statements.map(() => null);
  if (statements.every(({ work }) => work.length === 0)) return none;
  try {
    await client.query("SET lock_timeout = '500ms'");
    const relations = await findRelations(client, statements);
    const tables = await readTableColumns(client, [...relations.values()]);
    await client.query("RESET lock_timeout");
    const tableOf = (name: string) => {
      const key = relations.get(name);
      return tables.find((table) => table.schema === key?.schema && table.name === key.name);
    };
    return statements.map((statement) => {
      const real = heaviest(workOf(statement, tableOf));
      const relation = real && relations.get(real.relation);
      if (!real || !relation) return null;
      return { work: real.kind, relation: real.relation, rows: relation.rows, bytes: relation.bytes };
    });
  } catch {
    await client.query("RESET lock_timeout");
    return none;
  }
}

interface Sized extends RelationKey {
  readonly rows: number | null;
  readonly bytes: number;
}

async function findRelations(client: Client, statements: readonly Statement[]): Promise<Map<string, Sized>> {
  const names = [...new Set(statements.flatMap(({ work }) => work.map(({ relation }) => relation)))];
  const { rows } = await client.query<Sized & { wanted: string }>(
    `SELECT wanted, n.nspname AS schema, c.relname AS name, CASE WHEN c.reltuples >= 0 THEN c.reltuples::float8 END AS rows,
            pg_total_relation_size(c.oid)::float8 AS bytes
     FROM unnest($1::text[]) AS wanted JOIN pg_catalog.pg_class c ON c.oid = to_regclass(wanted)
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace`,
    [names],
  );
  return new Map(rows.map(({ wanted, ...relation }) => [wanted, relation]));
}

/**
 * Keeps how long the statements of a step took; belongs into the transaction that stamps it.
 *
 * @param of - `attempt` is null when it was none of this database: a rehearsal on a copy of it
 */
export async function recordMeasures(
  client: Client,
  { step, attempt }: { readonly step: Pick<RevisionStep, "revision" | "direction">; readonly attempt: number | null },
  taken: readonly (Workload & Pick<Measure, "statement" | "milliseconds">)[],
): Promise<void> {
  for (const { statement, work, relation, rows, bytes, milliseconds } of taken)
    await client.query(
      `INSERT INTO ${ledgerSchema}.measures (attempt, revision, direction, statement, work, relation, rows, bytes, milliseconds)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [attempt, step.revision, step.direction, statement, work, relation, rows, bytes, Math.round(milliseconds)],
    );
}

/** The latest measures of this database, newest first; a ledger of an older program has none. Safe in a READ ONLY session. */
export async function readMeasures(client: Client): Promise<Measure[]> {
  const { rows: found } = await client.query<{ there: boolean }>("SELECT to_regclass($1) IS NOT NULL AS there", [
    `${ledgerSchema}.measures`,
  ]);
  if (!found[0]?.there) return [];
  const { rows } = await client.query<Measure>(
    `SELECT attempt, revision, direction, statement, work, relation, rows::float8 AS rows, bytes::float8 AS bytes,
            milliseconds::float8 AS milliseconds
     FROM ${ledgerSchema}.measures ORDER BY id DESC LIMIT 200`,
  );
  return rows;
}
