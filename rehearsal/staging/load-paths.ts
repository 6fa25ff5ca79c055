import type { Site } from "../../phases/site";
import type { Release } from "../../releases/release";
import { compareVersions } from "../../releases/version";
import type { LoadPath } from "./settings";

/** One request of a load test. */
export interface LoadRequest {
  readonly service: string;
  readonly method: LoadPath["method"];
  readonly path: string;
  readonly body: string;
}

/**
 * What is asked of a release: the paths of the settings that it has, else the GET requests that it is verified by and
 * answers with 2xx.
 *
 * @param services - names of those that staging runs
 */
export function requestsOf(
  release: Pick<Release, "version" | "smoke">,
  paths: readonly LoadPath[],
  services: readonly string[],
): LoadRequest[] {
  const { version, smoke } = release;
  const own = smoke.flatMap(({ service, method, path, status }): LoadRequest[] =>
    method === "GET" && status >= 200 && status < 300 ? [{ service, method, path, body: "" }] : [],
  );
  const named = paths.flatMap(({ from, until, ...request }) => {
    const isThere = from === "" || compareVersions(version, from) >= 0;
    return isThere && (until === "" || compareVersions(version, until) < 0) ? [request] : [];
  });
  return (paths.length > 0 ? named : own).filter(({ service }) => services.includes(service));
}

/** Ports of this host that services answer on; those that answer on none are left out. */
export function portsOf({ services }: Pick<Site, "services">): Record<string, number> {
  return Object.fromEntries(services.flatMap(({ name, port }) => (port === 0 ? [] : [[name, port] as const])));
}

/** `GET /tasks of orchestrator`. */
export function describeRequest({ method, path, service }: LoadRequest): string {
  return `${method} ${path} of ${service}`;
}
