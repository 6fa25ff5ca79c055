import type { Load, Measurement } from "../planner/load";
import { runtime } from "../runtimes/driver";
import { isHealthy } from "../runtimes/health";
import { request } from "../runtimes/request";
import type { ServiceSpec } from "../runtimes/runtime";

/** How long the requests of one measurement may take in all: a service that is slow shall not be kept busy. */
const budgetMs = 5_000;
const timeoutMs = 3_000;

/** A service that has just been started has cold caches. */
const warmUps = 3;

/**
 * Makes the same request one after the other, for some seconds at most. Several services are asked at once; one that cannot be
 * reached from here is not.
 *
 * @param requests - how many, besides some that are not counted
 */
export async function measureAll(
  measurements: readonly Measurement[],
  specs: readonly ServiceSpec[],
  requests: number,
  signal: AbortSignal,
): Promise<Load[]> {
  const loads = await Promise.all(
    specs.map(async (spec) => {
      const found: Load[] = [];
      const base = await runtime.urlOf(spec);
      if (base === null) return [];
      for (const measurement of measurements.filter(({ service }) => service === spec.name))
        found.push(await measure(measurement, base, requests, signal));
      return found;
    }),
  );
  return loads.flat();
}

async function measure(
  { service, measure: name, path, status }: Measurement,
  base: string,
  requests: number,
  signal: AbortSignal,
): Promise<Load> {
  const url = base + path;
  const deadline = Date.now() + budgetMs;
  const times: number[] = [];
  let errors = 0;
  for (let turn = 0; turn < requests + warmUps && Date.now() < deadline; turn++) {
    signal.throwIfAborted();
    const answer = await request(url, { timeoutMs });
    if (turn < warmUps) continue;
    const isRight = status === null ? isHealthy(answer) : answer.status === status;
    if (isRight) times.push(Math.round(answer.milliseconds * 10) / 10);
    else errors += 1;
  }
  return { service, measure: name, requests: times.length + errors, errors, times: times.sort((a, b) => a - b) };
}
