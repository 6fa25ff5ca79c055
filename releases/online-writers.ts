import type { Node } from "libpg-query";

import { type ParsedBatches, visit } from "../postgres/batched-script";
import { type ParsedStatement, parseStatements } from "../postgres/statements";
import type { CatalogueFault } from "./errors";
import type { BatchedScript, Script } from "./release";

type Fields = Readonly<Record<string, unknown>>;

/** Statements that change, or may change, what rows say. */
const dataStatements = new Set([
  "InsertStmt",
  "UpdateStmt",
  "DeleteStmt",
  "MergeStmt",
  "CopyStmt",
  "DoStmt",
  "CallStmt",
]);

/** What is said of data beside which others write. */
const howTo =
  "with 'writers: online' nobody could tell rows that are done from new ones: change data in a section '-- up batched' " +
  "with a line '-- predicate: <condition of the rows still to be changed>', or fill only columns that its part '-- before' " +
  "adds and that a trigger of it fills in new rows; else say 'writers: stopped'";

/**
 * Why a revision cannot be applied while others write; empty when it can: it changes only the schema, or its data in
 * batches of which the predicate, or a trigger on columns of its own, tells what is still to be done.
 *
 * @param up - the plain section; null when the batched one is all there is
 * @param batched - the batched section with its parts; null when there is none
 */
export function judgeOnline(
  file: string,
  up: Script | null,
  batched: { readonly script: BatchedScript; readonly parsed: ParsedBatches } | null,
): CatalogueFault[] {
  const plain = up ? parseStatements(up.sql.join("\n"), { file, firstLine: firstLineOf(up) }) : [];
  const around = batched ? [...batched.parsed.before, ...batched.parsed.after] : [];
  const faults = [...plain, ...around].filter(({ node }) => changesData(node));
  if (!batched || batched.script.predicate !== null || isExpansion(batched.parsed))
    return faults.map(({ line }) => ({ file, line, reason: howTo }));
  const [first] = batched.parsed.batch;
  return [...faults, ...(first ? [first] : [])].map(({ line }) => ({ file, line, reason: howTo }));
}

function firstLineOf({ sql, statements }: Script): number {
  const [first] = statements;
  if (!first) return 1;
  const before = parseStatements(sql.join("\n"))[0]?.line ?? 1;
  return first.line - before + 1;
}

function changesData(node: Node): boolean {
  const [kind = ""] = Object.keys(node);
  if (dataStatements.has(kind)) return true;
  // WITH may hold statements that write; what functions do is not seen.
  let writes = false;
  if (kind === "SelectStmt") visit(node, (inner) => (writes ||= dataStatements.has(inner)));
  if (writes) return true;
  if (!("AlterTableStmt" in node)) return false;
  // Without USING it is another type for the same values.
  return (node.AlterTableStmt.cmds ?? []).some((command) => {
    if (!("AlterTableCmd" in command) || command.AlterTableCmd.subtype !== "AT_AlterColumnType") return false;
    const { def } = command.AlterTableCmd;
    return def !== undefined && "ColumnDef" in def && def.ColumnDef.raw_default !== undefined;
  });
}

/** Whether the batches only fill columns that the revision itself adds, beside a trigger that fills them in new rows. */
function isExpansion({ before, batch, columns, table }: ParsedBatches): boolean {
  const added = new Set(before.flatMap(({ node }) => addedColumns(node, table)));
  if (columns.length === 0 || !columns.every((column) => added.has(column))) return false;
  if (!before.some(({ node }) => fillsNewRows(node, table))) return false;
  return batch.every((statement) => "UpdateStmt" in statement.node && !readsAny(statement, added));
}

function addedColumns(node: Node, table: string): string[] {
  if (!("AlterTableStmt" in node) || node.AlterTableStmt.relation?.relname !== table) return [];
  return (node.AlterTableStmt.cmds ?? []).flatMap((command) => {
    const added =
      "AlterTableCmd" in command && command.AlterTableCmd.subtype === "AT_AddColumn" && command.AlterTableCmd.def;
    return added && "ColumnDef" in added && added.ColumnDef.colname ? [added.ColumnDef.colname] : [];
  });
}

/** Bits of a trigger as pg_trigger has them. */
const timingBefore = 1 << 1;
const onInsert = 1 << 2;
const onUpdate = 1 << 4;

function fillsNewRows(node: Node, table: string): boolean {
  if (!("CreateTrigStmt" in node)) return false;
  const { relation, row, timing = 0, events = 0 } = node.CreateTrigStmt;
  const both = (events & onInsert) !== 0 && (events & onUpdate) !== 0;
  return relation?.relname === table && row === true && (timing & timingBefore) !== 0 && both;
}

function readsAny({ node }: ParsedStatement, columns: ReadonlySet<string>): boolean {
  let found = false;
  visit(node, (kind, fields: Fields) => {
    if (kind !== "ColumnRef") return;
    const last: unknown = (fields.fields as readonly unknown[] | undefined)?.at(-1);
    const name = last as { String?: { sval?: string }; A_Star?: unknown } | undefined;
    if (name?.A_Star !== undefined || columns.has(name?.String?.sval ?? "")) found = true;
  });
  return found;
}
