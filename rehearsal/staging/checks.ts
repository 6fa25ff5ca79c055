import { hostname } from "node:os";

import { type Activity, type Attempt, noProgress } from "../../phases/attempt";
import { type Look, plannedBy } from "../../phases/preflight";
import type { Site } from "../../phases/site";
import { tellNobody } from "../../phases/telling";
import { verify } from "../../phases/verify";
import type { CheckResult } from "../../postgres/checks";
import type { LogMark } from "../../runtimes/runtime";
import { programVersion } from "../../version";

export interface Subject {
  readonly site: Site;
  readonly stack: string;
  /** A look at staging as it is, with the release that serves as the wish. */
  readonly seen: Look;
  /** Where each service's log ended before what is checked began. */
  readonly logMarks: Readonly<Record<string, LogMark>>;
}

/** Makes the checks of a verification on staging as it stands, once more: after the operator's test and the load test. */
export async function checkStaging(
  { site, stack, seen, logMarks }: Subject,
  activity: Activity,
): Promise<readonly CheckResult[]> {
  const plan = plannedBy(seen);
  const { address, catalogue } = seen.observation;
  const progress = { ...noProgress(), logMarks };
  const attempt: Attempt = {
    number: plan.attempt,
    plan,
    opened: {
      stack,
      host: hostname(),
      pid: process.pid,
      programVersion,
      planId: plan.id,
      reviewedPlan: null,
      fromVersion: plan.from,
      toVersion: plan.to,
      direction: plan.direction,
    },
    site,
    address,
    catalogue,
    stopAfter: "",
    progress,
    telling: tellNobody,
  };
  try {
    return await verify(attempt, plan.checks, activity);
  } catch (error) {
    // What failed is among the results, unless it could not even be looked at.
    if (progress.story.checks.length === 0) throw error;
    return progress.story.checks;
  }
}
