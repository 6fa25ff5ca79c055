import type { RevisionStep } from "../planner/plan";
import { errorCode, errorText } from "./errors";
import { locate, type ParsedStatement } from "./statements";

/** What became of one step. */
export interface RevisionResult {
  readonly revision: string;
  readonly direction: "up" | "down";
  readonly outcome: "applied" | "already there";
  readonly milliseconds: number;
}

/** A revision could not be applied or undone. The text says what is done, what was rolled back, and the next command. */
export class RevisionError extends Error {
  readonly revision: string;
  /** SQLSTATE of PostgreSQL's error, when there is one. */
  readonly code: string | null;
  readonly cancelled: boolean;
  /** What had been done before in the same run; `applyRevisions` fills it in. */
  results: readonly RevisionResult[] = [];

  constructor(options: {
    revision: string;
    message: string;
    code?: string | null;
    cancelled?: boolean;
    cause?: unknown;
  }) {
    super(options.message, { cause: options.cause });
    this.name = "RevisionError";
    this.revision = options.revision;
    this.code = options.code ?? null;
    this.cancelled = options.cancelled ?? false;
  }

  /** The same error that also says which steps of the run stand. */
  withResults(results: readonly RevisionResult[]): this {
    this.results = results;
    const applied = results.filter(({ outcome }) => outcome === "applied");
    if (applied.length === 0) return this;
    const list = applied.map(({ revision, direction }) => `${revision} (${direction === "up" ? "applied" : "undone"})`);
    this.message += `\nDone before in this run, and committed: ${list.join(", ")}.`;
    return this;
  }
}

/** `e4f5a6 (priority scale), going up`. */
export function describeStep({ revision, title, direction }: RevisionStep): string {
  return `${revision} (${title}), going ${direction}`;
}

/** A statement that is being run, and its place in its step. */
export interface RunningStatement {
  readonly statement: ParsedStatement;
  readonly number: number;
  readonly of: number;
}

/** An error of a statement, before it is known what became of its transaction. */
export class StatementError extends Error {
  readonly running: RunningStatement;

  constructor(running: RunningStatement, cause: unknown) {
    super(errorText(cause), { cause });
    this.name = "StatementError";
    this.running = running;
  }
}

interface ServerError {
  readonly severity?: string;
  readonly position?: string;
  readonly hint?: string;
  readonly constraint?: string;
}

/**
 * The place in the migration file, and PostgreSQL's words with the line and a caret. DETAIL is left out: it quotes rows of the installation.
 */
export function describeStatementError(
  { running, cause }: StatementError,
  { file }: Pick<RevisionStep, "file">,
): string {
  const { statement, number, of } = running;
  const { severity = "ERROR", position, hint, constraint } = cause as ServerError;
  const code = errorCode(cause);
  // Without a position the statement itself is the place.
  const { line, snippet } = locate(statement.sql, position === undefined ? 0 : Number(position) - 1, statement.line);
  return [
    `  ${file}:${line}, statement ${number} of ${of}:`,
    `  ${severity}: ${errorText(cause)}${code ? ` (SQLSTATE ${code})` : ""}`,
    ...(constraint ? [`  constraint: ${constraint}`] : []),
    ...snippet.split("\n").map((line) => `  ${line}`),
    ...(hint ? [`  hint: ${hint}`] : []),
  ].join("\n");
}
