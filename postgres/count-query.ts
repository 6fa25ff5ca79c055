import type { Client } from "./connection";
import { inTransaction } from "./transaction";

/** What a counting query answers: exact, or PostgreSQL's estimate of what it would count. */
export interface Counted {
  readonly rows: number;
  readonly isExact: boolean;
}

interface PlanNode {
  readonly "Plan Rows"?: number;
  readonly Plans?: readonly PlanNode[];
}

/**
 * Runs `SELECT count(*) ...` and takes PostgreSQL's estimate when it does not answer in time.
 *
 * @param client - a READ ONLY session that is not in a transaction
 * @param sql - one query that answers one number
 * @param budgetMs - how long it may take
 * @throws an error of PostgreSQL when the query does not fit the schema
 */
export async function countOrEstimate(client: Client, sql: string, budgetMs: number): Promise<Counted> {
  try {
    return await inTransaction(client, "READ ONLY", async () => {
      await client.query(`SET LOCAL statement_timeout = ${Math.max(1, Math.round(budgetMs))}`);
      const { rows } = await client.query<unknown[]>({ text: sql, rowMode: "array" });
      return { rows: Number(rows[0]?.[0] ?? 0), isExact: true };
    });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "57014")) throw error;
  }
  const { rows } = await client.query<{ "QUERY PLAN": { Plan: PlanNode }[] }>(`EXPLAIN (FORMAT JSON) ${sql}`);
  const top = rows[0]?.["QUERY PLAN"][0]?.Plan;
  return { rows: belowAggregates(top), isExact: false };
}

/** Rows that would be counted: those that reach the count, which itself has one. */
function belowAggregates(node: PlanNode | undefined): number {
  const child = node?.Plans?.[0];
  const rows = node?.["Plan Rows"] ?? 0;
  return child && rows <= 1 ? Math.max(rows, belowAggregates(child)) : rows;
}
