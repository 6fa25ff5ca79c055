import type { ClusterPlace, DeploymentSpec } from "../runtime";
import { ask } from "./client";
import { annotations } from "./labels";
import { collections, type Deployment, type KubernetesObject, type Pod, type ReplicaSet } from "./objects";
import { selectorText } from "./selector";

/** A Deployment with what the cluster has made of it. */
export interface DeploymentParts {
  readonly deployment: Deployment;
  readonly replicaSets: readonly ReplicaSet[];
  /** Of all its replica sets, also those that are ending. */
  readonly pods: readonly Pod[];
}

/** The service's Deployment; null when there is none. @throws ClusterError */
export async function readDeployment({
  cluster,
  deployment,
}: Pick<DeploymentSpec, "cluster" | "deployment">): Promise<Deployment | null> {
  return ask<Deployment>(cluster, { path: deploymentPath({ cluster, deployment }) });
}

export function deploymentPath({ cluster, deployment }: Pick<DeploymentSpec, "cluster" | "deployment">): string {
  return `${collections.deployments(cluster.namespace)}/${deployment}`;
}

/** The service's Deployment, replica sets and pods; null when there is none. @throws ClusterError */
export async function readParts(spec: Pick<DeploymentSpec, "cluster" | "deployment">): Promise<DeploymentParts | null> {
  const deployment = await readDeployment(spec);
  if (deployment === null) return null;
  const query = { labelSelector: selectorText(deployment.spec.selector) };
  const [sets, found] = await Promise.all([
    list<ReplicaSet>(spec.cluster, collections.replicasets(spec.cluster.namespace), query),
    list<Pod>(spec.cluster, collections.pods(spec.cluster.namespace), query),
  ]);
  const replicaSets = sets.filter((set) => isOwnedBy(set, [deployment]));
  return { deployment, replicaSets, pods: found.filter((pod) => isOwnedBy(pod, replicaSets)) };
}

/** All objects of a collection. @throws ClusterError */
export async function list<T>(
  place: ClusterPlace,
  path: string,
  query: Readonly<Record<string, string>> = {},
): Promise<T[]> {
  const found = await ask<{ items?: T[] }>(place, { path, query });
  return found?.items ?? [];
}

function isOwnedBy({ metadata }: KubernetesObject, owners: readonly KubernetesObject[]): boolean {
  return (metadata.ownerReferences ?? []).some(({ uid }) => owners.some((owner) => owner.metadata.uid === uid));
}

/** The replica set of the Deployment's present template; null while the cluster has not made it. */
export function presentSet({ deployment, replicaSets }: DeploymentParts): ReplicaSet | null {
  const { metadata, status } = deployment;
  if ((status?.observedGeneration ?? 0) < (metadata.generation ?? 0)) return null;
  const revision = "deployment.kubernetes.io/revision";
  const wanted = metadata.annotations?.[revision];
  return replicaSets.find((set) => set.metadata.annotations?.[revision] === wanted) ?? null;
}

/** The pods of a replica set. */
export function podsOf(set: ReplicaSet, pods: readonly Pod[]): Pod[] {
  return pods.filter((pod) => isOwnedBy(pod, [set]));
}

/** Whether a pod's programs may still run; one that was evicted has ended. */
export function isAlive({ status }: Pod): boolean {
  return status?.phase !== "Failed" && status?.phase !== "Succeeded";
}

/** Whether a pod takes requests. */
export function isReady({ metadata, status }: Pod): boolean {
  const ready = status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True");
  return metadata.deletionTimestamp === undefined && ready === true;
}

/** Whether programs can be reached in a pod. */
export function isRunning({ metadata, status }: Pod): boolean {
  return metadata.deletionTimestamp === undefined && status?.phase === "Running";
}

/** The release that a Deployment's template is of: by our annotation, else by the tag of the service's image. */
export function releaseOf({ spec }: Deployment, podContainer: string): string | null {
  const noted = spec.template.metadata?.annotations?.[annotations.release];
  const { containers } = spec.template.spec;
  const container = podContainer === "" ? containers[0] : containers.find(({ name }) => name === podContainer);
  return noted ?? releaseInTag(container?.image ?? "");
}

/** The version that an image's tag is; null when it is none. */
export function releaseInTag(image: string): string | null {
  const [, tag] = /:v?(\d+\.\d+\.\d+)(?:@sha256:[0-9a-f]+)?$/.exec(image) ?? [];
  return tag ?? null;
}

/** The attempt that declared a Deployment; null for one that the stack has not declared. */
export function attemptOf({ metadata }: Deployment): number | null {
  const noted = metadata.annotations?.[annotations.attempt];
  return noted === undefined ? null : Number(noted);
}

/** The replicas that a Deployment had before it was scaled to 0 by this program; null for one that was not. */
export function rememberedReplicas({ metadata, spec }: Deployment): number | null {
  const noted = metadata.annotations?.[annotations.replicas];
  return noted === undefined || spec.replicas !== 0 ? null : Number(noted);
}
