import type { SmokeRequest } from "../../releases/release";
import { runtime } from "../../runtimes/driver";
import { request } from "../../runtimes/request";
import type { ServiceSpec } from "../../runtimes/runtime";
import { type Check, notReached, skipped } from "./check";

const timeoutMs = 10_000;

/** Requests that change nothing are answered as declared. An installation need not run every service of a release. */
export async function checkRequests(
  requests: readonly SmokeRequest[],
  specs: readonly ServiceSpec[],
): Promise<Check[]> {
  const checks: Check[] = [];
  for (const smoke of requests) checks.push(await checkRequest(smoke, specs));
  return checks;
}

async function checkRequest(smoke: SmokeRequest, specs: readonly ServiceSpec[]): Promise<Check> {
  const { method, path, status, service } = smoke;
  const check = `${service} answers ${method} ${path} with ${status}`;
  const spec = specs.find(({ name }) => name === service);
  if (!spec) return skipped("requests", check, "the installation does not run this service");
  const url = await runtime.urlOf(spec);
  if (url === null) return skipped("requests", check, notReached);
  const answer = await request(url + path, { method, timeoutMs });
  const detail = answer.status === null ? `no answer: it ${answer.text}` : answer.text;
  return { subject: "requests", check, passed: answer.status === status, detail };
}
