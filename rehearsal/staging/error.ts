import { DatabaseError } from "pg";

/** A rehearsal on staging cannot begin, or did not reach its end. The text says what was touched. */
export class RehearsalError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "RehearsalError";
  }
}

/**
 * What PostgreSQL says of a fault without anything that may be a value of a row: its texts quote them (`invalid input
 * syntax for type integer: "..."`), and details hold whole rows.
 */
export function faultWithoutValues(error: unknown): string {
  if (!(error instanceof DatabaseError)) return error instanceof Error ? withoutRows(error.message) : "unknown";
  const { code = "?????", schema, table, column, constraint, dataType } = error;
  const about = Object.entries({ schema, table, column, constraint, type: dataType }).flatMap(([kind, name]) =>
    name === undefined ? [] : [`${kind} ${name}`],
  );
  return `SQLSTATE ${code}${about.length > 0 ? ` (${about.join(", ")})` : ""}`;
}

/** What pg_restore or psql said, without the lines that show rows, and without what stands in quotes behind a colon. */
export function withoutRows(text: string): string {
  return text
    .split("\n")
    .filter((line) => !/\b(?:DETAIL|CONTEXT|HINT):/.test(line))
    .map((line) => line.replace(/: "[^]*$/, ": ***"))
    .join("\n");
}
