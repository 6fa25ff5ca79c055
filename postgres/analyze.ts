import { type Client, type DatabaseAddress, withClient } from "./connection";

/**
 * Takes the planner's statistics of a whole database, several tables at once.
 *
 * @param jobs - sessions that share the tables among them
 */
export async function analyzeDatabase(address: DatabaseAddress, jobs: number): Promise<void> {
  await withClient(address, { name: "analyze" }, async (client) => {
    const waiting = await listTables(client);
    const work = async (session: Client) => {
      for (let table = waiting.shift(); table !== undefined; table = waiting.shift())
        await session.query(`ANALYZE ${table}`);
    };
    const helpers = Array.from({ length: Math.min(jobs, waiting.length) - 1 }, () =>
      withClient(address, { name: "analyze" }, work),
    );
    const outcomes = await Promise.allSettled([work(client), ...helpers]);
    const failed = outcomes.find((outcome) => outcome.status === "rejected");
    if (failed) throw failed.reason as Error;
  });
}

/**
 * What ANALYZE without a name would take, the largest first: then no session is left alone with a large one at the end.
 * The parents of partitions come last, since they read theirs again.
 */
async function listTables(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT format('%I.%I', n.nspname, c.relname) AS name
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'm', 'p') AND c.relpersistence <> 't' AND NOT c.relisshared
     ORDER BY c.relkind = 'p', pg_catalog.pg_table_size(c.oid) DESC`,
  );
  return rows.map(({ name }) => name);
}
