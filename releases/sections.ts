import { BatchedScriptError, parseBatches, type ParsedBatches } from "../postgres/batched-script";
import type { ParsedStatement } from "../postgres/statements";
import { CatalogueError } from "./errors";
import type { BatchedScript, Migration, Script } from "./release";
import { readStatements } from "./section-statements";

/** Where a section of a migration file stands: `from` is the first line after its mark, `to` the one after its last. */
export interface Section {
  readonly name: SectionName;
  readonly from: number;
  readonly to: number;
}

export type SectionName = "-- up" | "-- up batched" | "-- down" | "-- down batched";
const names = new Set<string>(["-- up", "-- up batched", "-- down", "-- down batched"]);

/** The lines of a migration file, and what its header says of all sections. */
export interface SectionedFile {
  readonly lines: readonly string[];
  readonly file: string;
  readonly transaction: Migration["transaction"];
  /** Whether the services are stopped whenever the revision runs. */
  readonly alwaysStopped: boolean;
}

/** Finds the sections of a migration file: up before down. @throws CatalogueError also for one that stands twice */
export function findSections(lines: readonly string[], file: string): Section[] {
  const marks = lines.flatMap((text, line) => (names.has(text) ? [{ name: text as SectionName, line }] : []));
  const lastUp = marks.findLastIndex(({ name }) => name.startsWith("-- up"));
  const early = marks.find(({ name }, index) => index < lastUp && name.startsWith("-- down"));
  if (early)
    throw new CatalogueError([
      { file, line: early.line + 1, reason: `section '${early.name}' must come after '-- up'` },
    ]);
  const twice = marks.find(({ name, line }) => marks.some((other) => other.name === name && other.line < line));
  if (twice) throw new CatalogueError([{ file, line: twice.line + 1, reason: `section '${twice.name}' stands twice` }]);
  return marks.map(({ name, line }, index) => {
    return { name, from: line + 1, to: marks[index + 1]?.line ?? lines.length };
  });
}

/** Reads a plain section. @throws CatalogueError, SqlSyntaxError with file and line */
export function readScript(whole: SectionedFile, section: Section): Script {
  const { file, transaction, alwaysStopped } = whole;
  const { sql, firstLine } = textOf(whole, section);
  const isDown = section.name.startsWith("-- down");
  const isBatched = section.name.endsWith(" batched");
  const statements = readStatements({ file, lines: sql, firstLine, transaction, isDown, isBatched, alwaysStopped });
  if (statements.length === 0)
    throw new CatalogueError([{ file, line: section.from, reason: "this section has no statement" }]);
  return { sql, firstLine, statements };
}

/**
 * Reads a batched section.
 *
 * @param only - whether the file has no plain section in this direction
 * @throws CatalogueError, SqlSyntaxError with file and line
 */
export function readBatchedScript(whole: SectionedFile, section: Section, only: boolean): BatchedScript {
  const { file, transaction } = whole;
  if (transaction === "none")
    throw new CatalogueError([
      { file, line: section.from, reason: `section '${section.name}' needs 'transaction: transactional'` },
    ]);
  const script = readScript(whole, section);
  const parsed = parseBatchedSection(whole, section);
  const faults = parsed.before.flatMap((statement) =>
    dropsFirmly(statement.node)
      ? [{ file, line: statement.line, reason: "what '-- before' drops it drops IF EXISTS: " + whyRepeated }]
      : [],
  );
  if (faults.length > 0) throw new CatalogueError(faults);
  const { relation, columns, predicate } = parsed;
  return { ...script, only, relation, columns, predicate };
}

const whyRepeated = "this part also runs where the other direction stopped half-way";

/** The parts of a batched section. @throws CatalogueError, SqlSyntaxError with file and line */
export function parseBatchedSection(whole: SectionedFile, section: Section): ParsedBatches {
  const { sql, firstLine } = textOf(whole, section);
  try {
    return parseBatches(sql, { file: whole.file, firstLine });
  } catch (error) {
    if (!(error instanceof BatchedScriptError)) throw error;
    throw new CatalogueError([{ file: whole.file, line: error.line, reason: error.message }]);
  }
}

function textOf({ lines }: SectionedFile, { from, to }: Section): { sql: string[]; firstLine: number } {
  const bounded = lines.slice(from, to);
  const first = bounded.findIndex((line) => line.trim() !== "");
  const last = bounded.findLastIndex((line) => line.trim() !== "");
  const sql = first < 0 ? [] : bounded.slice(first, last + 1).map((line) => line.trimEnd());
  return { sql, firstLine: from + first + 1 };
}

/** Whether a statement drops something that must be there. */
function dropsFirmly(node: ParsedStatement["node"]): boolean {
  if ("DropStmt" in node) return node.DropStmt.missing_ok !== true;
  if (!("AlterTableStmt" in node)) return false;
  return (node.AlterTableStmt.cmds ?? []).some((command) => {
    if (!("AlterTableCmd" in command)) return false;
    const { subtype, missing_ok: optional } = command.AlterTableCmd;
    return (subtype === "AT_DropConstraint" || subtype === "AT_DropColumn") && optional !== true;
  });
}
