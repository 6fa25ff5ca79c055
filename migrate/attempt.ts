import { hostname } from "node:os";

import type { SchemaMove } from "../planner/schema-move";
import type { NewAttempt } from "../postgres/ledger";
import { programVersion } from "../version";

/**
 * A move of the schema alone, as the ledger notes it when it begins.
 *
 * @param stack - the name of these runs, where others have their stack's
 */
export function schemaAttempt(stack: string, move: SchemaMove): NewAttempt {
  return {
    stack,
    host: hostname(),
    pid: process.pid,
    programVersion,
    planId: move.id,
    reviewedPlan: null,
    fromVersion: move.before ?? "none",
    toVersion: move.after ?? "none",
    direction: move.direction,
    scope: "schema",
  };
}
