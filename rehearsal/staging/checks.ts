import { hostname } from "node:os";

import { type Activity, type Attempt, noProgress } from "../../phases/attempt";
import { type Look, plannedBy } from "../../phases/preflight";
import type { Site } from "../../phases/site";
import { tellNobody } from "../../phases/telling";
import { verify } from "../../phases/verify";
import type { CheckResult } from "../../postgres/checks";
import { programVersion } from "../../version";

export interface Subject {
  readonly site: Site;
  readonly stack: string;
  /** A look at staging as it is, with the release that serves as the wish. */
  readonly seen: Look;
  /** Size of each service's log before what is checked began. */
  readonly logOffsets: Readonly<Record<string, number>>;
}

/** Makes the checks of a verification on staging as it stands, once more: after the operator's test and the load test. */
export async function checkStaging(
  { site, stack, seen, logOffsets }: Subject,
  activity: Activity,
): Promise<readonly CheckResult[]> {
  const plan = plannedBy(seen);
  const { address, catalogue } = seen.observation;
  const progress = { ...noProgress(), logOffsets };
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
