import type { Release } from "../releases/release";
import type { CheckedService, WantedChecks } from "./world";

/** A request that is made many times before and after, to compare. */
export interface Measurement {
  readonly service: string;
  /** The same words in every release: what is compared with what. */
  readonly measure: string;
  readonly path: string;
  /** Null for any 2xx. */
  readonly status: number | null;
}

/** How a service answered such a request. It is kept in the ledger. */
export interface Load {
  readonly service: string;
  readonly measure: string;
  readonly requests: number;
  /** Of them, those that were answered otherwise than they should, or not at all. */
  readonly errors: number;
  /** Of the others, in milliseconds, shortest first. */
  readonly times: readonly number[];
}

/** How much worse than before is no fault. */
export interface Tolerance {
  /** How much larger the share of errors may be. */
  readonly errorRate: number;
  readonly latencyFactor: number;
  /** In milliseconds. */
  readonly latencySlack: number;
}

/** What was found of one side by side comparison. */
export interface Verdict {
  readonly worse: boolean;
  readonly text: string;
}

/** Fewer requests than these tell nothing. */
const leastRequests = 20;

/** One-sided 95 %: how sure it must be that something got worse. */
const z = 1.645;

/** The quantiles that are compared: the usual request, and the slow ones. */
const quantiles = [0.5, 0.9] as const;

/**
 * What is measured of each service: the release's requests that say so, and the health path of a service that has none.
 *
 * @param services - those that the installation runs
 */
export function measurements(
  release: Release,
  services: readonly CheckedService[],
  wanted: WantedChecks,
): Measurement[] {
  if (wanted.requests === 0) return [];
  const requests = [...release.smoke, ...wanted.smoke];
  return services.flatMap((service): Measurement[] => {
    if (!mayAnswer(service)) return [];
    const { name, health } = service;
    const own = requests.flatMap(({ service: asked, measure, path, status }) =>
      asked === name && measure !== undefined ? [{ service: asked, measure, path, status }] : [],
    );
    return own.length > 0 ? own : [{ service: name, measure: "health", path: health, status: null }];
  });
}

/** Whether a service may be asked from here: only a look tells whether a container without a published port can. */
export function mayAnswer({ port, container }: CheckedService): boolean {
  return port !== 0 || container !== undefined;
}

/** Why two measurements cannot be compared; null when they can. */
export function notComparable(before: Load | undefined, after: Load): string | null {
  if (!before) return "nothing was measured before";
  const [fewest] = [before.requests, after.requests].toSorted((a, b) => a - b);
  return (fewest ?? 0) < leastRequests ? `${fewest} requests are too few to tell` : null;
}

/**
 * Whether a larger share of requests fails than before. The share that is allowed has to be exceeded for certain, by
 * Newcombe's interval for the difference of two shares, so that a request that fails by chance is no fault.
 */
export function judgeErrors(before: Load, after: Load, { errorRate }: Tolerance): Verdict {
  const [was, is] = [share(before), share(after)];
  const least = is.rate - was.rate - Math.hypot(is.rate - is.low, was.high - was.rate);
  const text = `${before.errors} of ${before.requests} failed before, ${after.errors} of ${after.requests} after`;
  return { worse: least > errorRate, text };
}

/**
 * Whether requests take longer than before: the usual one, or the slow ones. The lower bound of the time after is held
 * against the upper bound of the time before, and both what is allowed as a factor and in milliseconds must be exceeded.
 */
export function judgeLatency(before: Load, after: Load, { latencyFactor, latencySlack }: Tolerance): Verdict {
  const compared = quantiles.map((quantile) => {
    const [was, is] = [bounds(before.times, quantile), bounds(after.times, quantile)];
    const enough = before.times.length >= leastRequests && after.times.length >= leastRequests;
    const worse = enough && is.low > was.high * latencyFactor && is.low > was.high + latencySlack;
    const name = quantile === 0.5 ? "median" : `${quantile * 100} % within`;
    return { worse, text: `${name} ${milliseconds(was.middle)} before, ${milliseconds(is.middle)} after` };
  });
  return { worse: compared.some(({ worse }) => worse), text: compared.map(({ text }) => text).join("; ") };
}

/** A share of errors with Wilson's interval. */
function share({ requests, errors }: Load): { readonly rate: number; readonly low: number; readonly high: number } {
  const rate = errors / requests;
  const centre = rate + z ** 2 / (2 * requests);
  const spread = z * Math.sqrt((rate * (1 - rate)) / requests + z ** 2 / (4 * requests ** 2));
  const scale = 1 + z ** 2 / requests;
  return { rate, low: (centre - spread) / scale, high: (centre + spread) / scale };
}

/** A quantile of sorted times, with the times between which it lies for certain. */
function bounds(
  times: readonly number[],
  quantile: number,
): { readonly low: number; readonly middle: number; readonly high: number } {
  const count = times.length;
  const spread = z * Math.sqrt(count * quantile * (1 - quantile));
  const at = (rank: number) => times[Math.min(Math.max(rank, 1), count) - 1] ?? NaN;
  const place = count * quantile;
  return { low: at(Math.floor(place - spread)), middle: at(Math.ceil(place)), high: at(Math.ceil(place + spread)) };
}

function milliseconds(time: number): string {
  return Number.isNaN(time) ? "never" : `${time < 10 ? time.toFixed(1) : Math.round(time)} ms`;
}
