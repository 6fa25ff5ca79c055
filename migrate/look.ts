import { describeRefusals } from "../phases/faults";
import { type DatabaseLook, lookAtDatabase } from "../phases/restore-facts";
import { revisionIndex } from "../planner/chain";
import { judgeRevision } from "../planner/refusals";
import type { DatabaseAddress } from "../postgres/connection";
import type { Catalogue } from "../releases/release";

/** How long a database may take to answer, in milliseconds. */
const budgetMs = 10_000;

/** The database as one look finds it, and its place in the chain of revisions. */
export interface SchemaLook {
  readonly look: DatabaseLook;
  /** -1 is the empty database. */
  readonly here: number;
}

/** Looks in a READ ONLY session. @throws DatabaseFault when it does not answer */
export async function lookAt(address: DatabaseAddress, catalogue: Catalogue): Promise<DatabaseLook> {
  return lookAtDatabase(address, { budgetMs, mayBeDamaged: false, catalogue });
}

/**
 * Looks in a READ ONLY session, and finds the place of what alembic_version says.
 *
 * @throws Error when it says two revisions, an unknown one, or none of a database that is not empty
 */
export async function lookAtSchema(address: DatabaseAddress, catalogue: Catalogue): Promise<SchemaLook> {
  const look = await lookAt(address, catalogue);
  const { database, revisions, isEmpty } = look.database;
  if (revisions.length === 0 && isEmpty) return { look, here: -1 };
  const reasons = judgeRevision({ database, revisions, looksLike: look.looksLike }, catalogue);
  if (reasons.length > 0) throw new Error(`${describeRefusals(reasons)}\nNothing was touched.`);
  return { look, here: revisionIndex(catalogue, revisions[0] ?? null) ?? -1 };
}
