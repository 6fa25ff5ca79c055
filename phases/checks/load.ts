import { setTimeout as sleep } from "node:timers/promises";

import {
  judgeErrors,
  judgeLatency,
  type Load,
  type Measurement,
  notComparable,
  type Verdict,
} from "../../planner/load";
import type { ServiceSpec } from "../../runtimes/runtime";
import { measureAll } from "../measure";
import type { VerificationSettings } from "../site";
import { type Check, notReached, skipped } from "./check";

/** What is compared with what. */
export interface LoadQuestion {
  readonly measurements: readonly Measurement[];
  readonly specs: readonly ServiceSpec[];
  readonly before: readonly Load[];
  readonly settings: VerificationSettings;
  readonly signal: AbortSignal;
}

/** What is checked, where it cannot be told of one request by name. */
export const anyLoad = "requests fail no more often and take no longer than before";

/** A machine that was busy with something else for a moment is no fault of the release: the best of these counts. */
const rounds = 3;
const pauseMs = 2_000;

/**
 * Requests fail no more often and take no longer than before; what is worse is measured again, twice at most.
 *
 * @returns the checks, and what was measured last
 */
export async function checkLoad(question: LoadQuestion): Promise<{ checks: Check[]; after: Load[] }> {
  const { specs, before, settings, signal } = question;
  if (before.length === 0) {
    const after = await measureAll(question.measurements, specs, settings.requests, signal);
    return { checks: [skipped("load", anyLoad, "nothing was measured before")], after };
  }
  const after: Load[] = [];
  const checks: Check[] = [];
  let left = question.measurements;
  for (let round = 1; left.length > 0 && round <= rounds; round++) {
    if (round > 1) await sleep(pauseMs, undefined, { signal });
    const measured = await measureAll(left, specs, settings.requests, signal);
    const unreached = left.filter((measurement) => !measured.some(same(measurement)));
    checks.push(...unreached.flatMap((measurement) => unjudged(measurement, notReached)));
    const judged = measured.map((load) => ({ load, made: judge(before.find(same(load)), load, settings) }));
    const isFinal = round === rounds;
    const kept = judged.filter(({ made }) => isFinal || made.every(({ passed }) => passed));
    after.push(...kept.map(({ load }) => load));
    checks.push(...kept.flatMap(({ made }) => made.map((check) => afterRounds(check, round))));
    left = left.filter((one) => !unreached.includes(one) && !kept.some(({ load }) => same(load)(one)));
  }
  return { checks, after };
}

function judge(before: Load | undefined, after: Load, settings: VerificationSettings): Check[] {
  const [often, long] = namesOf(after);
  const reason = notComparable(before, after);
  if (!before || reason !== null) return unjudged(after, reason ?? "nothing was measured before");
  return [asCheck(often, judgeErrors(before, after, settings)), asCheck(long, judgeLatency(before, after, settings))];
}

type Measured = Pick<Load, "service" | "measure">;

function namesOf({ service, measure }: Measured): [string, string] {
  const name = `${service}: ${measure}`;
  return [`${name} fails no more often than before`, `${name} takes no longer than before`];
}

function unjudged(measured: Measured, reason: string): Check[] {
  return namesOf(measured).map((check) => skipped("load", check, reason));
}

function asCheck(check: string, { worse, text }: Verdict): Check {
  return { subject: "load", check, passed: !worse, detail: text };
}

function afterRounds(check: Check, round: number): Check {
  return round === 1 || check.skipped === true
    ? check
    : { ...check, detail: `${check.detail} (the ${round === 2 ? "second" : "third"} time it was measured)` };
}

function same(load: Measured): (other: Measured) => boolean {
  return ({ service, measure }) => service === load.service && measure === load.measure;
}
