import { type LogScan, scanLines } from "../log-scan";
import type { DeploymentSpec, LogMark } from "../runtime";
import { askText } from "./client";
import { ClusterError } from "./errors";
import { serviceContainer } from "./manifest";
import { collections, type Pod } from "./objects";
import { readParts } from "./read";

/** Most of one container's log that is read, in bytes: one that crashes at once can write any amount. */
const largestLog = 16 * 1024 * 1024;

/** Which container's log. */
export interface LogPlace {
  readonly pod: string;
  readonly container: string;
  /** Of the container before the last restart. */
  readonly previous: boolean;
}

/** Which lines of it. */
export interface LogRange {
  /** Milliseconds since the epoch; 0 for all that the cluster has kept. */
  readonly since?: number;
  /** Only so many of the last ones. */
  readonly tail?: number;
}

/** The lines that a container has written; none when the cluster has kept none. @throws ClusterError */
export async function logLines(
  { cluster }: Pick<DeploymentSpec, "cluster">,
  { pod, container, previous }: LogPlace,
  { since = 0, tail }: LogRange,
): Promise<string[]> {
  const query = {
    container,
    timestamps: "true",
    limitBytes: String(largestLog),
    ...(previous ? { previous: "true" } : {}),
    ...(since > 0 ? { sinceTime: new Date(since).toISOString().replace(/\.\d+/, "") } : {}),
    ...(tail === undefined ? {} : { tailLines: String(tail) }),
  };
  const text = await askText(cluster, { path: `${collections.pods(cluster.namespace)}/${pod}/log`, query }).catch(
    (error: unknown) => {
      // A container that has not begun yet, or was restarted only once, has no such log.
      if (error instanceof ClusterError && error.status === 400) return null;
      throw error;
    },
  );
  return linesSince(text ?? "", since);
}

/** Lines that the cluster has put the time in front of, without it; those before a time are left out. */
export function linesSince(text: string, since: number): string[] {
  return text.split(/\r?\n/).flatMap((line) => {
    const [, time = "", words = ""] = /^(\d{4}-\S+) ?(.*)$/.exec(line) ?? [];
    if (time === "") return [];
    return Date.parse(time) < since || words === "" ? [] : [words];
  });
}

/** Troublesome lines in the logs of all pods, also of containers that were restarted since. */
export async function scanLog(
  spec: DeploymentSpec,
  since: LogMark | Date,
  options: Parameters<typeof scanLines>[1],
): Promise<LogScan> {
  const parts = await readParts(spec);
  const places = (parts?.pods ?? []).flatMap((pod) => logPlaces(pod, spec.podContainer));
  const logs = await Promise.all(places.map((place) => logLines(spec, place, { since: Number(since) })));
  return scanLines(logs.flat(), options);
}

function logPlaces({ metadata, spec, status }: Pod, podContainer: string): LogPlace[] {
  const container = serviceContainer(spec, podContainer)?.name ?? "";
  const restarts = status?.containerStatuses?.find(({ name }) => name === container)?.restartCount ?? 0;
  const place = { pod: metadata.name, container };
  return [...(restarts > 0 ? [{ ...place, previous: true }] : []), { ...place, previous: false }];
}
