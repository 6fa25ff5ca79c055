import type { DeploymentSpec } from "../runtime";
import { type Before,readBefore } from "./before";
import { gitopsOwner } from "./gitops";
import { annotations } from "./labels";
import { type ForeignManager, foreignManagers } from "./managers";
import { serviceContainer } from "./manifest";
import { type Autoscaler, collections, type Deployment, type DisruptionBudget, type PodSpec } from "./objects";
import { attemptOf, list, readDeployment, releaseOf, rememberedReplicas } from "./read";
import { selects } from "./selector";

/** What a service's Deployment is like, and what stands in the way of changing it. */
export interface DeploymentFacts {
  /** The release that its template is of; null when nothing tells. */
  readonly release: string | null;
  /** Number of the attempt that declared it; null for one that the stack has not declared. */
  readonly attempt: number | null;
  /** Of the container that is the service; empty when there is no such container. */
  readonly image: string;
  /** What is asked for now. */
  readonly replicas: number;
  /** What it had before it was scaled to 0 by this program; null for one that was not. */
  readonly remembered: number | null;
  /** Name of the HorizontalPodAutoscaler that scales it. */
  readonly autoscaler: string | null;
  /** The GitOps tool that owns it, and what tells so. */
  readonly gitops: string | null;
  /** Other programs that own fields of it. */
  readonly foreign: readonly ForeignManager[];
  /** Of the environment that its template was declared with. */
  readonly checksum: string | null;
  /** Whether its pods are given variables of the ConfigMap, and of the Secret. */
  readonly usesConfigMap: boolean;
  readonly usesSecret: boolean;
  /** Names of variables that the container is given by value: those of ConfigMap and Secret do not reach it. */
  readonly ownEnvironment: readonly string[];
  readonly paused: boolean;
  /** Whether a PodDisruptionBudget selects its pods. */
  readonly hasBudget: boolean;
  /** What it was before an attempt that has not been completed. */
  readonly before: Pick<Before, "attempt" | "release"> | null;
  /** Names of its containers, in their order. */
  readonly containers: readonly string[];
  /** The object as it is. */
  readonly object: Deployment;
}

/** The objects that hold an installation's variables. */
export interface EnvironmentNames {
  readonly configMap: string;
  /** Empty for none. */
  readonly secret: string;
}

/** What a service's Deployment is like; null when there is none. @throws ClusterError */
export async function deploymentFacts(spec: DeploymentSpec, names: EnvironmentNames): Promise<DeploymentFacts | null> {
  const { cluster, podContainer } = spec;
  const [object, autoscalers, budgets] = await Promise.all([
    readDeployment(spec),
    list<Autoscaler>(cluster, collections.autoscalers(cluster.namespace)),
    list<DisruptionBudget>(cluster, collections.budgets(cluster.namespace)),
  ]);
  if (object === null) return null;
  const { template, replicas = 1, paused = false } = object.spec;
  const container = serviceContainer(template.spec, podContainer);
  const before = readBefore(object);
  return {
    release: releaseOf(object, podContainer),
    attempt: attemptOf(object),
    image: container?.image ?? "",
    replicas,
    remembered: rememberedReplicas(object),
    autoscaler: autoscalerOf(object, autoscalers),
    gitops: gitopsOwner(object),
    foreign: foreignManagers(object),
    checksum: template.metadata?.annotations?.[annotations.environment] ?? null,
    ...uses(template.spec, names),
    ownEnvironment: (container?.env ?? []).flatMap(({ name, valueFrom }) => (valueFrom ? [] : [name])),
    paused,
    hasBudget: budgets.some(({ spec: { selector } }) => selector && selects(selector, template.metadata?.labels)),
    before: before && { attempt: before.attempt, release: before.release },
    containers: template.spec.containers.map(({ name }) => name),
    object,
  };
}

function autoscalerOf({ metadata }: Deployment, autoscalers: readonly Autoscaler[]): string | null {
  const found = autoscalers.find(({ spec: { scaleTargetRef: target } }) => {
    return target.kind === "Deployment" && target.name === metadata.name;
  });
  return found?.metadata.name ?? null;
}

function uses(
  { containers, initContainers = [], volumes = [] }: PodSpec,
  { configMap, secret }: EnvironmentNames,
): Pick<DeploymentFacts, "usesConfigMap" | "usesSecret"> {
  const all = [...containers, ...initContainers];
  const sources = all.flatMap(({ envFrom = [] }) => envFrom);
  const single = all.flatMap(({ env = [] }) => env.flatMap(({ valueFrom }) => valueFrom ?? []));
  const configMaps = [
    ...sources.map(({ configMapRef }) => configMapRef?.name),
    ...single.map(({ configMapKeyRef }) => configMapKeyRef?.name),
    ...volumes.map(({ configMap: volume }) => volume?.name),
  ];
  const secrets = [
    ...sources.map(({ secretRef }) => secretRef?.name),
    ...single.map(({ secretKeyRef }) => secretKeyRef?.name),
    ...volumes.map(({ secret: volume }) => volume?.secretName),
  ];
  return { usesConfigMap: configMaps.includes(configMap), usesSecret: secret !== "" && secrets.includes(secret) };
}
