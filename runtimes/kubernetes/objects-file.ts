import { stringify } from "yaml";

import type { ClusterPlace } from "../runtime";
import type { VariableNames } from "./configuration";
import { ClusterError } from "./errors";
import { collections, type Deployment, type KubernetesObject, type PodSpec } from "./objects";
import { list } from "./read";

/** Kinds that are kept as a whole, in the order in which they would be applied again. */
const kinds = [
  { apiVersion: "apps/v1", kind: "StatefulSet", path: collections.statefulsets },
  { apiVersion: "v1", kind: "Service", path: collections.services },
  { apiVersion: "apps/v1", kind: "Deployment", path: collections.deployments },
  { apiVersion: "autoscaling/v2", kind: "HorizontalPodAutoscaler", path: collections.autoscalers },
  { apiVersion: "policy/v1", kind: "PodDisruptionBudget", path: collections.budgets },
  { apiVersion: "networking.k8s.io/v1", kind: "Ingress", path: collections.ingresses },
] as const;

/**
 * The objects of an installation's namespace that are in use, as a file for `kubectl apply`: without what the server keeps.
 * Of ConfigMaps and Secrets those that pods are given. Secret. What may not be read is named in a comment.
 *
 * @throws ClusterError
 */
export async function objectsAsYaml(place: ClusterPlace & VariableNames): Promise<string> {
  const { namespace, configMap, secret } = place;
  const found = await Promise.all(kinds.map(({ path }) => listAllowed<KubernetesObject>(place, path(namespace))));
  const whole = found.flatMap((objects, index) => (objects ?? []).map((object) => ({ ...kindOf(index), ...object })));
  const used = whole.flatMap((object) =>
    "template" in specOf(object) ? usedBy((object as Deployment).spec.template.spec) : [],
  );
  const names = new Set([...used, `ConfigMap ${configMap}`, `Secret ${secret}`]);
  const data = await Promise.all([
    objectsOf(place, { kind: "ConfigMap", path: collections.configmaps(namespace), names }),
    objectsOf(place, { kind: "Secret", path: collections.secrets(namespace), names }),
  ]);
  const unread = kinds.filter((_, index) => found[index] === null).map(({ kind }) => kind);
  const remarks = unread.length === 0 ? "" : `# This user may not read: ${unread.join(", ")}.\n`;
  return remarks + [...data.flat(), ...whole].map((object) => stringify(asApplied(object))).join("---\n");
}

function kindOf(index: number): { readonly apiVersion: string; readonly kind: string } {
  const { apiVersion = "", kind = "" } = kinds[index] ?? {};
  return { apiVersion, kind };
}

/** Null when this user may not. */
async function listAllowed<T>(place: ClusterPlace, path: string): Promise<T[] | null> {
  try {
    return await list<T>(place, path);
  } catch (error) {
    if (error instanceof ClusterError && error.status === 403) return null;
    throw error;
  }
}

interface Chosen {
  readonly kind: string;
  readonly path: string;
  /** Such as `ConfigMap octollm-config`. */
  readonly names: ReadonlySet<string>;
}

async function objectsOf(place: ClusterPlace, { kind, path, names }: Chosen): Promise<KubernetesObject[]> {
  const all = await list<KubernetesObject>(place, path);
  return all
    .filter(({ metadata }) => names.has(`${kind} ${metadata.name}`))
    .map((object) => ({ apiVersion: "v1", kind, ...object }));
}

function specOf(object: KubernetesObject): object {
  return (object as { spec?: object }).spec ?? {};
}

/** ConfigMaps and Secrets that pods are given in any way: `ConfigMap octollm-config`. */
function usedBy({ containers, initContainers = [], volumes = [] }: PodSpec): string[] {
  const all = [...containers, ...initContainers];
  const sources = all.flatMap(({ envFrom = [] }) => envFrom);
  const single = all.flatMap(({ env = [] }) => env.flatMap(({ valueFrom }) => valueFrom ?? []));
  const configMaps = [
    ...sources.map(({ configMapRef }) => configMapRef?.name),
    ...single.map(({ configMapKeyRef }) => configMapKeyRef?.name),
    ...volumes.map(({ configMap }) => configMap?.name),
  ];
  const secrets = [
    ...sources.map(({ secretRef }) => secretRef?.name),
    ...single.map(({ secretKeyRef }) => secretKeyRef?.name),
    ...volumes.map(({ secret }) => secret?.secretName),
  ];
  const named = (kind: string, names: readonly (string | undefined)[]) =>
    names.flatMap((name) => (name === undefined ? [] : [`${kind} ${name}`]));
  return [...named("ConfigMap", configMaps), ...named("Secret", secrets)];
}

const serverKept = new Set(["uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink"]);
/** kubectl's copy of what was applied has a Secret in clear. */
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";

function asApplied(object: KubernetesObject): object {
  const { annotations = {}, ...metadata } = object.metadata;
  const kept = Object.entries(metadata).filter(([key]) => !serverKept.has(key));
  const notes = Object.entries(annotations).filter(([key]) => key !== lastApplied);
  const others = Object.entries(object).filter(([key]) => key !== "status");
  return {
    ...Object.fromEntries(others),
    metadata: {
      ...Object.fromEntries(kept),
      ...(notes.length === 0 ? {} : { annotations: Object.fromEntries(notes) }),
    },
  };
}
