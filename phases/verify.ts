import type { CheckPlan } from "../planner/plan";
import { recordLoad } from "../postgres/ledger-load";
import { type Activity, type Attempt, PhaseError, withLedger } from "./attempt";
import { type Check, failures, judged } from "./checks/check";
import { runChecks } from "./checks/run";

/**
 * Makes every check of the plan.
 *
 * @returns all results; each of them passed
 * @throws PhaseError that lists the checks that failed
 */
export async function verify(attempt: Attempt, plan: CheckPlan, activity: Activity): Promise<readonly Check[]> {
  const { site, address, catalogue, progress, number } = attempt;
  const { story } = progress;
  story.checks = [];
  const after = await runChecks(
    {
      ...plan,
      // Inputs of an earlier version of this program do not tell.
      task: plan.task ?? false,
      revision: beforePost(attempt, plan.revision),
      site,
      address,
      catalogue,
      counts: progress.counts,
      wereEqual: plan.countsMustMatch,
      load: progress.loadBefore,
      logs: progress.logMarks,
    },
    activity,
    (checks) => (story.checks = [...story.checks, ...checks]),
  );
  await withLedger(attempt, (client) => recordLoad(client, { attempt: number, after }));
  const failed = failures(story.checks);
  if (failed.length === 0) return story.checks;
  throw new PhaseError(
    `${failed.length} of ${judged(story.checks).length} checks failed:\n${failed.map(({ check, detail }) => `  ${check}: ${detail}`).join("\n")}`,
  );
}

/** Post-revisions come after the verification. */
function beforePost({ plan }: Attempt, revision: string): string {
  return plan.revisions.post[0]?.before ?? revision;
}
