import type { RevisionStep } from "../planner/plan";
import { describeRevisions, lockAlembicVersion, stamp } from "./alembic";
import type { PressureLimits } from "./batch-pressure";
import { readUnfinishedBatches } from "./batch-state";
import { type Client, type DatabaseAddress, withClient } from "./connection";
import { errorCode } from "./errors";
import { recordRevision } from "./ledger-revisions";
import { readWorkloads, recordMeasures, type Workload } from "./measures";
import { backoff, pause } from "./pause";
import { RevisionError, type RunningStatement, StatementError } from "./revision-error";
import type { ParsedStatement } from "./statements";
import { type Blocker, watched } from "./watch";

/** How batches are cut. */
export interface BatchLimits extends PressureLimits {
  readonly firstRows: number;
  /** How long a batch should last, and how long it may before it is split. */
  readonly targetMs: number;
  readonly timeoutMs: number;
  /** Least time between two lines of progress. */
  readonly reportMs: number;
}

/** The commands that texts of failures name. */
export interface NextCommands {
  /** Tells how things stand. */
  readonly look: string;
  /** Goes on. */
  readonly again: string;
}

/** What every step of a run is done with; `applyRevisions` documents each. */
export interface RunSettings {
  readonly address: DatabaseAddress;
  readonly attempt: number;
  readonly lockTimeoutMs: number;
  readonly retries: number;
  readonly concurrentlyTimeoutMs: number;
  readonly batch: BatchLimits;
  readonly progress: (line: string) => void;
  readonly commands: NextCommands;
  readonly signal: AbortSignal;
}

/** A step, its statements, and the settings of the run. */
export interface StepRun extends RunSettings {
  readonly step: RevisionStep;
  readonly statements: readonly ParsedStatement[];
}

/** A session that runs revisions; `pid` is its server process. */
export interface RevisionSession {
  readonly client: Client;
  readonly pid: number;
  /** What each statement is about to work on, and how long those took that have run, in milliseconds. */
  readonly workloads: readonly (Workload | null)[];
  readonly times: Map<number, number>;
}

/** Opens a session whose statements end on the server soon after this program is gone. */
export async function withRevisionSession<T>(run: StepRun, use: (session: RevisionSession) => Promise<T>): Promise<T> {
  return withClient(run.address, { name: `revision ${run.step.revision} ${run.step.direction}` }, async (client) => {
    const { rows } = await client.query<{ pid: number }>(
      `SELECT pg_backend_pid() AS pid, (SELECT set_config(name, '5s', false) FROM pg_catalog.pg_settings
         WHERE name = 'client_connection_check_interval')`,
    );
    const workloads = await readWorkloads(client, run.statements);
    return use({ client, pid: rows[0]?.pid ?? 0, workloads, times: new Map() });
  });
}

/** Work that waited too long for a lock, or met a deadlock: nothing of it stands, and it may be tried again. */
export class LockWaitError extends Error {
  readonly blockers: readonly Blocker[];

  constructor(blockers: readonly Blocker[], cause: unknown) {
    super("a lock could not be had in time", { cause });
    this.name = "LockWaitError";
    this.blockers = blockers;
  }
}

const lockWaitCodes = new Set(["55P03", "40P01"]);

/**
 * Runs a query of a step under observation.
 *
 * @param label - follows the revision in progress lines
 * @throws LockWaitError when a lock could not be had
 */
export async function observed<T>(
  { pid }: RevisionSession,
  run: StepRun,
  label: string,
  body: () => Promise<T>,
): Promise<T> {
  const { address, step, progress, signal } = run;
  return watched({ address, pid, label: `${step.revision}: ${label}`, progress, signal }, async (watch) => {
    try {
      return await body();
    } catch (error) {
      const code = errorCode(error instanceof StatementError ? error.cause : error);
      if (code && lockWaitCodes.has(code)) throw new LockWaitError(watch.blockers, error);
      throw error;
    }
  });
}

/**
 * Runs one statement of the step.
 *
 * @throws StatementError with PostgreSQL's error as cause; LockWaitError
 */
export async function runStatement(session: RevisionSession, run: StepRun, running: RunningStatement): Promise<void> {
  await observed(session, run, `statement ${running.number} of ${running.of}`, async () => {
    const started = performance.now();
    try {
      await session.client.query(running.statement.sql);
      session.times.set(running.number, performance.now() - started);
    } catch (error) {
      throw new StatementError(running, error);
    }
  });
}

/**
 * Tries `body` until it gets its locks, with growing pauses.
 *
 * @param body - must have undone its work when it throws LockWaitError
 */
export async function withLockRetries<T>(run: StepRun, body: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    run.signal.throwIfAborted();
    try {
      return await body();
    } catch (error) {
      if (!(error instanceof LockWaitError) || tries > run.retries) throw error;
      const wait = backoff(tries);
      const blockers = error.blockers.map(({ text }) => text).join("; ") || "a session that has gone since";
      run.progress(
        `${run.step.revision}: blocked by ${blockers}; retry ${tries} of ${run.retries} in ${(wait / 1000).toFixed(1)} s`,
      );
      await pause(wait, run.signal);
    }
  }
}

/** Locks `alembic_version` and reads it; within a transaction of the step. */
export async function claimRevisions(session: RevisionSession, run: StepRun): Promise<string[]> {
  return observed(session, run, "locking alembic_version", () => lockAlembicVersion(session.client));
}

/**
 * Locks `alembic_version` and tells whether the step is still to do; within the step's transaction.
 *
 * @throws RevisionError when the database is at neither end of the step, or batches stopped half-way
 */
export async function claimStep(session: RevisionSession, run: StepRun): Promise<"to do" | "already there"> {
  const judged = judgeRevisions(run.step, await claimRevisions(session, run));
  const halfDone = judged === "to do" ? await readUnfinishedBatches(session.client) : null;
  if (!halfDone) return judged;
  throw new RevisionError({
    revision: run.step.revision,
    message: [
      `The batches of revision ${halfDone.revision} stopped half-way, after ${halfDone.rowsDone} rows: they have to be ended or undone before ${run.step.revision}.`,
      "This step changed nothing. Look at a new plan: npx octollm preview",
    ].join("\n"),
  });
}

/** Whether a step is still to do on a database at these revisions. */
export function judgeRevisions(step: RevisionStep, found: readonly string[]): "to do" | "already there" {
  const at = (revision: string | null) =>
    revision === null ? found.length === 0 : found.length === 1 && found[0] === revision;
  if (at(step.after)) return "already there";
  if (at(step.before)) return "to do";
  throw new RevisionError({
    revision: step.revision,
    message: [
      `Revision ${step.revision} (${step.title}) goes ${step.direction} from ${step.before ?? "the empty database"} to ${step.after ?? "the empty database"}, but alembic_version says ${describeRevisions(found)}: somebody else has moved the schema.`,
      "This step changed nothing. Look at a new plan: npx octollm preview",
    ].join("\n"),
  });
}

/** Stamps `alembic_version` and writes the ledger; within the step's transaction, or in one of its own. */
export async function concludeStep(session: RevisionSession, run: StepRun, started: number): Promise<void> {
  const { client, workloads, times } = session;
  await stamp(client, run.step);
  await recordRevision(client, { step: run.step, attempt: run.attempt, milliseconds: Date.now() - started });
  const taken = workloads.flatMap((workload, index) => {
    const milliseconds = times.get(index + 1);
    return workload && milliseconds !== undefined ? [{ ...workload, statement: index + 1, milliseconds }] : [];
  });
  await recordMeasures(client, run, taken);
}

/** Time limits of the transaction that the session is in. */
export async function limitTransaction({ client }: RevisionSession, run: StepRun): Promise<void> {
  await client.query("SELECT set_config('lock_timeout', $1, true)", [String(run.lockTimeoutMs)]);
}
