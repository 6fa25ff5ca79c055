import type { DeploymentSpec } from "../runtime";
import { type Before, readBefore } from "./before";
import { ClusterError } from "./errors";
import { annotations, fieldManager } from "./labels";
import { changedBy, type Owners, ownersOf } from "./managers";
import { deploymentManifest, serviceContainer } from "./manifest";
import { type Autoscaler, collections, type Container, type Deployment, type DisruptionBudget } from "./objects";
import { attemptOf, list, readDeployment, releaseOf, rememberedReplicas } from "./read";
import { selects } from "./selector";

/** What a service's Deployment is like, and what stands in the way of changing it. */
export interface DeploymentFacts {
  /** The release that its template is of; null when nothing tells. */
  readonly release: string | null;
  /** Number of the attempt that declared it; null for one that the stack has not declared. */
  readonly attempt: number | null;
  /** Of the container that is the service. */
  readonly image: string;
  /** What is asked for now. */
  readonly replicas: number;
  /** What it had before it was scaled to 0 by this program; null for one that was not. */
  readonly remembered: number | null;
  /** Name of the HorizontalPodAutoscaler that scales it. */
  readonly autoscaler: string | null;
  /** Who else writes it. */
  readonly owners: Owners;
  /** Of the environment that its template was declared with. */
  readonly checksum: string | null;
  /** ConfigMaps and Secrets that the container is given whole. */
  readonly sources: { readonly configMaps: readonly string[]; readonly secrets: readonly string[] };
  /** Variables that the container is given by value: those of ConfigMap and Secret do not reach it. */
  readonly ownVariables: readonly string[];
  readonly paused: boolean;
  /** Why requests may fail while its pods are replaced; null when none should. */
  readonly gap: string | null;
  /** Whether it has several replicas, and no PodDisruptionBudget but perhaps this stack's. */
  readonly wantsBudget: boolean;
  /** What it was before an attempt that has not been completed. */
  readonly before: Pick<Before, "attempt" | "release"> | null;
  /** The object as it is. */
  readonly object: Deployment;
}

/**
 * What a service's Deployment is like; null when there is none.
 *
 * @throws ClusterError, also when it has no such container
 */
export async function deploymentFacts(spec: DeploymentSpec): Promise<DeploymentFacts | null> {
  const { cluster, podContainer } = spec;
  const [object, autoscalers, budgets] = await Promise.all([
    readDeployment(spec),
    list<Autoscaler>(cluster, collections.autoscalers(cluster.namespace)),
    list<DisruptionBudget>(cluster, collections.budgets(cluster.namespace)),
  ]);
  if (object === null) return null;
  const { template, replicas = 1, paused = false } = object.spec;
  const container = serviceContainer(template.spec, podContainer);
  if (!container) throw noContainer(spec, object);
  const before = readBefore(object);
  // Whatever an upgrade would change: its attempt and checksum are others than those of any before.
  const anyManifest = deploymentManifest({ object }, spec, { attempt: -1, checksum: "" });
  return {
    release: releaseOf(object, podContainer),
    attempt: attemptOf(object),
    image: container.image ?? "",
    replicas,
    remembered: rememberedReplicas(object),
    autoscaler: autoscalerOf(object, autoscalers),
    owners: ownersOf(object, changedBy(object, anyManifest)),
    checksum: template.metadata?.annotations?.[annotations.environment] ?? null,
    sources: wholeSources([container]),
    ownVariables: (container.env ?? []).map(({ name }) => name),
    paused,
    gap: gapOf(object, container),
    wantsBudget: wantsBudget(object, budgets),
    before: before && { attempt: before.attempt, release: before.release },
    object,
  };
}

/** ConfigMaps and Secrets that containers are given whole. */
export function wholeSources(containers: readonly Container[]): DeploymentFacts["sources"] {
  const sources = containers.flatMap(({ envFrom = [] }) => envFrom);
  return {
    configMaps: [...new Set(sources.flatMap(({ configMapRef }) => configMapRef?.name ?? []))],
    secrets: [...new Set(sources.flatMap(({ secretRef }) => secretRef?.name ?? []))],
  };
}

function noContainer({ deployment, podContainer, name }: DeploymentSpec, { spec }: Deployment): ClusterError {
  const names = spec.template.spec.containers.map((container) => container.name);
  return new ClusterError(
    `Deployment '${deployment}' has no container '${podContainer}': it has ${names.join(", ")}. Correct podContainer of service ` +
      `'${name}' in octollm:services.`,
    null,
  );
}

function autoscalerOf({ metadata }: Deployment, autoscalers: readonly Autoscaler[]): string | null {
  const found = autoscalers.find(({ spec: { scaleTargetRef: target } }) => {
    return target.kind === "Deployment" && target.name === metadata.name;
  });
  return found?.metadata.name ?? null;
}

/** What a manifest of ours has, the pods that are there may lack. */
function gapOf({ spec }: Deployment, { lifecycle }: Container): string | null {
  if (spec.strategy?.type === "Recreate") return "strategy Recreate";
  return lifecycle?.preStop === undefined ? "the present pods have no preStop, the new ones do" : null;
}

/** One that this stack has declared stays, also when an autoscaler leaves one pod for a while. */
function wantsBudget(deployment: Deployment, budgets: readonly DisruptionBudget[]): boolean {
  const { metadata, spec } = deployment;
  const { labels } = spec.template.metadata ?? {};
  const concerned = budgets.filter(
    (budget) =>
      budget.metadata.name === metadata.name || (budget.spec.selector && selects(budget.spec.selector, labels)),
  );
  const isOurs = (budget: DisruptionBudget) =>
    budget.metadata.annotations?.[annotations.patchFieldManager] === fieldManager;
  if (concerned.length > 0) return concerned.every(isOurs);
  return (rememberedReplicas(deployment) ?? spec.replicas ?? 1) > 1;
}
