import type { RevisionStep } from "../planner/plan";
import { describeRevisions, readRevisions } from "./alembic";
import { readUnfinishedBatches } from "./batch-state";
import { type DatabaseAddress, withClient } from "./connection";
import { errorCode, errorText, isConnectionLoss, redact } from "./errors";
import { pause } from "./pause";
import { hasEnded, runBatched } from "./revision-batched";
import { runConcurrent } from "./revision-concurrent";
import {
  describeStatementError,
  describeStep,
  RevisionError,
  type RevisionResult,
  StatementError,
} from "./revision-error";
import { type BatchLimits, LockWaitError, type NextCommands, type StepRun } from "./revision-session";
import { runTransactional } from "./revision-transactional";
import { loadParser, parseStatements } from "./statements";

export { RevisionError, type RevisionResult } from "./revision-error";

export interface ApplyOptions {
  readonly address: DatabaseAddress;
  /** In the order in which they are done. */
  readonly steps: readonly RevisionStep[];
  /** The open attempt of the ledger. */
  readonly attempt: number;
  /** How long a statement may wait for a lock, and so how long it may make others queue behind it; 4 s by default. */
  readonly lockTimeoutMs?: number;
  /** How often a step that did not get its lock is tried again; 10 by default. */
  readonly retries?: number;
  /** Limit of one CREATE or DROP INDEX CONCURRENTLY; 2 h by default. */
  readonly concurrentlyTimeoutMs?: number;
  /** How batches are cut, and when they wait for others. */
  readonly batch?: Partial<BatchLimits>;
  readonly progress: (line: string) => void;
  /** What to type after a failure; the words of a stack unless given. */
  readonly commands?: NextCommands;
  /** Cancels the running statement on the server; what is committed stays. */
  readonly signal: AbortSignal;
}

const batchDefaults: BatchLimits = {
  firstRows: 10_000,
  targetMs: 4_000,
  timeoutMs: 30_000,
  reportMs: 5_000,
  lagBytes: 64 * 1024 * 1024,
  backlogBytes: 1024 * 1024 * 1024,
  pauseMs: 600_000,
  vacuumPauseMs: 10_000,
  lookMs: 1_000,
};

/**
 * Applies and undoes revisions, each committed with its stamp and its ledger row. `alembic_version` is the authority: a
 * step whose end it shows is skipped, so that a run that was killed is taken up where it stopped.
 *
 * The caller holds the upgrade lock and has opened the attempt.
 *
 * @returns what became of each step
 * @throws RevisionError with the results so far, saying what was rolled back and the next command
 */
export async function applyRevisions(options: ApplyOptions): Promise<RevisionResult[]> {
  await loadParser();
  const settings = {
    lockTimeoutMs: 4_000,
    retries: 10,
    concurrentlyTimeoutMs: 2 * 3_600_000,
    commands: { look: "npx octollm status", again: "npx octollm up" },
    ...options,
  };
  const runs = options.steps.map((step) => ({
    ...settings,
    batch: { ...batchDefaults, ...options.batch },
    step,
    statements: parseStatements(step.sql.join("\n"), { file: step.file, firstLine: step.line }),
  }));
  const results: RevisionResult[] = [];
  for (const run of runs) {
    const started = Date.now();
    try {
      const outcome = await runStep(run);
      const milliseconds = Date.now() - started;
      results.push({ revision: run.step.revision, direction: run.step.direction, outcome, milliseconds });
      options.progress(`${describeStep(run.step)}: ${outcome}, ${(milliseconds / 1000).toFixed(1)} s`);
    } catch (error) {
      throw (await explain(run, error)).withResults(results);
    }
  }
  return results;
}

const manners = {
  transactional: { text: "one transaction", run: runTransactional },
  none: { text: "each by itself", run: runConcurrent },
  batched: { text: "in batches of rows", run: runBatched },
};

async function runStep(run: StepRun): Promise<RevisionResult["outcome"]> {
  run.signal.throwIfAborted();
  const { transaction } = run.step;
  run.progress(
    `${describeStep(run.step)}: ${run.statements.length} statement${run.statements.length === 1 ? "" : "s"}, ${manners[transaction].text}`,
  );
  try {
    return await manners[transaction].run(run);
  } catch (error) {
    // The answer to COMMIT may have been lost on the way: the database knows.
    if (isConnectionLoss(rootOf(error)) && (await isStamped(run))) return "applied";
    throw error;
  }
}

function rootOf(error: unknown): unknown {
  return error instanceof StatementError || error instanceof LockWaitError ? rootOf(error.cause) : error;
}

/** Whether the step's stamp is set, once the server has let go of the session that broke. */
async function isStamped(run: StepRun): Promise<boolean> {
  const name = `revision ${run.step.revision} ${run.step.direction}`;
  try {
    return await withClient(run.address, { name: "read back", readOnly: true }, async (client) => {
      for (let tries = 0; tries < 60; tries++) {
        const { rows } = await client.query(
          "SELECT FROM pg_catalog.pg_stat_activity WHERE datname = current_database() AND application_name = $1",
          [`octollm-upgrade: ${name}`],
        );
        if (rows.length === 0) break;
        await pause(500, run.signal);
      }
      if (run.step.transaction === "batched") return hasEnded(run, client);
      const revisions = await readRevisions(client);
      return run.step.after === null ? revisions.length === 0 : revisions[0] === run.step.after;
    });
  } catch {
    return false;
  }
}

/** Where the database stands after a failure, in words. */
async function describeState({ address, step }: StepRun): Promise<string> {
  try {
    const [revisions, batches] = await withClient(
      address,
      { name: "read back", readOnly: true, connectTimeoutMs: 5_000 },
      async (client) => [await readRevisions(client), await readUnfinishedBatches(client)] as const,
    );
    const where = `the database is at revision ${describeRevisions(revisions)}`;
    if (batches?.revision === step.revision)
      return (
        `Half-way, and not stamped: ${where}, and ${batches.rowsDone} rows are in the form that ${step.revision} ` +
        `${batches.direction} gives them. The ledger knows which: the next run goes on there, or undoes them.`
      );
    return step.transaction === "none"
      ? `Not stamped: ${where}.`
      : `Rolled back: ${where}, nothing of this revision stands.`;
  } catch {
    return "The database does not answer now, so its revision could not be read; a transaction that was not committed is rolled back.";
  }
}

async function explain(run: StepRun, error: unknown): Promise<RevisionError> {
  if (error instanceof RevisionError) return error;
  const state = await describeState(run);
  const cancelled = run.signal.aborted;
  const { look, again } = run.commands;
  const lines = [
    ...whatHappened(run, { error, cancelled }),
    state,
    cancelled ? `To go on: ${again}` : `Next: ${look}, then ${again} once the cause is mended.`,
  ];
  const message = redact(lines.join("\n"), run.address.password);
  return new RevisionError({ revision: run.step.revision, message, code: errorCode(rootOf(error)), cancelled });
}

function whatHappened(run: StepRun, { error, cancelled }: { error: unknown; cancelled: boolean }): string[] {
  const step = describeStep(run.step);
  if (cancelled) return [`Revision ${step}, was cancelled: ${errorText(run.signal.reason)}`];
  if (error instanceof LockWaitError) {
    const blockers = error.blockers.map(
      ({ pid, text }) => `  ${text}; to end it: SELECT pg_terminate_backend(${pid});`,
    );
    const tries = `Revision ${step}, did not get its lock in ${run.retries + 1} tries of ${run.lockTimeoutMs / 1000} s.`;
    return [
      tries,
      ...(blockers.length > 0 ? ["In its way:", ...blockers] : ["Whoever was in its way has gone since."]),
    ];
  }
  if (error instanceof StatementError) return [`Revision ${step}, failed:`, describeStatementError(error, run.step)];
  return [`Revision ${step}, failed: ${errorText(error)}`];
}
