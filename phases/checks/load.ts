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
import { type Check, skipped } from "./check";

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
    const judged = measured.map((load) => ({ load, made: judge(before.find(same(load)), load, settings) }));
    const isFinal = round === rounds;
    const kept = judged.filter(({ made }) => isFinal || made.every(({ passed }) => passed));
    after.push(...kept.map(({ load }) => load));
    checks.push(...kept.flatMap(({ made }) => made.map((check) => afterRounds(check, round))));
    left = left.filter((measurement) => !kept.some(({ load }) => same(load)(measurement)));
  }
  return { checks, after };
}

function judge(before: Load | undefined, after: Load, settings: VerificationSettings): Check[] {
  const name = `${after.service}: ${after.measure}`;
  const [often, long] = [`${name} fails no more often than before`, `${name} takes no longer than before`];
  const reason = notComparable(before, after);
  if (!before || reason !== null)
    return [often, long].map((check) => skipped("load", check, reason ?? "nothing was measured before"));
  return [asCheck(often, judgeErrors(before, after, settings)), asCheck(long, judgeLatency(before, after, settings))];
}

function asCheck(check: string, { worse, text }: Verdict): Check {
  return { subject: "load", check, passed: !worse, detail: text };
}

function afterRounds(check: Check, round: number): Check {
  return round === 1 || check.skipped === true
    ? check
    : { ...check, detail: `${check.detail} (the ${round === 2 ? "second" : "third"} time it was measured)` };
}

function same(load: Pick<Load, "service" | "measure">): (other: Pick<Load, "service" | "measure">) => boolean {
  return ({ service, measure }) => service === load.service && measure === load.measure;
}
