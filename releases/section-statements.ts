import type { Node } from "libpg-query";

import { withTransactionHazards } from "../postgres/hazards/script";
import { type ParsedStatement, parseStatements, withoutTree } from "../postgres/statements";
import { CatalogueError } from "./errors";
import type { Migration, Statement } from "./release";
import { type WaiverScope, withWaivers } from "./waivers";

/** A section of a migration file, and how its revision runs. */
export interface SectionScope extends WaiverScope {
  readonly transaction: Migration["transaction"];
  /** Whether its statements have a transaction each. */
  readonly isBatched: boolean;
}

/**
 * Reads the statements of a section, with their hazards and what is waived of them.
 *
 * @throws CatalogueError for a statement that may not stand there and for a faulty waiver; SqlSyntaxError
 */
export function readStatements(scope: SectionScope): Statement[] {
  const { file, lines, firstLine, transaction, isBatched } = scope;
  const parsed = parseStatements(lines.join("\n"), { file, firstLine });
  for (const statement of parsed) {
    const reason = transaction === "none" ? refuseAlone(statement) : refuseTogether(statement);
    if (reason !== null) throw new CatalogueError([{ file, line: statement.line, reason }]);
  }
  const statements = parsed.map(withoutTree);
  return withWaivers(transaction === "none" || isBatched ? statements : withTransactionHazards(statements), scope);
}

/** Why a statement may not stand in a revision that is one transaction; null when it may. */
function refuseTogether({ node, sql }: ParsedStatement): string | null {
  if (/\bCONCURRENTLY\b/i.test(sql)) return "CONCURRENTLY cannot run in a transaction: say 'transaction: none'";
  if ("TransactionStmt" in node)
    return "the revision is one transaction with its stamp: BEGIN, COMMIT and their like may not stand in it";
  return null;
}

/** Why a statement may not stand in a revision without a transaction; null when it may. */
function refuseAlone({ node }: ParsedStatement): string | null {
  if (isRepeatable(node)) return null;
  return (
    "without a transaction an up that is killed here would do this again: only CREATE, DROP and REINDEX INDEX " +
    "CONCURRENTLY, VACUUM and ANALYZE may stand in 'transaction: none'"
  );
}

/** Whether a statement may be done again after a run that was killed: its effect is known, or nobody sees it. */
function isRepeatable(node: Node): boolean {
  if ("IndexStmt" in node) return node.IndexStmt.concurrent === true;
  if ("DropStmt" in node) return node.DropStmt.concurrent === true;
  return "ReindexStmt" in node || "VacuumStmt" in node;
}
