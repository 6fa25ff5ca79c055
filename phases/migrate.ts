import type { RevisionStep } from "../planner/plan";
import { compareCounts } from "../postgres/checks";
import { withClient } from "../postgres/connection";
import { countRows } from "../postgres/counts";
import { readDatabaseFacts } from "../postgres/facts";
import { applyRevisions, RevisionError, type RevisionResult } from "../postgres/runner";
import { type Activity, type Attempt, PhaseError } from "./attempt";

/**
 * Applies or undoes revisions, exactly as the plan shows them. With the writers stopped, the rows of every table must be
 * those of the backup afterwards: this is looked at before anybody serves again.
 *
 * @throws PhaseError without a verified backup of a database that holds something, and when rows have appeared or gone; RevisionError when SQL fails
 */
export async function migrate(
  attempt: Attempt,
  steps: readonly RevisionStep[],
  { signal, progress }: Activity,
): Promise<readonly RevisionResult[]> {
  if (steps.length === 0) return [];
  if (attempt.progress.backup === null && !(await isNothingThere(attempt)))
    throw new PhaseError(
      "There is no verified backup of this attempt, and without one no revision is applied or undone.",
    );
  attempt.progress.touched = true;
  const { lockTimeout, retries, concurrentlyTimeout } = attempt.site.migration;
  const results = await applyRevisions({
    address: attempt.address,
    steps,
    attempt: attempt.number,
    lockTimeoutMs: lockTimeout * 1000,
    retries,
    concurrentlyTimeoutMs: concurrentlyTimeout * 1000,
    signal,
    progress,
  }).catch((error: unknown) => {
    if (error instanceof RevisionError) attempt.progress.story.revisions.push(...error.results);
    throw error;
  });
  attempt.progress.story.revisions.push(...results);
  if (attempt.progress.stoppedAt !== null && attempt.progress.servingAt === null) await compareRows(attempt);
  return results;
}

/** Of an empty database there is no backup; whether it still is one is looked at now. */
async function isNothingThere({ plan, address }: Attempt): Promise<boolean> {
  if (plan.direction !== "install" || plan.backup.required) return false;
  const facts = await withClient(address, { name: "migrate", readOnly: true }, readDatabaseFacts);
  return facts.revisions.length === 0 && facts.isEmpty;
}

async function compareRows({ address, progress }: Attempt): Promise<void> {
  const after = await withClient(address, { name: "counts", readOnly: true }, countRows);
  const wrong = compareCounts(progress.counts ?? {}, after).filter((check) => !check.passed);
  if (wrong.length === 0) return;
  throw new PhaseError(
    `The revisions changed the number of rows, which they must not:\n${wrong.map(({ check, detail }) => `  ${check}: ${detail}`).join("\n")}`,
  );
}
