import { readRevisions } from "./alembic";
import {
  type ExistingIndex,
  findIndex,
  type IndexBuild,
  indexBuildOf,
  indexDropOf,
  intendedDefinition,
  sameDefinition,
} from "./index-builds";
import { pause } from "./pause";
import { RevisionError, type RevisionResult, type RunningStatement } from "./revision-error";
import {
  claimStep,
  concludeStep,
  judgeRevisions,
  limitTransaction,
  observed,
  type RevisionSession,
  runStatement,
  type StepRun,
  withLockRetries,
  withRevisionSession,
} from "./revision-session";
import { inTransaction } from "./transaction";

/**
 * Does a step whose statements cannot run in a transaction, each by itself; then stamps it. A step that was cut short
 * is taken up again: what stands and is right stays, an INVALID index is built anew.
 *
 * @throws StatementError, LockWaitError, RevisionError, or an error of the connection; the stamp is not set then
 */
export async function runConcurrent(run: StepRun): Promise<RevisionResult["outcome"]> {
  return withRevisionSession(run, async (session) => {
    const started = Date.now();
    if (judgeRevisions(run.step, await readRevisions(session.client)) === "already there") return "already there";
    for (const [index, statement] of run.statements.entries()) {
      const running = { statement, number: index + 1, of: run.statements.length };
      await withLockRetries(run, () => runAlone(session, run, running));
    }
    return withLockRetries(run, () =>
      inTransaction(session.client, "", async () => {
        await limitTransaction(session, run);
        const state = await claimStep(session, run);
        if (state === "to do") await concludeStep(session, run, started);
        return state === "to do" ? "applied" : state;
      }),
    );
  });
}

async function runAlone(session: RevisionSession, run: StepRun, running: RunningStatement): Promise<void> {
  const build = indexBuildOf(running.statement);
  if (build) return buildIndex(session, run, { running, build });
  const drop = indexDropOf(running.statement);
  if (drop !== undefined && !(await exists(session, drop))) {
    run.progress(`${run.step.revision}: index ${drop} is gone already`);
    return;
  }
  await setLimits(
    session,
    drop === undefined ? { lock: run.lockTimeoutMs, statement: 0 } : { lock: 0, statement: run.concurrentlyTimeoutMs },
  );
  await runStatement(session, run, running);
}

async function exists({ client }: RevisionSession, name: string): Promise<boolean> {
  const { rows } = await client.query<{ there: boolean }>("SELECT to_regclass($1) IS NOT NULL AS there", [name]);
  return rows[0]?.there ?? false;
}

/** A lock_timeout would cancel a concurrent build behind a long reader and leave it INVALID; it gets a time limit instead. */
async function setLimits({ client }: RevisionSession, limits: { lock: number; statement: number }): Promise<void> {
  await client.query("SELECT set_config('lock_timeout', $1, false), set_config('statement_timeout', $2, false)", [
    String(limits.lock),
    String(limits.statement),
  ]);
}

interface Building {
  readonly running: RunningStatement;
  readonly build: IndexBuild;
}

async function buildIndex(session: RevisionSession, run: StepRun, { running, build }: Building): Promise<void> {
  if (build.name === null)
    throw refusal(
      run,
      "An index that is built CONCURRENTLY needs a name: without one a build that was cut short cannot be found again.",
    );
  await setLimits(session, { lock: 0, statement: 0 });
  const intended = await intendedDefinition(session.client, build);
  const found = await settledIndex(session, run, build);
  if (found) {
    refuseOther(run, found, intended);
    if (found.valid) {
      run.progress(`${run.step.revision}: index ${found.qualifiedName} stands already, as intended`);
      return;
    }
    run.progress(
      `${run.step.revision}: index ${found.qualifiedName} is INVALID, left by a build that was cut short: dropping it`,
    );
    await dropIndex(session, run, { name: found.qualifiedName, limit: run.concurrentlyTimeoutMs });
  }
  await setLimits(session, { lock: 0, statement: run.concurrentlyTimeoutMs });
  try {
    await runStatement(session, run, running);
  } catch (error) {
    await removeRemains(session, run, build);
    throw error;
  }
  await confirmIndex(session, run, { build, intended });
}

/** The index under the build's name, once no session of ours works on it any more. */
async function settledIndex(session: RevisionSession, run: StepRun, build: IndexBuild): Promise<ExistingIndex | null> {
  for (let waited = 0; ; waited++) {
    const found = await findIndex(session.client, build);
    if (!found || found.builder === null) return found;
    if (!found.builderIsOurs)
      throw refusal(
        run,
        `Session ${found.builder}, which is not this program's, is building index ${found.qualifiedName}. Wait until it is done, then: npx octollm up`,
      );
    if (waited % 10 === 0)
      run.progress(
        `${run.step.revision}: session ${found.builder} of an earlier run still builds ${found.qualifiedName}; waiting for it`,
      );
    await pause(1_000, run.signal);
  }
}

function refuseOther(run: StepRun, found: ExistingIndex, intended: string): void {
  if (found.definition !== null && found.sameTable && sameDefinition(found.definition, intended)) return;
  throw refusal(
    run,
    [
      `There is another relation named ${found.qualifiedName} already; it was left as it is.`,
      `  it is:        ${found.definition ?? "no index"}`,
      `  it should be: ${intended.replace(" ON pg_temp.", " ON ").replace(/ ON pg_temp_\d+\./, " ON ")}`,
      "Rename or drop it, then: npx octollm up",
    ].join("\n"),
  );
}

function refusal(run: StepRun, message: string): RevisionError {
  const state = `The database is still at revision ${run.step.before ?? "(none)"}.`;
  return new RevisionError({ revision: run.step.revision, message: `${message}\n${state}` });
}

async function dropIndex(
  session: RevisionSession,
  run: StepRun,
  { name, limit }: { name: string; limit: number },
): Promise<void> {
  await setLimits(session, { lock: 0, statement: limit });
  await observed(session, run, `dropping ${name}`, () =>
    session.client.query(`DROP INDEX CONCURRENTLY IF EXISTS ${name}`),
  );
}

/** A failed build leaves an INVALID index, which costs every write and, when unique, still refuses some. */
async function removeRemains(session: RevisionSession, run: StepRun, build: IndexBuild): Promise<void> {
  try {
    const found = await findIndex(session.client, build);
    if (!found || found.valid || !found.sameTable) return;
    run.progress(`${run.step.revision}: removing what the failed build left of ${found.qualifiedName}`);
    // The operator's cancellation is over: this last statement has its own, short limit.
    await dropIndex(
      session,
      { ...run, signal: new AbortController().signal },
      { name: found.qualifiedName, limit: 5_000 },
    );
  } catch {
    run.progress(`${run.step.revision}: an INVALID index is left behind; the next run drops it and builds it anew`);
  }
}

async function confirmIndex(
  { client }: RevisionSession,
  run: StepRun,
  { build, intended }: { build: IndexBuild; intended: string },
): Promise<void> {
  const made = await findIndex(client, build);
  if (!made?.valid)
    throw refusal(
      run,
      `Index ${build.name} was built, but PostgreSQL does not call it valid. Run again: ${run.commands.again}`,
    );
  refuseOther(run, made, intended);
}
