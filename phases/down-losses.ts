import type { Plan } from "../planner/plan";
import { type DatabaseAddress, withClient } from "../postgres/connection";
import { countOrEstimate } from "../postgres/count-query";
import { errorText } from "../postgres/errors";
import type { Catalogue, Migration } from "../releases/release";

/**
 * What undoing the plan's revisions loses, in rows: exact where counting fits into the preview's budget, else with `~`. Numbers
 * move by themselves, so they are told and are no part of the plan.
 *
 * @param budgetMs - for all counts together
 * @returns a line per revision that loses something
 */
export async function describeDownLosses(
  plan: Plan,
  { catalogue, address, budgetMs }: { catalogue: Catalogue; address: DatabaseAddress; budgetMs: number },
): Promise<string[]> {
  const undone = [...plan.revisions.pre, ...plan.revisions.post].filter(({ direction }) => direction === "down");
  const lossy = undone.flatMap(({ revision }) => {
    const migration = catalogue.chain.find((other) => other.revision === revision);
    return migration?.downClass === "lossy" ? [migration] : [];
  });
  if (lossy.length === 0) return [];
  const options = { name: "preview", readOnly: true, connectTimeoutMs: budgetMs };
  return withClient(address, options, async (client) => {
    const lines: string[] = [];
    for (const migration of lossy) {
      const sql = migration.downLossCount;
      if (sql === null) {
        lines.push(`${migration.revision}: ${migration.downLoss ?? ""}; the migration has no query that counts it`);
        continue;
      }
      const counted = await countOrEstimate(client, sql, budgetMs / lossy.length).catch((error: unknown) =>
        errorText(error),
      );
      lines.push(describe(migration, counted));
    }
    return lines;
  });
}

function describe(
  { revision, downLoss }: Migration,
  counted: Awaited<ReturnType<typeof countOrEstimate>> | string,
): string {
  const what = downLoss ?? "";
  if (typeof counted === "string") return `${revision}: ${what}; how much cannot be counted now (${counted})`;
  const rows = counted.rows.toLocaleString("en");
  if (!counted.isExact) return `${revision}: ~${rows} rows (${what})`;
  return counted.rows === 0 ? `${revision}: no row as things are (${what})` : `${revision}: ${rows} rows (${what})`;
}
