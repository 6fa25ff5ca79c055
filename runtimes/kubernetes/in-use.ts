import { stringify } from "yaml";

import type { ClusterPlace } from "../runtime";
import type { VariableNames } from "./configuration";
import { readConfiguration } from "./configuration";
import { ClusterError } from "./errors";
import { collections, type KubernetesObject, type Metadata } from "./objects";
import { list } from "./read";

const kinds = [
  { kind: "Deployment", apiVersion: "apps/v1", collection: collections.deployments },
  { kind: "Service", apiVersion: "v1", collection: collections.services },
  { kind: "HorizontalPodAutoscaler", apiVersion: "autoscaling/v2", collection: collections.autoscalers },
  { kind: "PodDisruptionBudget", apiVersion: "policy/v1", collection: collections.budgets },
];

/**
 * The objects of an installation as `kubectl apply` takes them, for a backup. Secret: the Secret is among them. Kinds that this
 * user may not list are left out.
 *
 * @throws ClusterError
 */
export async function objectsAsYaml(place: ClusterPlace, names: VariableNames): Promise<string> {
  const { live } = await readConfiguration(place, names);
  const variables = [
    { apiVersion: "v1", ...live.configMap, kind: "ConfigMap" },
    ...(live.secret ? [{ apiVersion: "v1", ...live.secret, kind: "Secret" }] : []),
  ];
  const others = await Promise.all(
    kinds.map(async ({ kind, apiVersion, collection }) => {
      const found = await list<KubernetesObject>(place, collection(place.namespace)).catch(refusedToList);
      return found.map((object) => ({ apiVersion, kind, ...object }));
    }),
  );
  return [...variables, ...others.flat()].map((object) => stringify(applicable(object))).join("---\n");
}

function refusedToList(error: unknown): KubernetesObject[] {
  if (error instanceof ClusterError && error.status === 403) return [];
  throw error;
}

/** Without what only the server writes. */
function applicable(object: KubernetesObject): object {
  const { name, namespace, labels, annotations } = object.metadata;
  const rest = Object.fromEntries(Object.entries(object).filter(([key]) => key !== "status"));
  return { ...rest, metadata: { name, namespace, labels, annotations } satisfies Metadata };
}
