import type { Catalogue, Migration } from "../releases/release";
import { docstring } from "./version-file";

/** A revision and what is to be told of it. */
export interface Worded {
  readonly catalogue: Catalogue;
  readonly migration: Migration;
  /** Whether the database is at it, where that is to be shown. */
  readonly current?: boolean;
}

function marks({ catalogue, migration, current = false }: Worded): string {
  const isHead = catalogue.chain.at(-1)?.revision === migration.revision;
  return `${isHead ? " (head)" : ""}${current ? " (current)" : ""}`;
}

/** As `alembic current` names a revision: `e4f5a6 (head)`. */
export function currentLine(worded: Worded): string {
  return `${worded.migration.revision}${marks(worded)}`;
}

/** As `alembic history` lists a revision: `b1c2d3 -> e4f5a6 (head), title`. */
export function historyLine(worded: Worded): string {
  const { downRevision, title } = worded.migration;
  return `${downRevision ?? "<base>"} -> ${currentLine(worded)}, ${title}`;
}

/**
 * As Alembic's `--verbose` tells of a revision.
 *
 * @param path - of the file that is the revision's
 */
export function verboseLines(worded: Worded, path: string): string[] {
  const { catalogue, migration } = worded;
  return [
    `Rev: ${currentLine(worded)}`,
    `Parent: ${migration.downRevision ?? "<base>"}`,
    `Path: ${path}`,
    "",
    ...docstring(catalogue, migration).map((line) => `    ${line}`),
    "",
  ];
}
