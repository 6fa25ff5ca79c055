import { hasSqlDetails, loadModule, type Node, parseSync } from "libpg-query";

import type { Statement } from "../releases/release";
import { statementRisks } from "./hazards/statement";
import { statementLocks } from "./statement-locks";
import { statementObjects } from "./statement-needs";

/** SQL that PostgreSQL's own parser refuses. */
export class SqlSyntaxError extends Error {
  readonly file: string;
  /** 1-based line in the file. */
  readonly line: number;
  /** 1-based column, in characters. */
  readonly column: number;
  /** The parser's words, with the line and a caret below. */
  readonly reason: string;

  constructor({
    file,
    line,
    column,
    said,
    snippet,
  }: {
    file: string;
    line: number;
    column: number;
    said: string;
    snippet: string;
  }) {
    const reason = `${said}\n${snippet}`;
    super(`${file}:${line}:${column}: ${reason}`);
    this.name = "SqlSyntaxError";
    this.file = file;
    this.line = line;
    this.column = column;
    this.reason = reason;
  }
}

export interface ScriptSource {
  /** Name for error texts. */
  readonly file?: string;
  /** Line of the file on which the SQL begins. */
  readonly firstLine?: number;
}

/** A statement as parsed: for those who look deeper than its locks. */
export interface ParsedStatement extends Statement {
  readonly node: Node;
}

/** Loads PostgreSQL's parser (WebAssembly, about 0.1 s); it must have been awaited before `parseScript`. */
export async function loadParser(): Promise<void> {
  await loadModule();
}

/**
 * Splits a script into its statements with PostgreSQL's own parser, each with the locks it takes.
 *
 * @param sql - any number of statements; comments, dollar quotes and nested semicolons are understood
 * @param source - file name and line for error texts
 * @returns each statement without its semicolon and without the comments before it
 * @throws SqlSyntaxError with file, line, column and a caret
 */
export function parseScript(sql: string, source: ScriptSource = {}): Statement[] {
  return parseStatements(sql, source).map(withoutTree);
}

/** The statement as it stands in a catalogue: data only. */
export function withoutTree(parsed: ParsedStatement): Statement {
  const { node, ...statement } = parsed;
  void node;
  return statement;
}

/** As `parseScript`, with the parse tree of each statement. */
export function parseStatements(sql: string, { file = "SQL", firstLine = 1 }: ScriptSource = {}): ParsedStatement[] {
  const bytes = Buffer.from(sql, "utf8");
  return parse(sql, { file, firstLine }).map(
    ({ stmt: node = {} as Node, stmt_location: start = 0, stmt_len: length }) => {
      // The parser counts bytes, and 0 or nothing for a length means up to the end.
      const slice = bytes.subarray(start, length ? start + length : undefined).toString("utf8");
      const text = slice.replace(/[\s;]+$/, "");
      const leading = slice.length - slice.trimStart().length;
      const line = firstLine + countLines(bytes.subarray(0, start).toString("utf8") + slice.slice(0, leading));
      const locks = statementLocks(node);
      const facts = { locks, ...statementObjects(node, locks), ...statementRisks(node), waivers: [] };
      return { sql: text.trimStart(), line, ...facts, node };
    },
  );
}

function parse(sql: string, { file, firstLine }: Required<ScriptSource>) {
  try {
    return parseSync(sql).stmts ?? [];
  } catch (error) {
    // An empty script parses to nothing; the binding calls that an error.
    if (error instanceof Error && /empty/i.test(error.message)) return [];
    const said = error instanceof Error ? error.message : String(error);
    const position = hasSqlDetails(error) ? (error.sqlDetails?.cursorPosition ?? 0) : 0;
    const { line, column, snippet } = locate(sql, Math.max(position, 0), firstLine);
    throw new SqlSyntaxError({ file, line, column, said, snippet });
  }
}

function countLines(text: string): number {
  return text.split("\n").length - 1;
}

/**
 * Where a position of a text is, with the line and a caret under it.
 *
 * @param text - the whole text
 * @param position - 0-based, in characters (code points), as PostgreSQL counts
 * @param firstLine - number of the text's first line
 */
export function locate(
  text: string,
  position: number,
  firstLine = 1,
): { line: number; column: number; snippet: string } {
  const before = [...text].slice(0, position).join("");
  const line = countLines(before);
  const column = [...before.slice(before.lastIndexOf("\n") + 1)].length + 1;
  const shown = text.split("\n")[line]?.trimEnd() ?? "";
  const label = `  ${firstLine + line} | `;
  // Tabs stay tabs, so that the caret stands under its character.
  const indent = [...shown].slice(0, column - 1).map((character) => (character === "\t" ? "\t" : " "));
  return {
    line: firstLine + line,
    column,
    snippet: `${label}${shown}\n${" ".repeat(label.length)}${indent.join("")}^`,
  };
}
