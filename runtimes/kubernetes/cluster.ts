import type { ClusterPlace } from "../runtime";
import { ask, connectionTo } from "./client";
import { ClusterError, describeServer } from "./errors";
import type { KubernetesObject } from "./objects";
import { missingRights, type Need } from "./rights";

/** A cluster, and what this user may do in it. */
export interface ClusterFacts {
  /** Address of its API server. */
  readonly server: string;
  /** The context that is used. */
  readonly context: string;
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
export async function clusterFacts(place: ClusterPlace, needs: ReadonlySet<Need>): Promise<ClusterFacts> {
  const { server, context } = await connectionTo(place);
  const version = await ask<{ gitVersion?: string }>(place, { path: "/version" });
  const [own, system] = await Promise.all([namespaceOf(place, place.namespace), namespaceOf(place, "kube-system")]);
  if (own === null)
    throw new ClusterError(
      `${describeServer({ server, context })} has no namespace '${place.namespace}'. See which there are: kubectl --context ` +
        `${context} get namespaces. Correct it: octollm config set --path kubernetes.namespace <name>`,
      404,
    );
  return {
    server,
    context,
    serverVersion: version?.gitVersion ?? "?",
    uid: system === "unknown" ? "" : (system?.metadata.uid ?? ""),
    missingRights: await missingRights(place, needs),
  };
}

async function namespaceOf(place: ClusterPlace, name: string): Promise<KubernetesObject | "unknown" | null> {
  try {
    return await ask<KubernetesObject>(place, { path: `/api/v1/namespaces/${name}` });
  } catch (error) {
    if (error instanceof ClusterError && error.status === 403) return "unknown";
    throw error;
  }
}
