import { inRange, isBefore, nextRange, type Place, previousRange, type Range, type WalkKey } from "./batch-keys";
import { lockUnfinishedBatches, noteBatch } from "./batch-state";
import type { Waypoints } from "./batch-waypoints";
import type { BatchStatement, ParsedBatches } from "./batched-script";
import type { Client } from "./connection";
import { strictIdentifier } from "./identifiers";
import { RevisionError, StatementError } from "./revision-error";
import { limitTransaction, observed, type RevisionSession, type StepRun } from "./revision-session";
import { inTransaction } from "./transaction";

/** Batches under way. */
export interface BatchWalk {
  readonly session: RevisionSession;
  readonly run: StepRun;
  readonly script: ParsedBatches;
  readonly key: WalkKey;
  /** Whether rows that batches of the other direction have done are being undone, the last ones first. */
  readonly undoing: boolean;
  readonly waypoints: Waypoints;
  /** Where the walk has come to. */
  cursor: Place | null;
}

/** What a batch has done. */
interface BatchDone {
  readonly rows: number;
  /** Waypoints that it has left behind. */
  readonly places: number;
  readonly cursor: Place | null;
}

/**
 * Does one batch: its statements and the new place in one transaction.
 *
 * @param size - rows at most
 * @returns what it took; null when no row is left
 * @throws StatementError, LockWaitError: the batch is rolled back
 */
export async function doBatch(walk: BatchWalk, size: number): Promise<BatchDone | null> {
  const { session, run, key, undoing } = walk;
  const { client } = session;
  return inTransaction(client, "", async () => {
    await limitTransaction(session, run);
    // A server that crashes may forget the last batches together with the place; the stamp waits for the disk.
    await client.query(`SET LOCAL synchronous_commit = off; SET LOCAL statement_timeout = ${run.batch.timeoutMs}`);
    const state = await observed(session, run, "taking up the batches", () => lockUnfinishedBatches(client));
    if (!state) throw new Error("The ledger has lost the batches that are under way.");
    const ahead = isAt(walk, state.cursor) ? walk.waypoints.next(state.cursor, size, undoing) : null;
    const found = ahead ?? (await (undoing ? previousRange : nextRange)(client, key, state.cursor, size));
    if (!found) return null;
    await refuseBackwards(client, key, found.range);
    await runOver(walk, found.range);
    await noteBatch(client, {
      cursor: undoing ? found.range.after : found.range.to,
      rows: undoing ? -found.rows : found.rows,
    });
    return { rows: found.rows, places: ahead?.places ?? 0, cursor: undoing ? found.range.after : found.range.to };
  });
}

/** A range that does not begin before it ends would have rows done twice: whatever laid it out was wrong. */
async function refuseBackwards(client: Client, key: WalkKey, { after, to }: Range): Promise<void> {
  if (after === null || (await isBefore(client, key, after, to))) return;
  throw new Error(
    `The batches of ${key.relation} would not get on: the next one ends before it begins. Nothing was done.`,
  );
}

/** Whether the walk is where the ledger is: not when the last batch of a run that was killed has come through since. */
function isAt({ cursor }: BatchWalk, place: Place | null): boolean {
  return JSON.stringify(cursor) === JSON.stringify(place);
}

async function runOver(walk: BatchWalk, range: Range): Promise<void> {
  const { session, run, script } = walk;
  const of = script.before.length + script.batch.length + script.after.length;
  for (const [index, statement] of script.batch.entries()) {
    const number = script.before.length + index + 1;
    await observed(session, run, `statement ${number} of ${of}`, async () => {
      try {
        await session.client.query(batchSql(walk, statement, range));
      } catch (error) {
        throw new StatementError({ statement, number, of }, withoutPosition(error));
      }
    });
  }
  await proveDone(walk, range);
}

/** The statement with the condition of the batch's rows in place of in_batch(alias). */
export function batchSql(
  { key, script }: Pick<BatchWalk, "key" | "script">,
  { sql, alias, at, end }: BatchStatement,
  range: Range,
): string {
  const rows = inRange(key, range, alias);
  const condition = script.predicate === null ? rows : `(${rows} AND ${stillToDo(script.predicate, alias)})`;
  return sql.slice(0, at) + condition + sql.slice(end);
}

/** The predicate for one row, whatever other tables its statement names. */
function stillToDo(predicate: string, alias: string): string {
  return `EXISTS (SELECT FROM (SELECT ${strictIdentifier(alias)}.*) AS batch_row WHERE (${predicate}\n))`;
}

/** A position in the SQL that was sent is none in the file's. */
function withoutPosition(error: unknown): unknown {
  if (error instanceof Error && "position" in error) delete error.position;
  return error;
}

/**
 * What the author claims of the predicate, looked at on the rows that the batch has changed: it holds for none of them. Rows
 * that others have written among them meanwhile are of the next walk.
 */
async function proveDone({ session, run, script, key }: BatchWalk, range: Range): Promise<void> {
  if (script.predicate === null) return;
  const { rows } = await session.client.query<{ left: number }>(
    `SELECT count(*)::float8 AS left FROM ${key.relation} AS done
     WHERE ${inRange(key, range, "done")} AND done.xmin = pg_current_xact_id()::xid AND ${stillToDo(script.predicate, "done")}`,
  );
  const left = rows[0]?.left ?? 0;
  if (left === 0) return;
  throw new RevisionError({
    revision: run.step.revision,
    message:
      `Revision ${run.step.revision} (${run.step.title}): its predicate still holds for ${left} rows of a batch that was done, ` +
      "so nobody could tell them from rows that are not.\nThe batch was rolled back. The migration file has to be corrected: " +
      "its predicate must be false once a row is changed.",
  });
}

/** Rows anywhere in the table that are still to be changed. */
export async function rowsLeft({ session, script, key }: BatchWalk): Promise<number> {
  if (script.predicate === null) return 0;
  const { rows } = await session.client.query<{ left: number }>(
    `SELECT count(*)::float8 AS left FROM ${key.relation} AS row WHERE ${stillToDo(script.predicate, "row")}`,
  );
  return rows[0]?.left ?? 0;
}

/** Starts from the first row again: the predicate leaves out what is done. */
export async function walkAgain({ session, run }: BatchWalk): Promise<void> {
  await inTransaction(session.client, "", async () => {
    await limitTransaction(session, run);
    await noteBatch(session.client, { cursor: null, rows: 0 });
  });
}
