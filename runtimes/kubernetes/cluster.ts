import type { ClusterPlace } from "../runtime";
import { ask, connectionTo } from "./client";
import { ClusterError, noNamespace } from "./errors";
import type { KubernetesObject } from "./objects";
import { missingRights, type Needs } from "./rights";

/** A cluster, and what this user may do in it. */
export interface ClusterFacts {
  /** For texts: `context 'production', namespace 'octollm'`. */
  readonly name: string;
  /** Such as `v1.34.3`. */
  readonly serverVersion: string;
  /** Of the namespace kube-system, which lives as long as the cluster; empty when this user may not see it. */
  readonly uid: string;
  /** Such as `patch deployments.apps`. */
  readonly missingRights: readonly string[];
}

/**
 * Looks at a cluster; touches nothing.
 *
 * @param needs - what rights are asked for
 * @throws ClusterError when it cannot be reached, does not know this user, or has no such namespace
 */
export async function clusterFacts(place: ClusterPlace, needs: Needs): Promise<ClusterFacts> {
  const { server, context } = await connectionTo(place);
  const version = await ask<{ gitVersion?: string }>(place, { path: "/version" });
  const [own, system] = await Promise.all([namespaceOf(place, place.namespace), namespaceOf(place, "kube-system")]);
  if (own === null) throw noNamespace(place, { server, context });
  return {
    name: `context '${context}', namespace '${place.namespace}'`,
    serverVersion: version?.gitVersion ?? "?",
    uid: system === "unknown" ? "" : (system?.metadata.uid ?? ""),
    missingRights: await missingRights(place, needs),
  };
}

/** A namespace; null when there is none. @throws ClusterError */
export async function namespaceOf(place: ClusterPlace, name: string): Promise<KubernetesObject | "unknown" | null> {
  try {
    return await ask<KubernetesObject>(place, { path: `/api/v1/namespaces/${name}` });
  } catch (error) {
    if (error instanceof ClusterError && error.status === 403) return "unknown";
    throw error;
  }
}
