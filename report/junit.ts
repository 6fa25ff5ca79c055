import builder from "junit-report-builder";

import type { CheckFact } from "./facts";

/** Checks as a CI system reads them. */
export interface JunitFacts {
  /** What was verified. */
  readonly name: string;
  readonly at: Date;
  readonly seconds: number;
  readonly checks: readonly (CheckFact & { readonly subject: string })[];
}

/**
 * Checks as JUnit XML: a suite for each subject, a case for each check. What no XML can hold, such as the colours of a log, is
 * left out.
 */
export function toJunit({ name, at, seconds, checks }: JunitFacts): string {
  const report = builder.newBuilder().name(name);
  const timestamp = at.toISOString().slice(0, 19);
  for (const subject of new Set(checks.map((check) => check.subject))) {
    const own = checks.filter((check) => check.subject === subject);
    const suite = report.testSuite().name(subject).timestamp(timestamp).time(seconds);
    for (const { check, passed, skipped, detail } of own) {
      const made = suite.testCase().className(`octollm.${subject}`).name(check).time(0);
      if (!passed) made.failure(detail === "" ? "failed" : detail, "check");
      else if (skipped === true) made.skipped().standardOutput(detail);
      else made.standardOutput(detail);
    }
  }
  return report.build();
}
