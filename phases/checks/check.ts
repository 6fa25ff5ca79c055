import type { CheckResult } from "../../postgres/checks";

/** What a check is about, in the order in which they are made. */
export const subjects = ["installation", "services", "requests", "database", "rows", "load", "task", "logs"] as const;

export type Subject = (typeof subjects)[number];

/** One check of a verification: what was looked at, whether it is right, and what was found. */
export interface Check extends CheckResult {
  readonly subject: Subject;
  /** Nothing was judged, and `detail` says why; then it counts as passed. */
  readonly skipped?: boolean;
}

/** Results of one subject. */
export function about(subject: Subject, results: readonly CheckResult[]): Check[] {
  return results.map((result) => ({ subject, ...result }));
}

/** A check that could not be made, for a reason that is no fault. */
export function skipped(subject: Subject, check: string, detail: string): Check {
  return { subject, check, passed: true, skipped: true, detail };
}

/** Why a check of a service is skipped that answers nobody here. */
export const notReached = "no port of the service can be reached from here";

/** Those that were judged. */
export function judged(checks: readonly Check[]): Check[] {
  return checks.filter((check) => check.skipped !== true);
}

/** Those that failed. */
export function failures(checks: readonly Check[]): Check[] {
  return checks.filter(({ passed }) => !passed);
}
