import type { Node, RangeVar } from "libpg-query";

import type { StatementLock } from "../releases/release";
import { lockOf } from "./statement-locks";

const writing = new Set(["InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"]);

/** The locks of a query: ROW EXCLUSIVE of what it writes, ROW SHARE of what it locks rows of, ACCESS SHARE of the rest. */
export function queryLocks(node: Node): StatementLock[] {
  const locks: StatementLock[] = [];
  walk(node, { withNames: new Set(), locksRows: false, locks });
  return locks;
}

interface Walk {
  /** Names that WITH has defined: they are no relations. */
  readonly withNames: ReadonlySet<string>;
  readonly locksRows: boolean;
  readonly locks: StatementLock[];
}

function walk(value: unknown, state: Walk): void {
  if (Array.isArray(value)) {
    for (const item of value) walk(item, state);
    return;
  }
  if (typeof value !== "object" || value === null) return;
  for (const [key, child] of Object.entries(value as Record<string, unknown>)) {
    if (key === "RangeVar") addRead(child as RangeVar, state);
    else if (isObject(child)) walkStatement(key, child, state);
  }
}

function walkStatement(key: string, child: Record<string, unknown>, state: Walk): void {
  const inner: Walk = {
    ...state,
    withNames: new Set([...state.withNames, ...namesOfWith(child.withClause)]),
    locksRows: key === "SelectStmt" ? Array.isArray(child.lockingClause) : state.locksRows,
  };
  if (!writing.has(key)) return walk(child, inner);
  const { relation, ...rest } = child;
  state.locks.push(...lockOf(relation as RangeVar, "ROW EXCLUSIVE"));
  walk(rest, { ...inner, locksRows: false });
}

function addRead(relation: RangeVar, { withNames, locksRows, locks }: Walk): void {
  if (!relation.schemaname && withNames.has(relation.relname ?? "")) return;
  locks.push(...lockOf(relation, locksRows ? "ROW SHARE" : "ACCESS SHARE"));
}

function namesOfWith(clause: unknown): string[] {
  const ctes = isObject(clause) && Array.isArray(clause.ctes) ? (clause.ctes as unknown[]) : [];
  return ctes.flatMap((cte) => {
    const named = isObject(cte) && isObject(cte.CommonTableExpr) ? cte.CommonTableExpr.ctename : undefined;
    return typeof named === "string" ? [named] : [];
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
