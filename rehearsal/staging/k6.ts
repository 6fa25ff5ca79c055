import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { ChildFailure, runChild } from "../../backup/child-process";
import type { LoadFact } from "../../report/rehearsal-facts";
import { RehearsalError } from "./error";
import { describeRequest, type LoadRequest } from "./load-paths";
import type { LoadWish } from "./load-test";
import type { LoadSettings } from "./settings";

/**
 * A script for k6 that asks what the load test asks, at the same rate, with the same thresholds.
 *
 * @param releases - what is asked of each release; `k6 run -e RELEASE=1.0.0` chooses, by default the last one
 * @param ports - of the services; `-e HOST=` and `-e PORT_<SERVICE>=` lead elsewhere
 */
export function k6Script(
  settings: LoadSettings,
  releases: readonly { readonly version: string; readonly requests: readonly LoadRequest[] }[],
  ports: Readonly<Record<string, number>>,
): string {
  const { duration, connections, rate, thresholds } = settings;
  const scenario =
    rate > 0
      ? { executor: "constant-arrival-rate", rate, timeUnit: "1s", preAllocatedVUs: connections, maxVUs: connections }
      : { executor: "constant-vus", vus: connections };
  const limits = [
    ...(thresholds.p95 > 0 ? [`p(95)<=${thresholds.p95}`] : []),
    ...(thresholds.p99 > 0 ? [`p(99)<=${thresholds.p99}`] : []),
  ];
  const options = {
    scenarios: { octollm: { ...scenario, duration: `${duration}s` } },
    thresholds: {
      http_req_failed: [`rate<=${thresholds.errors / 100}`],
      ...(limits.length > 0 ? { http_req_duration: limits } : {}),
    },
    summaryTrendStats: ["med", "p(95)", "p(99)"],
  };
  const requests = Object.fromEntries(releases.map(({ version, requests: own }) => [version, own]));
  const shown = (value: unknown) => JSON.stringify(value, null, 2);
  return `// The load test of an OctoLLM rehearsal, for k6: k6 run -e RELEASE=${releases.at(-1)?.version ?? ""} <this file>
import http from "k6/http";

export const options = ${shown(options)};

const ports = ${shown(ports)};
const requests = ${shown(requests)}[__ENV.RELEASE || ${shown(releases.at(-1)?.version ?? "")}];

export default function () {
  const { service, method, path, body } = requests[__ITER % requests.length];
  const port = __ENV["PORT_" + service.toUpperCase().replace(/-/g, "_")] || ports[service];
  const url = "http://" + (__ENV.HOST || "127.0.0.1") + ":" + port + path;
  const json = { headers: { "content-type": "application/json" } };
  http.request(method, url, body === "" ? null : body, body === "" ? {} : json);
}
`;
}

interface K6Metric {
  readonly count?: number;
  readonly rate?: number;
  readonly value?: number;
  readonly passes?: number;
  readonly med?: number;
  readonly "p(95)"?: number;
  readonly "p(99)"?: number;
}

/** What k6 itself says of a threshold that was crossed: the summary is whole, and is judged here. */
const thresholdsCrossed = 99;

/**
 * The same load test by the k6 on PATH.
 *
 * @throws RehearsalError when there is none, or it does not end well
 */
export async function runK6({ settings, requests, ports, signal }: LoadWish): Promise<LoadFact> {
  const folder = await mkdtemp(join(tmpdir(), "octollm-k6-"));
  const started = Date.now();
  try {
    const [script, summary] = ["load.js", "summary.json"].map((name) => join(folder, name)) as [string, string];
    await writeFile(script, k6Script(settings, [{ version: "staging", requests }], ports));
    const args = ["run", "--quiet", "--no-usage-report", `--summary-export=${summary}`, script];
    await runChild({ program: "k6", args, env: process.env, signal }).catch((error: unknown) => {
      if (!(error instanceof ChildFailure)) throw error;
      if (error.exitCode === 127)
        throw new RehearsalError("octollm:rehearsal.load.tool is 'k6', and there is no k6 on PATH.");
      if (error.exitCode !== thresholdsCrossed) throw new RehearsalError(`The load test failed: ${error.message}`);
    });
    return factOf(await readFile(summary, "utf8"), requests, (Date.now() - started) / 1000);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @param summary - what k6 writes with --summary-export */
export function factOf(summary: string, requests: readonly LoadRequest[], seconds: number): LoadFact {
  const { metrics } = JSON.parse(summary) as { metrics: Record<string, K6Metric | undefined> };
  const { http_reqs: all, http_req_failed: failed, http_req_duration: took } = metrics;
  const count = all?.count ?? 0;
  // Of a rate, `passes` counts where it was true: where the request failed.
  const errors = failed?.passes ?? Math.round((failed?.value ?? failed?.rate ?? 0) * count);
  const answered = count > errors;
  return {
    tool: "k6",
    seconds,
    requests: count,
    perSecond: all?.rate ?? count / seconds,
    errors,
    p50: answered ? (took?.med ?? null) : null,
    p95: answered ? (took?.["p(95)"] ?? null) : null,
    p99: answered ? (took?.["p(99)"] ?? null) : null,
    paths: requests.map(describeRequest),
  };
}
