import type { CreateStmt, Node, RangeVar } from "libpg-query";

import type { StatementLock } from "../releases/release";
import { alterTableLocks } from "./alter-table-locks";
import { quoteIdentifier } from "./identifiers";
import { queryLocks } from "./query-locks";

/** PostgreSQL's table lock modes, weakest first: index + 1 is the number that the parser uses. */
export const lockModes = [
  "ACCESS SHARE",
  "ROW SHARE",
  "ROW EXCLUSIVE",
  "SHARE UPDATE EXCLUSIVE",
  "SHARE",
  "SHARE ROW EXCLUSIVE",
  "EXCLUSIVE",
  "ACCESS EXCLUSIVE",
] as const;
export type LockMode = (typeof lockModes)[number];

/** Whom a lock keeps waiting, after the table of conflicts in "Explicit Locking": readers and writers of rows. */
export function blockedBy(mode: string): { readonly reads: boolean; readonly writes: boolean } {
  const rank = lockModes.indexOf(mode as LockMode);
  return { reads: mode === "ACCESS EXCLUSIVE", writes: rank >= lockModes.indexOf("SHARE") };
}

export function lockOf(relation: RangeVar | undefined, mode: LockMode, rewrites = false): StatementLock[] {
  if (!relation?.relname) return [];
  const parts = [relation.schemaname, relation.relname].filter((part) => part !== undefined && part !== "");
  return [{ relation: parts.map((part) => quoteIdentifier(part as string)).join("."), mode, rewrites }];
}

/** The strongest lock per relation; it rewrites when any of them does. */
export function strongest(locks: readonly StatementLock[]): StatementLock[] {
  const rank = (mode: string) => lockModes.indexOf(mode as LockMode);
  const merged = new Map<string, StatementLock>();
  for (const lock of locks) {
    const known = merged.get(lock.relation);
    const stronger = known && rank(known.mode) > rank(lock.mode) ? known : lock;
    merged.set(lock.relation, { ...stronger, rewrites: lock.rewrites || (known?.rewrites ?? false) });
  }
  return [...merged.values()];
}

/**
 * The table locks that a statement takes of the relations it names, after "Explicit Locking" and the pages of the
 * commands in PostgreSQL's documentation. What a function, a DO block, CASCADE or a trigger touches is not seen; of the
 * table of an index, the mode only.
 */
export function statementLocks(node: Node): StatementLock[] {
  const [kind, value] = Object.entries(node)[0] ?? [];
  if (!kind) return [];
  const rule = (rules as Record<string, ((value: unknown) => StatementLock[]) | undefined>)[kind];
  return strongest(rule ? rule(value) : queryLocks(node));
}

type Variants<N> = N extends unknown ? { [K in keyof N & string]: N[K] } : never;
type ValueOf<K extends string> = Extract<Variants<Node>, Record<K, unknown>>[K];
type NodeKind = Node extends infer N ? (N extends unknown ? keyof N & string : never) : never;
type Rules = { readonly [K in NodeKind]?: (value: ValueOf<K>) => StatementLock[] };

const rules: Rules = {
  AlterTableStmt: (statement) => alterTableLocks(statement),
  TransactionStmt: () => [],
  IndexStmt: ({ relation, concurrent }) => lockOf(relation, concurrent ? "SHARE UPDATE EXCLUSIVE" : "SHARE"),
  DropStmt: (statement) => dropLocks(statement),
  TruncateStmt: ({ relations }) => each(relations, "ACCESS EXCLUSIVE"),
  LockStmt: ({ relations, mode = 8 }) => each(relations, lockModes[mode - 1] ?? "ACCESS EXCLUSIVE"),
  VacuumStmt: ({ rels, options, is_vacuumcmd }) => {
    const full = is_vacuumcmd === true && hasOption(options, "full");
    return (rels ?? []).flatMap((rel) =>
      "VacuumRelation" in rel
        ? lockOf(rel.VacuumRelation.relation, full ? "ACCESS EXCLUSIVE" : "SHARE UPDATE EXCLUSIVE", full)
        : [],
    );
  },
  ClusterStmt: ({ relation }) => lockOf(relation, "ACCESS EXCLUSIVE", true),
  ReindexStmt: ({ kind, relation, params }) => {
    const online = hasOption(params, "concurrently");
    const mode = online ? "SHARE UPDATE EXCLUSIVE" : "SHARE";
    if (kind !== "REINDEX_OBJECT_INDEX") return lockOf(relation, mode);
    return ofIndex(lockOf(relation, online ? mode : "ACCESS EXCLUSIVE"), mode);
  },
  CreateTrigStmt: ({ relation, constrrel }) => [
    ...lockOf(relation, "SHARE ROW EXCLUSIVE"),
    ...lockOf(constrrel, "SHARE ROW EXCLUSIVE"),
  ],
  RuleStmt: ({ relation }) => lockOf(relation, "ACCESS EXCLUSIVE"),
  CreatePolicyStmt: ({ table }) => lockOf(table, "ACCESS EXCLUSIVE"),
  AlterPolicyStmt: ({ table }) => lockOf(table, "ACCESS EXCLUSIVE"),
  CreateStatsStmt: ({ relations }) => each(relations, "SHARE UPDATE EXCLUSIVE"),
  RenameStmt: ({ relation, renameType }) =>
    lockOf(relation, renameType === "OBJECT_INDEX" ? "SHARE UPDATE EXCLUSIVE" : "ACCESS EXCLUSIVE"),
  AlterObjectSchemaStmt: ({ relation }) => lockOf(relation, "ACCESS EXCLUSIVE"),
  AlterSeqStmt: ({ sequence }) => lockOf(sequence, "SHARE ROW EXCLUSIVE"),
  RefreshMatViewStmt: ({ relation, concurrent }) =>
    concurrent ? lockOf(relation, "EXCLUSIVE") : lockOf(relation, "ACCESS EXCLUSIVE", true),
  CommentStmt: (statement) => commentLocks(statement),
  CreateStmt: (statement) => createTableLocks(statement),
  ViewStmt: ({ view, query, replace }) => [
    ...(replace ? lockOf(view, "ACCESS EXCLUSIVE") : []),
    ...(query ? queryLocks(query) : []),
  ],
  CreateTableAsStmt: ({ query }) => (query ? queryLocks(query) : []),
  CopyStmt: ({ relation, query, is_from }) =>
    query ? queryLocks(query) : lockOf(relation, is_from ? "ROW EXCLUSIVE" : "ACCESS SHARE"),
  GrantStmt: () => [],
  CreateFunctionStmt: () => [],
  DoStmt: () => [],
};

function each(relations: readonly Node[] | undefined, mode: LockMode): StatementLock[] {
  return (relations ?? []).flatMap((node) => ("RangeVar" in node ? lockOf(node.RangeVar, mode) : []));
}

/** Whether an option of a command is on, such as FULL of VACUUM. */
export function hasOption(options: readonly Node[] | undefined, name: string): boolean {
  return (options ?? []).some((node) => {
    if (!("DefElem" in node) || node.DefElem.defname !== name) return false;
    const argument = node.DefElem.arg;
    if (!argument) return true;
    if ("Boolean" in argument) return argument.Boolean.boolval === true;
    return !("String" in argument) || !/^(off|false|0|no)$/i.test(argument.String.sval ?? "");
  });
}

/** An index is locked together with its table, which the parse tree does not tell. */
function ofIndex(locks: readonly StatementLock[], ofTable: LockMode): StatementLock[] {
  return locks.map((lock) => ({ ...lock, ofTable }));
}

const relationObjects = new Set([
  "OBJECT_TABLE",
  "OBJECT_VIEW",
  "OBJECT_MATVIEW",
  "OBJECT_SEQUENCE",
  "OBJECT_FOREIGN_TABLE",
  "OBJECT_INDEX",
]);
const objectsOfATable = new Set(["OBJECT_TRIGGER", "OBJECT_POLICY", "OBJECT_RULE"]);

function dropLocks({ objects, removeType = "OBJECT_TABLE", concurrent }: ValueOf<"DropStmt">): StatementLock[] {
  const mode: LockMode = concurrent ? "SHARE UPDATE EXCLUSIVE" : "ACCESS EXCLUSIVE";
  return (objects ?? []).flatMap((object) => {
    const names = nameParts(object);
    if (removeType === "OBJECT_INDEX") return ofIndex(lockOf(rangeVar(names), mode), mode);
    if (relationObjects.has(removeType)) return lockOf(rangeVar(names), mode);
    // The last part names the trigger, policy or rule; what stands before is its table.
    return objectsOfATable.has(removeType) ? lockOf(rangeVar(names.slice(0, -1)), mode) : [];
  });
}

function commentLocks({ objtype = "OBJECT_TABLE", object }: ValueOf<"CommentStmt">): StatementLock[] {
  const names = object ? nameParts(object) : [];
  const onMember = objtype === "OBJECT_COLUMN" || objtype === "OBJECT_TABCONSTRAINT" || objectsOfATable.has(objtype);
  if (!onMember && !relationObjects.has(objtype)) return [];
  // Members of a table are found under its weakest lock but one; constraints and triggers only under ACCESS SHARE.
  const mode = onMember && objtype !== "OBJECT_COLUMN" ? "ACCESS SHARE" : "SHARE UPDATE EXCLUSIVE";
  return lockOf(rangeVar(onMember ? names.slice(0, -1) : names), mode);
}

function nameParts(object: Node): string[] {
  const items = "List" in object ? (object.List.items ?? []) : [object];
  return items.flatMap((item) => ("String" in item ? [item.String.sval ?? ""] : []));
}

function rangeVar(names: readonly string[]): RangeVar {
  const [relname = "", schemaname] = [...names].reverse();
  return { relname, ...(schemaname === undefined ? {} : { schemaname }) };
}

function createTableLocks({ tableElts, inhRelations, partbound }: CreateStmt): StatementLock[] {
  const parents = each(inhRelations, partbound ? "ACCESS EXCLUSIVE" : "SHARE UPDATE EXCLUSIVE");
  const elements = (tableElts ?? []).flatMap((element) => {
    if ("TableLikeClause" in element) return lockOf(element.TableLikeClause.relation, "ACCESS SHARE");
    const constraints = "ColumnDef" in element ? (element.ColumnDef.constraints ?? []) : [element];
    return constraints.flatMap((node) =>
      "Constraint" in node && node.Constraint.contype === "CONSTR_FOREIGN"
        ? lockOf(node.Constraint.pktable, "SHARE ROW EXCLUSIVE")
        : [],
    );
  });
  return [...parents, ...elements];
}
