import type { DeploymentSpec } from "../runtime";
import type { DeploymentFacts } from "./facts";
import { annotations, fieldManager } from "./labels";
import type { Container, Deployment, KubernetesObject, Metadata, PodSpec, Strategy } from "./objects";

export type { KubernetesObject } from "./objects";

/** What a manifest is of besides image and release. */
export interface Declaring {
  /** The attempt that declares it. */
  readonly attempt: number;
  /** Of the variables; the pods are replaced when it changes. */
  readonly checksum: string;
}

type Wanted = Declaring & Pick<DeploymentSpec, "image" | "release" | "port" | "health" | "podContainer">;

/** Seconds in which a pod that is to end still serves: until then every node knows that it is gone. */
const drainSeconds = 5;

/** Annotations that the server, kubectl or the running attempt writes; a manifest says nothing of them. */
const notDeclared = new Set<string>([
  "deployment.kubernetes.io/revision",
  "kubectl.kubernetes.io/last-applied-configuration",
  annotations.before,
  annotations.replicas,
]);

/**
 * A Deployment as it is to be: the live one with another image and environment, and what an upgrade without failed requests
 * needs. Its replicas are not in it: whoever scales it keeps doing so.
 */
export function deploymentManifest(
  { object }: Pick<DeploymentFacts, "object">,
  spec: Omit<Wanted, keyof Declaring>,
  declaring: Declaring,
): Deployment {
  const { image, release, port, health, podContainer } = spec;
  const wanted = { image, release, port, health, podContainer, ...declaring };
  const { template, strategy, ...live } = object.spec;
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: declaredMetadata(object.metadata, {
      [annotations.attempt]: String(wanted.attempt),
      [annotations.changeCause]: `OctoLLM ${release} (attempt ${wanted.attempt})`,
      ...forPulumi,
    }),
    spec: {
      ...without(live, "replicas"),
      selector: live.selector,
      strategy: withoutGap(strategy),
      template: {
        ...template,
        metadata: {
          ...withoutNull(template.metadata ?? {}),
          annotations: {
            ...template.metadata?.annotations,
            [annotations.release]: release,
            [annotations.environment]: wanted.checksum,
          },
        },
        spec: podSpec(template.spec, wanted),
      },
    },
  };
}

const forPulumi = { [annotations.skipAwait]: "true", [annotations.patchFieldManager]: fieldManager };

/** Name, labels and annotations, without what the server keeps. */
function declaredMetadata(
  { name, namespace, labels, annotations: own = {} }: Metadata,
  more: Readonly<Record<string, string>>,
): Metadata {
  const kept = Object.entries(own).filter(([key]) => !notDeclared.has(key));
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(labels === undefined ? {} : { labels }),
    annotations: { ...Object.fromEntries(kept), ...more },
  };
}

/** The server answers with `creationTimestamp: null` in a template. */
function withoutNull(metadata: Partial<Metadata>): Partial<Metadata> {
  return Object.fromEntries(Object.entries(metadata).filter(([, value]) => (value as unknown) !== null));
}

function without<T extends object>(object: T, name: keyof T & string): Partial<T> {
  return Object.fromEntries(Object.entries(object).filter(([key]) => key !== name)) as Partial<T>;
}

/** No pod ends before the one that follows it is ready; who wants all to end first has said so. */
function withoutGap(strategy: Strategy = {}): Strategy {
  if (strategy.type === "Recreate") return strategy;
  const { maxSurge = 1 } = strategy.rollingUpdate ?? {};
  const surges = Number.parseInt(String(maxSurge)) > 0;
  return { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: surges ? maxSurge : 1 } };
}

function podSpec(spec: PodSpec, wanted: Wanted): PodSpec {
  const service = serviceContainer(spec, wanted.podContainer);
  const { terminationGracePeriodSeconds: grace = 30 } = spec;
  // The time in which it still serves is part of the time in which it has to end.
  const isShort = service?.lifecycle?.preStop === undefined && grace <= drainSeconds;
  return {
    ...spec,
    containers: spec.containers.map((container) => (container === service ? serving(container, wanted) : container)),
    ...(isShort ? { terminationGracePeriodSeconds: grace + drainSeconds } : {}),
  };
}

/** The container of a pod that is the service; undefined when there is none of that name. */
export function serviceContainer({ containers }: PodSpec, name: string): Container | undefined {
  return name === "" ? containers[0] : containers.find((container) => container.name === name);
}

function serving(container: Container, { image, port, health }: Wanted): Container {
  const preStop = container.lifecycle?.preStop ?? { sleep: { seconds: drainSeconds } };
  const httpGet = { path: health, port, scheme: "HTTP" };
  const probe = { httpGet, periodSeconds: 2, timeoutSeconds: 2, failureThreshold: 3 };
  return {
    ...container,
    image,
    lifecycle: { ...container.lifecycle, preStop },
    ...(container.readinessProbe === undefined && port !== 0 ? { readinessProbe: probe } : {}),
  };
}

/** A ConfigMap or Secret as it is to be. */
export interface DeclaredData {
  /** As it is. */
  readonly live: KubernetesObject;
  /** By variable, in clear. */
  readonly data: Readonly<Record<string, string>>;
  /** What is kept of the environment's text, where the object declares it; null where it does not. */
  readonly kept: string | null;
}

/** The ConfigMap of an environment. */
export function configMapManifest({ live, data, kept }: DeclaredData): KubernetesObject {
  const { binaryData } = live as { binaryData?: unknown };
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: dataMetadata(live, kept),
    ...{ data, ...(binaryData === undefined ? {} : { binaryData }) },
  };
}

/** The Secret of an environment; secret. */
export function secretManifest({ live, data }: Omit<DeclaredData, "kept">): KubernetesObject {
  const { type = "Opaque" } = live as { type?: string };
  const encoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString("base64")]);
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: dataMetadata(live, null),
    ...{ type, data: Object.fromEntries(encoded) as Record<string, string> },
  };
}

function dataMetadata({ metadata }: KubernetesObject, kept: string | null): Metadata {
  const own = without(metadata.annotations ?? {}, annotations.environment) as Record<string, string>;
  return declaredMetadata(
    { ...metadata, annotations: own },
    { ...(kept === null ? {} : { [annotations.environment]: kept }), ...forPulumi },
  );
}

/**
 * A PodDisruptionBudget for a service of several replicas: one pod at a time may be evicted.
 *
 * @returns null where there is no need of one, or the operator has his own
 */
export function budgetManifest({
  object,
  wantsBudget,
}: Pick<DeploymentFacts, "object" | "wantsBudget">): KubernetesObject | null {
  if (!wantsBudget) return null;
  const { name, namespace } = object.metadata;
  return {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), annotations: forPulumi },
    ...{ spec: { maxUnavailable: 1, selector: object.spec.selector } },
  };
}
