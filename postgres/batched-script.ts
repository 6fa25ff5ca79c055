import type { Node, RangeVar } from "libpg-query";

import { quoteIdentifier } from "./identifiers";
import { type ParsedStatement, parseStatements, type ScriptSource, SqlSyntaxError } from "./statements";

/** A batched section that cannot be used; `line` is that of its file. */
export class BatchedScriptError extends Error {
  readonly line: number;

  constructor(line: number, reason: string) {
    super(reason);
    this.name = "BatchedScriptError";
    this.line = line;
  }
}

/** A statement of a batch; `at` and `end` are where `in_batch(alias)` stands in its SQL. */
export interface BatchStatement extends ParsedStatement {
  readonly alias: string;
  readonly at: number;
  readonly end: number;
}

/** A batched section, taken apart. */
export interface ParsedBatches {
  readonly before: readonly ParsedStatement[];
  readonly batch: readonly BatchStatement[];
  readonly after: readonly ParsedStatement[];
  readonly schema: string | null;
  readonly table: string;
  /** The table as the file names it, quoted where it must be. */
  readonly relation: string;
  /** Columns of the table that the batches set. */
  readonly columns: readonly string[];
  readonly predicate: string | null;
}

const marks = ["-- before", "-- batch", "-- after"] as const;
const predicateMark = "-- predicate:";
const call = /^in_batch\s*\(\s*((?:"(?:[^"]|"")*"|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*))\s*\)/i;

/**
 * Takes a batched section apart: an optional line `-- predicate: condition`, then the parts `-- before`, `-- batch` and
 * `-- after`. In every statement of the batch, `in_batch(alias)` stands for the condition that picks the batch's rows.
 *
 * @param sql - lines of the section
 * @param source - file name and line of the first of them
 * @throws BatchedScriptError, SqlSyntaxError
 */
export function parseBatches(
  sql: readonly string[],
  { file = "SQL", firstLine = 1 }: ScriptSource = {},
): ParsedBatches {
  const parts = splitParts(sql, firstLine);
  const parse = ({ from, to }: Part) =>
    parseStatements(sql.slice(from, to).join("\n"), { file, firstLine: firstLine + from });
  const statements = parse(parts.batch);
  if (statements.length === 0) throw new BatchedScriptError(parts.batch.line, "the part '-- batch' has no statement");
  const found = statements.map(findRows);
  const [first] = found;
  if (!first) throw new BatchedScriptError(parts.batch.line, "the part '-- batch' has no statement");
  const other = found.find(({ relation }) => relation !== first.relation);
  if (other)
    throw new BatchedScriptError(
      other.statement.line,
      `all statements of a batch take rows of one table: here it is ${other.relation}, before it was ${first.relation}`,
    );
  const predicate = readPredicate(sql, firstLine);
  return {
    before: parts.before ? parse(parts.before) : [],
    batch: found.map(({ statement }) => statement),
    after: parts.after ? parse(parts.after) : [],
    schema: first.range.schemaname ?? null,
    table: first.range.relname ?? "",
    relation: first.relation,
    columns: [...new Set(found.flatMap(({ statement, range }) => columnsSet(statement.node, range)))].sort(),
    predicate,
  };
}

interface Part {
  readonly from: number;
  readonly to: number;
  readonly line: number;
}

function splitParts(
  sql: readonly string[],
  firstLine: number,
): { before: Part | null; batch: Part; after: Part | null } {
  const places = marks.map((mark) => sql.indexOf(mark));
  const [before = -1, batch = -1, after = -1] = places;
  if (batch < 0) throw new BatchedScriptError(firstLine, "has no part '-- batch'");
  const order = places.filter((place) => place >= 0);
  if (order.some((place, index) => index > 0 && place < (order[index - 1] ?? 0)))
    throw new BatchedScriptError(
      firstLine + batch,
      "the parts must be in the order '-- before', '-- batch', '-- after'",
    );
  const twice = sql.findIndex(
    (line, index) => (marks as readonly string[]).includes(line) && sql.indexOf(line) < index,
  );
  if (twice >= 0) throw new BatchedScriptError(firstLine + twice, `the part '${sql[twice]}' stands twice`);
  const stray = sql.findIndex((line, index) => index < (order[0] ?? 0) && line.trim() !== "" && !line.startsWith("--"));
  if (stray >= 0)
    throw new BatchedScriptError(firstLine + stray, "SQL of a batched section must stand in one of its parts");
  const part = (from: number, ends: readonly number[]): Part => {
    return { from: from + 1, to: ends.find((end) => end > from) ?? sql.length, line: firstLine + from };
  };
  return {
    before: before < 0 ? null : part(before, [batch]),
    batch: part(batch, [after]),
    after: after < 0 ? null : part(after, []),
  };
}

function readPredicate(sql: readonly string[], firstLine: number): string | null {
  const index = sql.findIndex((line) => line.startsWith(predicateMark));
  if (index < 0) return null;
  const predicate = sql[index]?.slice(predicateMark.length).trim() ?? "";
  const line = firstLine + index;
  if (predicate === "" || !isCondition(predicate))
    throw new BatchedScriptError(line, "the predicate must be one condition on a row of the table");
  return predicate;
}

function isCondition(text: string): boolean {
  try {
    return parseStatements(`SELECT WHERE (${text}\n)`).length === 1;
  } catch (error) {
    if (error instanceof SqlSyntaxError) return false;
    throw error;
  }
}

function findRows(statement: ParsedStatement): { statement: BatchStatement; range: RangeVar; relation: string } {
  // Parsed alone, so that positions are those of its own text.
  const node = parseStatements(statement.sql)[0]?.node ?? statement.node;
  const calls: number[] = [];
  const ranges: RangeVar[] = [];
  visit(node, (kind, value) => {
    if (kind === "FuncCall" && lastName(value.funcname) === "in_batch") calls.push(Number(value.location ?? 0));
    if (kind === "RangeVar" || kind === "relation") ranges.push(value);
  });
  const fail = (reason: string) => new BatchedScriptError(statement.line, reason);
  const [position] = calls;
  if (position === undefined || calls.length > 1)
    throw fail(`a statement of a batch picks its rows with one in_batch(table), and this one has ${calls.length}`);
  const at = Buffer.from(statement.sql, "utf8").subarray(0, position).toString("utf8").length;
  const [text = "", written = ""] = call.exec(statement.sql.slice(at)) ?? [];
  if (text === "") throw fail("in_batch takes the name or the alias of a table");
  const alias = written.startsWith('"') ? written.slice(1, -1).replaceAll('""', '"') : written.toLowerCase();
  const range = ranges.find(({ alias: as, relname }) => (as?.aliasname ?? relname) === alias);
  if (!range) throw fail(`in_batch(${alias}): the statement has no table of that name`);
  const relation = [range.schemaname, range.relname]
    .flatMap((part) => (part === undefined || part === "" ? [] : [quoteIdentifier(part)]))
    .join(".");
  return { statement: { ...statement, alias, at, end: at + text.length }, range, relation };
}

/** Columns of the batch's table that an UPDATE of it sets. */
function columnsSet(node: Node, range: RangeVar): string[] {
  const columns: string[] = [];
  visit(node, (kind, value) => {
    const target = value.relation as RangeVar | undefined;
    if (kind !== "UpdateStmt" || target?.relname !== range.relname) return;
    for (const item of (value.targetList ?? []) as readonly Node[])
      if ("ResTarget" in item && item.ResTarget.name !== undefined) columns.push(item.ResTarget.name);
  });
  return columns;
}

type Fields = Readonly<Record<string, unknown>>;

/** Calls back for every node of a parse tree, with its kind and fields. */
export function visit(value: unknown, callback: (kind: string, fields: Fields) => void): void {
  if (Array.isArray(value)) for (const item of value) visit(item, callback);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return;
  for (const [key, child] of Object.entries(value)) {
    if (typeof child === "object" && child !== null && !Array.isArray(child)) callback(key, child as Fields);
    visit(child, callback);
  }
}

function lastName(names: unknown): string {
  const last: unknown = Array.isArray(names) ? names.at(-1) : undefined;
  if (typeof last !== "object" || last === null || !("String" in last)) return "";
  return (last as { String: { sval?: string } }).String.sval ?? "";
}
