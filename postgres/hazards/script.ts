import type { Statement, StatementHazard } from "../../releases/release";
import { type LockMode, lockModes } from "../statement-locks";

/**
 * What becomes a hazard only because the statements share one transaction: long work while a lock of before is held.
 *
 * @param statements - of one transactional revision, in order
 * @returns the same statements, with these hazards besides their own
 */
export function withTransactionHazards(statements: readonly Statement[]): Statement[] {
  const held = new Map<string, number>();
  return statements.map((statement) => {
    const added = statement.work.flatMap(({ kind, relation }): StatementHazard[] => {
      if ((held.get(relation) ?? 0) < blocksWriters) return [];
      const hazard = { scans: "validating-under-lock", changes: "backfilling-under-lock" } as const;
      if (kind !== "scans" && kind !== "changes") return [];
      // What blocks of itself says so under a name of its own.
      const isSaid = kind === "scans" && modeOf(statement, relation) >= blocksWriters;
      return isSaid ? [] : [{ hazard: hazard[kind], relation, unless: [] }];
    });
    for (const { relation } of statement.locks)
      held.set(relation, Math.max(held.get(relation) ?? 0, modeOf(statement, relation)));
    return { ...statement, hazards: [...statement.hazards, ...added] };
  });
}

const blocksWriters = lockModes.indexOf("SHARE");

function modeOf({ locks }: Statement, relation: string): number {
  return lockModes.indexOf(locks.find((lock) => lock.relation === relation)?.mode as LockMode);
}
