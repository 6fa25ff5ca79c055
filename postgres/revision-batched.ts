import { readRevisions } from "./alembic";
import { findWalkKey, type WalkKey } from "./batch-keys";
import { Brake } from "./batch-pressure";
import { BatchProgress } from "./batch-progress";
import { BatchSize } from "./batch-size";
import {
  beginBatches,
  endBatches,
  lockUnfinishedBatches,
  noteStatement,
  noteTotal,
  readUnfinishedBatches,
  turnBatches,
  type UnfinishedBatches,
} from "./batch-state";
import { type BatchWalk, doBatch, rowsLeft, walkAgain } from "./batch-walk";
import { Waypoints } from "./batch-waypoints";
import { parseBatches, type ParsedBatches } from "./batched-script";
import { errorCode } from "./errors";
import { RevisionError, type RevisionResult, StatementError } from "./revision-error";
import {
  claimRevisions,
  concludeStep,
  judgeRevisions,
  limitTransaction,
  type RevisionSession,
  runStatement,
  type StepRun,
  withLockRetries,
  withRevisionSession,
} from "./revision-session";
import type { ParsedStatement } from "./statements";
import { inTransaction } from "./transaction";

/** How often the whole table is walked for rows that others have written meanwhile. */
const mostWalks = 5;

/**
 * Does a step in batches: the statements before them, then some rows at a time, each batch committed together with the
 * place that it has come to, then the statements after them; the last transaction stamps. Killed anywhere, the next run
 * goes on from there, in either direction, and no row is done twice or left out.
 *
 * @throws StatementError, LockWaitError, PressureError, RevisionError or an error of the connection; what was committed
 *   stays, and the ledger says how far it came
 */
export async function runBatched(run: StepRun): Promise<RevisionResult["outcome"]> {
  return withRevisionSession(run, async (session) => {
    const started = Date.now();
    const script = parseBatches(run.step.sql, { file: run.step.file, firstLine: run.step.line });
    await prepareSession(session);
    const entered = await withLockRetries(run, () => enter(session, run, script));
    if (!entered) return "already there";
    const around = { session, run, script };
    await runAround(around, { from: 0, statements: script.before });
    if (await isWalkDue(around)) await walk({ ...around, ...entered });
    const after = script.after.slice(0, -1);
    await runAround(around, { from: script.before.length, statements: after });
    await withLockRetries(run, () => conclude(around, started));
    return "applied";
  });
}

interface Around {
  readonly session: RevisionSession;
  readonly run: StepRun;
  readonly script: ParsedBatches;
}

/** Keys travel as text, so its form must not depend on settings; and no policy may hide rows from the batches. */
async function prepareSession({ client }: RevisionSession): Promise<void> {
  await client.query(
    `SET row_security = off; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; SET extra_float_digits = 1;
     SET bytea_output = 'hex'`,
  );
}

interface Entered {
  readonly key: WalkKey;
  readonly undoing: boolean;
}

/** Notes that the step is under way, or takes up what an earlier run has left. @returns null when it is done already */
async function enter(session: RevisionSession, run: StepRun, script: ParsedBatches): Promise<Entered | null> {
  const { client } = session;
  const { step } = run;
  return inTransaction(client, "", async () => {
    await limitTransaction(session, run);
    const found = await claimRevisions(session, run);
    const state = await lockUnfinishedBatches(client);
    if (judgeRevisions(step, found) === "already there" && (step.before !== step.after || !state)) return null;
    if (state) refuseOther(run, state, script);
    const key = await findWalkKey(client, script.relation, state?.keyColumns ?? null);
    if (!key) throw noKey(run, script, state);
    const touched = key.columns.find(({ name }) => script.columns.includes(name));
    if (touched) throw refuse(run, `Its batches set ${touched.name}, by which the rows of ${key.relation} are taken.`);
    if (!state) {
      const { revision, direction, release, checksum } = step;
      const keyColumns = key.columns.map(({ name }) => name);
      await beginBatches(
        client,
        { revision, direction, release, checksum, relation: key.relation, keyColumns },
        run.attempt,
      );
    } else if (state.heading !== step.direction) await turnBatches(client, step.direction, run.attempt);
    return { key, undoing: (state?.direction ?? step.direction) !== step.direction };
  });
}

function refuse(run: StepRun, message: string): RevisionError {
  const { revision, direction, title } = run.step;
  return new RevisionError({
    revision,
    message: `Revision ${revision} (${title}), going ${direction}, was not begun. ${message}\nThis run changed nothing of it. Look at a new plan: npx octollm preview`,
  });
}

function noKey(run: StepRun, script: ParsedBatches, state: UnfinishedBatches | null): RevisionError {
  const lost = state ? `Table ${script.relation} has lost the unique index on ${state.keyColumns.join(", ")}, ` : "";
  return refuse(
    run,
    state
      ? `${lost}by which its first rows were taken: make it again, then go on.`
      : `Table ${script.relation} has no primary key and no unique index without nulls, so its rows cannot be taken in batches.`,
  );
}

/** What stands half-done must be this revision, by the same file: another one would not know which rows are done. */
function refuseOther(run: StepRun, state: UnfinishedBatches, script: ParsedBatches): void {
  if (state.revision !== run.step.revision)
    throw refuse(run, `The batches of revision ${state.revision} stopped half-way: they have to be ended first.`);
  if (state.checksum !== run.step.checksum)
    throw refuse(
      run,
      `Its first ${state.rowsDone} rows were done by a file with SHA-256 ${state.checksum.slice(0, 12)}, and the file now has ` +
        `${run.step.checksum.slice(0, 12)}: bring the old file back.`,
    );
  if (state.position > script.before.length + script.after.length)
    throw refuse(run, "The ledger knows more statements of it than there are.");
}

async function positionOf({ client }: RevisionSession): Promise<number> {
  return (await readUnfinishedBatches(client))?.position ?? 0;
}

/** Runs statements around the batches, each in a transaction of its own, so that none keeps its locks for the next. */
async function runAround(
  { session, run, script }: Around,
  { from, statements }: { from: number; statements: readonly ParsedStatement[] },
): Promise<void> {
  const of = script.before.length + script.batch.length + script.after.length;
  const skipped = from === 0 ? 0 : script.batch.length;
  for (const [index, statement] of statements.entries())
    await withLockRetries(run, () =>
      inTransaction(session.client, "", async () => {
        await limitTransaction(session, run);
        const state = await lockUnfinishedBatches(session.client);
        if ((state?.position ?? 0) > from + index) return;
        await runStatement(session, run, { statement, number: from + skipped + index + 1, of });
        await noteStatement(session.client, from + index + 1);
      }),
    );
}

/** Once a statement after the batches is done, all of them are. */
async function isWalkDue({ session, script }: Around): Promise<boolean> {
  return (await positionOf(session)) <= script.before.length;
}

async function walk(around: Around & Entered): Promise<void> {
  const { session, run, script, key, undoing } = around;
  const { client } = session;
  const { batch: limits, step, signal } = run;
  const say = (line: string) => run.progress(`${step.revision}: ${line}`);
  const state = await countOnce(around);
  const progress = new BatchProgress({ done: state.rowsDone, total: state.rowsTotal, everyMs: limits.reportMs });
  // Beside writers a batch must not keep its rows locked for long.
  const targetMs = script.predicate === null ? limits.targetMs : Math.min(limits.targetMs, 1_000);
  const size = new BatchSize({ first: limits.firstRows, targetMs });
  const brake = new Brake({ client, table: key.table, limits, progress: say, signal });
  if (state.cursor !== null) say(`goes on after ${state.rowsDone.toLocaleString("en")} rows that are done`);
  for (let walks = 1; ; walks++) {
    const { cursor } = walks === 1 ? state : { cursor: null };
    const waypoints = await Waypoints.read(client, key, { cursor, rows: state.rowsTotal, undoing });
    const walking: BatchWalk = { session, run, script, key, undoing, waypoints, cursor };
    await walkOnce(walking, { progress, size, brake, say });
    if (undoing || script.predicate === null) break;
    const left = await rowsLeft(walking);
    if (left === 0) break;
    if (walks === mostWalks)
      throw refuse(run, `Others keep writing rows that are still to be changed (now ${left}), ${walks} times over.`);
    say(`${left} rows that others have written meanwhile: once more`);
    await walkAgain(walking);
  }
}

interface Steering {
  readonly progress: BatchProgress;
  readonly size: BatchSize;
  readonly brake: Brake;
  readonly say: (line: string) => void;
}

async function walkOnce(walking: BatchWalk, { progress, size, brake, say }: Steering): Promise<void> {
  const { run, undoing } = walking;
  for (;;) {
    run.signal.throwIfAborted();
    await brake.wait();
    const started = Date.now();
    let done: Awaited<ReturnType<typeof doBatch>>;
    try {
      done = await withLockRetries(run, () => doBatch(walking, size.rows));
    } catch (error) {
      if (!isTimeout(error) || run.signal.aborted || !size.split()) throw error;
      say(
        `a batch took longer than ${run.batch.timeoutMs / 1000} s and was rolled back: ${size.rows} rows at a time now`,
      );
      continue;
    }
    if (done === null) return;
    const { rows } = done;
    walking.waypoints.pass(done.places);
    walking.cursor = done.cursor;
    const milliseconds = Date.now() - started;
    size.learn({ rows, milliseconds });
    progress.add(undoing ? -rows : rows, milliseconds);
    const line = progress.line(undoing);
    if (line) say(line);
  }
}

function isTimeout(error: unknown): boolean {
  return errorCode(error instanceof StatementError ? error.cause : error) === "57014";
}

/** Counts the rows once, for the time left; a table that takes too long to count has only an estimate. */
async function countOnce({ session, key }: Around & Entered): Promise<UnfinishedBatches> {
  const { client } = session;
  const state = await readUnfinishedBatches(client);
  if (!state) throw new Error("The ledger has lost the batches that are under way.");
  if (state.rowsTotal !== null) return state;
  const rowsTotal = await inTransaction(client, "", async () => {
    await client.query("SET LOCAL statement_timeout = '5s'; SAVEPOINT counting");
    const exact = `SELECT count(*)::float8 AS rows FROM ${key.relation}`;
    const estimate = `SELECT nullif(greatest(reltuples, 0), 0)::float8 AS rows FROM pg_catalog.pg_class WHERE oid = ${key.table}`;
    const read = async (sql: string) => (await client.query<{ rows: number | null }>(sql)).rows[0]?.rows ?? null;
    const rows = await read(exact).catch(async () => {
      await client.query("ROLLBACK TO counting; SET LOCAL statement_timeout = 0");
      return read(estimate);
    });
    if (rows !== null) await noteTotal(client, rows);
    return rows;
  });
  return { ...state, rowsTotal };
}

/** The last statement, with the stamp. */
async function conclude({ session, run, script }: Around, started: number): Promise<void> {
  const { client } = session;
  await inTransaction(client, "", async () => {
    await limitTransaction(session, run);
    const found = await claimRevisions(session, run);
    judgeRevisions(run.step, found);
    await lockUnfinishedBatches(client);
    const last = script.after.at(-1);
    const of = script.before.length + script.batch.length + script.after.length;
    if (last) await runStatement(session, run, { statement: last, number: of, of });
    if (run.step.before !== run.step.after) await concludeStep(session, run, started);
    await endBatches(client);
    run.signal.throwIfAborted();
  });
}

/** Whether a step of batches has reached its end; for a run that lost its connection in the last COMMIT. */
export async function hasEnded(run: StepRun, client: RevisionSession["client"]): Promise<boolean> {
  const revisions = await readRevisions(client);
  return judgeRevisions(run.step, revisions) === "already there" && (await readUnfinishedBatches(client)) === null;
}
