import type { RevisionResult } from "./revision-error";
import {
  claimStep,
  concludeStep,
  limitTransaction,
  type RevisionSession,
  runStatement,
  type StepRun,
  withLockRetries,
  withRevisionSession,
} from "./revision-session";
import { rollback } from "./transaction";

/**
 * Does a step in one transaction with its stamp and its ledger row, so that it is there whole or not at all.
 *
 * @throws StatementError, LockWaitError, or an error of the connection: the transaction is rolled back, except that the
 *   outcome is unknown when the connection broke
 */
export async function runTransactional(run: StepRun): Promise<RevisionResult["outcome"]> {
  return withLockRetries(run, () => withRevisionSession(run, (session) => tryOnce(session, run)));
}

async function tryOnce(session: RevisionSession, run: StepRun): Promise<RevisionResult["outcome"]> {
  const { client } = session;
  const started = Date.now();
  await client.query("BEGIN");
  try {
    await limitTransaction(session, run);
    if ((await claimStep(session, run)) === "already there") {
      await rollback(client);
      return "already there";
    }
    for (const [index, statement] of run.statements.entries()) {
      run.signal.throwIfAborted();
      await runStatement(session, run, { statement, number: index + 1, of: run.statements.length });
    }
    await concludeStep(session, run, started);
    run.signal.throwIfAborted();
    await client.query("COMMIT");
    return "applied";
  } catch (error) {
    await rollback(client);
    throw error;
  }
}
