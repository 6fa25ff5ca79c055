import { createHistogram, type RecordableHistogram } from "node:perf_hooks";

import autocannon from "autocannon";

import type { CheckFact } from "../../report/facts";
import type { LoadFact } from "../../report/rehearsal-facts";
import { describeRequest, type LoadRequest } from "./load-paths";
import type { LoadSettings } from "./settings";

export interface LoadWish {
  readonly settings: LoadSettings;
  readonly requests: readonly LoadRequest[];
  /** Port of 127.0.0.1 that each service answers on. */
  readonly ports: Readonly<Record<string, number>>;
  readonly signal: AbortSignal;
}

/**
 * Asks staging's services as fast as the settings say, those of one service over the same connections, and measures.
 *
 * @throws what cancelled it
 */
export async function runLoadTest({ settings, requests, ports, signal }: LoadWish): Promise<LoadFact> {
  const services = [...new Set(requests.map(({ service }) => service))];
  const latency = createHistogram();
  const started = Date.now();
  const results = await Promise.all(
    services.map((service) => {
      const own = requests.filter((request) => request.service === service);
      return load({ settings, own, port: ports[service] ?? 0, parts: services.length, latency, signal });
    }),
  );
  signal.throwIfAborted();
  const sum = (pick: (result: autocannon.Result) => number) => results.reduce((total, one) => total + pick(one), 0);
  const requested = sum((result) => result.requests.total);
  const seconds = (Date.now() - started) / 1000;
  const at = (percent: number) => (latency.count > 0 ? latency.percentile(percent) / 1000 : null);
  return {
    tool: "autocannon",
    seconds,
    requests: requested,
    perSecond: requested / seconds,
    errors: sum((result) => result.errors + result.non2xx),
    p50: at(50),
    p95: at(95),
    p99: at(99),
    paths: requests.map(describeRequest),
  };
}

interface ServiceLoad {
  readonly settings: LoadSettings;
  readonly own: readonly LoadRequest[];
  readonly port: number;
  /** How many services share connections and rate. */
  readonly parts: number;
  readonly latency: RecordableHistogram;
  readonly signal: AbortSignal;
}

async function load({ settings, own, port, parts, latency, signal }: ServiceLoad): Promise<autocannon.Result> {
  const { duration, connections, rate } = settings;
  const share = (whole: number) => Math.max(1, Math.floor(whole / parts));
  const json = { "content-type": "application/json" };
  const options: autocannon.Options = {
    url: `http://127.0.0.1:${port}`,
    connections: share(connections),
    duration,
    requests: own.map(({ method, path, body }) =>
      body === "" ? { method, path } : { method, path, body, headers: json },
    ),
    ...(rate > 0 ? { overallRate: share(rate) } : {}),
  };
  return new Promise((resolve, reject) => {
    const instance = autocannon(options, (error: unknown, result) => {
      signal.removeEventListener("abort", stop);
      if (error) reject(error instanceof Error ? error : new Error("The load test failed."));
      else resolve(result);
    });
    const stop = () => instance.stop();
    signal.addEventListener("abort", stop, { once: true });
    // Whole microseconds; a histogram begins at 1.
    instance.on("response", (_client, _status, _bytes, milliseconds) =>
      latency.record(Math.max(1, Math.round(milliseconds * 1000))),
    );
  });
}

/** What the thresholds say of a load test after the upgrade; of one before it, only whether it answered. */
export function judgeLoad(
  after: LoadFact,
  before: LoadFact | null,
  thresholds: LoadSettings["thresholds"],
): CheckFact[] {
  const { errors, p95, p99, slowdown } = thresholds;
  const share =
    after.requests + after.errors === 0 ? 100 : (100 * after.errors) / Math.max(after.requests, after.errors);
  const show = (value: number | null) => (value === null ? "no answer" : `${value.toFixed(1)} ms`);
  const below = (name: string, value: number | null, limit: number): CheckFact[] =>
    limit === 0
      ? []
      : [
          {
            check: `${name} of the load test is at most ${limit} ms`,
            passed: value !== null && value <= limit,
            detail: show(value),
          },
        ];
  const slower = before?.p95 && after.p95 !== null ? after.p95 / before.p95 : null;
  return [
    {
      check: `at most ${errors} % of the load test's requests fail`,
      passed: share <= errors && after.p50 !== null,
      detail: `${after.errors} of ${after.requests} (${share.toFixed(2)} %)`,
    },
    ...below("p95", after.p95, p95),
    ...below("p99", after.p99, p99),
    ...(slowdown === 0
      ? []
      : [
          {
            check: `p95 is at most ${slowdown} times that of before`,
            passed: slower !== null && slower <= slowdown,
            detail: slower === null ? "cannot be told" : `${slower.toFixed(2)} times`,
          },
        ]),
  ];
}
