import type { AlterTableCmd, AlterTableStmt, AlterTableType, ColumnDef, Node } from "libpg-query";

import type { StatementLock } from "../releases/release";
import { type LockMode, lockOf } from "./statement-locks";

/** Forms of ALTER TABLE that need less than ACCESS EXCLUSIVE; every other form needs that. */
const weaker: Partial<Record<AlterTableType, LockMode>> = {
  AT_ValidateConstraint: "SHARE UPDATE EXCLUSIVE",
  AT_SetStatistics: "SHARE UPDATE EXCLUSIVE",
  AT_ClusterOn: "SHARE UPDATE EXCLUSIVE",
  AT_DropCluster: "SHARE UPDATE EXCLUSIVE",
  AT_SetOptions: "SHARE UPDATE EXCLUSIVE",
  AT_ResetOptions: "SHARE UPDATE EXCLUSIVE",
  AT_AttachPartition: "SHARE UPDATE EXCLUSIVE",
  AT_DetachPartitionFinalize: "SHARE UPDATE EXCLUSIVE",
  AT_EnableTrig: "SHARE ROW EXCLUSIVE",
  AT_EnableAlwaysTrig: "SHARE ROW EXCLUSIVE",
  AT_EnableReplicaTrig: "SHARE ROW EXCLUSIVE",
  AT_EnableTrigAll: "SHARE ROW EXCLUSIVE",
  AT_EnableTrigUser: "SHARE ROW EXCLUSIVE",
  AT_DisableTrig: "SHARE ROW EXCLUSIVE",
  AT_DisableTrigAll: "SHARE ROW EXCLUSIVE",
  AT_DisableTrigUser: "SHARE ROW EXCLUSIVE",
};

const rewriting = new Set<AlterTableType>([
  "AT_SetLogged",
  "AT_SetUnLogged",
  "AT_SetAccessMethod",
  "AT_SetTableSpace",
  "AT_SetExpression",
]);

/** Storage parameters that can be changed beside readers and writers. */
const onlineOptions =
  /^(fillfactor|parallel_workers|n_distinct.*|autovacuum_.*|log_autovacuum_.*|vacuum_.*|toast_tuple_target)$/;

/**
 * Locks of ALTER TABLE, ALTER INDEX and their like: one statement takes the strongest that any of its forms needs.
 * ALTER COLUMN TYPE counts as a rewrite, since the parse tree does not tell the type that the column has.
 */
export function alterTableLocks({ relation, cmds }: AlterTableStmt): StatementLock[] {
  return (cmds ?? []).flatMap((node) => {
    if (!("AlterTableCmd" in node)) return [];
    const command = node.AlterTableCmd;
    return [...lockOf(relation, modeOf(command), rewrites(command)), ...othersOf(command)];
  });
}

function modeOf({ subtype, def }: AlterTableCmd): LockMode {
  const constraint = def && "Constraint" in def ? def.Constraint : undefined;
  if (subtype === "AT_AddConstraint" && constraint?.contype === "CONSTR_FOREIGN") return "SHARE ROW EXCLUSIVE";
  if (subtype === "AT_DetachPartition" && partitionOf(def)?.concurrent) return "SHARE UPDATE EXCLUSIVE";
  if (subtype === "AT_SetRelOptions" || subtype === "AT_ResetRelOptions")
    return optionNames(def).every((name) => onlineOptions.test(name)) ? "SHARE UPDATE EXCLUSIVE" : "ACCESS EXCLUSIVE";
  return (subtype && weaker[subtype]) ?? "ACCESS EXCLUSIVE";
}

/** Locks of the other relations that one form names. */
function othersOf({ subtype, def }: AlterTableCmd): StatementLock[] {
  const references = constraintsOf(def).flatMap((node) => lockOf(node.pktable, "SHARE ROW EXCLUSIVE"));
  const partition = lockOf(partitionOf(def)?.name, "ACCESS EXCLUSIVE");
  const parent =
    (subtype === "AT_AddInherit" || subtype === "AT_DropInherit") && def && "RangeVar" in def
      ? lockOf(def.RangeVar, subtype === "AT_AddInherit" ? "SHARE UPDATE EXCLUSIVE" : "ACCESS SHARE")
      : [];
  return [...references, ...partition, ...parent];
}

function partitionOf(def: Node | undefined) {
  return def && "PartitionCmd" in def ? def.PartitionCmd : undefined;
}

function constraintsOf(def: Node | undefined) {
  const nodes = !def ? [] : "ColumnDef" in def ? (def.ColumnDef.constraints ?? []) : [def];
  return nodes.flatMap((node) => ("Constraint" in node ? [node.Constraint] : []));
}

function optionNames(def: Node | undefined): string[] {
  const items = def && "List" in def ? (def.List.items ?? []) : [];
  return items.flatMap((item) => ("DefElem" in item ? [item.DefElem.defname ?? ""] : []));
}

function rewrites({ subtype, def }: AlterTableCmd): boolean {
  if (subtype === undefined) return false;
  if (subtype === "AT_AlterColumnType") return true;
  if (subtype === "AT_AddColumn" && def && "ColumnDef" in def) return addedColumnRewrites(def.ColumnDef);
  return rewriting.has(subtype);
}

const serials = new Set(["serial", "bigserial", "smallserial", "serial2", "serial4", "serial8"]);

/** The last part of the type's name; empty when there is none. */
export function columnTypeName({ typeName }: ColumnDef): string {
  const last = typeName?.names?.at(-1);
  return last && "String" in last ? (last.String.sval ?? "") : "";
}

export function isSerial(column: ColumnDef): boolean {
  return serials.has(columnTypeName(column));
}

/** Whether ADD COLUMN has to write every row: each gets another value. */
export function addedColumnRewrites(column: ColumnDef): boolean {
  if (isSerial(column)) return true;
  return (column.constraints ?? []).some((node) => {
    if (!("Constraint" in node)) return false;
    const { contype, raw_expr: expression } = node.Constraint;
    if (contype === "CONSTR_GENERATED") return (node.Constraint as { generated_kind?: string }).generated_kind !== "v";
    return contype === "CONSTR_IDENTITY" || (contype === "CONSTR_DEFAULT" && !isStable(expression));
  });
}

/** Functions that give one value for the whole statement, so that a default with them is stored once. */
const stableFunctions = new Set([
  "now",
  "transaction_timestamp",
  "statement_timestamp",
  "lower",
  "upper",
  "length",
  "concat",
  "to_jsonb",
  "jsonb_build_object",
  "jsonb_build_array",
  "timezone",
  "date_trunc",
  "make_interval",
  "array_fill",
  "md5",
]);

/** Whether an expression is provably not volatile. */
function isStable(node: Node | undefined): boolean {
  if (!node) return true;
  if ("A_Const" in node || "SQLValueFunction" in node) return true;
  if ("TypeCast" in node) return isStable(node.TypeCast.arg);
  if ("A_Expr" in node) return isStable(node.A_Expr.lexpr) && isStable(node.A_Expr.rexpr);
  if ("A_ArrayExpr" in node) return (node.A_ArrayExpr.elements ?? []).every(isStable);
  if ("FuncCall" in node) {
    const last = node.FuncCall.funcname?.at(-1);
    const name = last && "String" in last ? (last.String.sval ?? "") : "";
    return stableFunctions.has(name) && (node.FuncCall.args ?? []).every(isStable);
  }
  return false;
}
