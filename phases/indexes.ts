import { findRelease, revisionIndex } from "../planner/chain";
import { expectedIndexes } from "../planner/checks";
import { withClient } from "../postgres/connection";
import { readAlembicVersion } from "../postgres/facts";
import { indexBuildOf } from "../postgres/index-builds";
import { type BuiltIndex, repairIndexes } from "../postgres/index-repair";
import { parseStatements } from "../postgres/statements";
import type { Activity, Attempt } from "./attempt";

/**
 * Puts the indexes right that a cut-short revision has left INVALID, or dropped without its stamp, where that revision
 * is not taken up again: the operator may have turned round since.
 *
 * @returns what was done or had to be left, a line each
 */
export async function mendIndexes(attempt: Attempt, { signal, progress }: Activity): Promise<string[]> {
  const { address, site } = attempt;
  const [revision = null] = (await withClient(address, { name: "indexes", readOnly: true }, readAlembicVersion)) ?? [];
  const indexes = builtIndexes(attempt, revision);
  const buildTimeoutMs = site.migration.concurrentlyTimeout * 1000;
  const lines = await repairIndexes({ address, indexes, buildTimeoutMs, progress, signal });
  for (const line of lines) progress(line);
  return lines;
}

/** Every index that some revision of the catalogue builds CONCURRENTLY. */
function builtIndexes({ catalogue, plan }: Attempt, revision: string | null): BuiltIndex[] {
  const release = findRelease(catalogue, plan.to);
  const expected = new Set(release ? expectedIndexes(catalogue, release) : []);
  const last = revisionIndex(catalogue, revision) ?? -1;
  return catalogue.chain
    .flatMap(({ transaction, up }, place) => (transaction === "none" ? [{ sql: up.sql.join("\n"), place }] : []))
    .flatMap(({ sql, place }) => parseStatements(sql).map((statement) => ({ statement, place })))
    .map(({ statement, place }) => {
      const name = indexBuildOf(statement)?.name ?? "";
      return { statement, wanted: place > last ? "absent" : expected.has(name) ? "present" : "sound" };
    });
}
