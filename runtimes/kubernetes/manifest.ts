import { annotations, fieldManager } from "./labels";
import type { Container, Deployment, KubernetesObject, Metadata, PodSpec, Strategy } from "./objects";

/** What of a Deployment changes from one release to another. */
export interface Wanted {
  readonly image: string;
  readonly release: string;
  readonly attempt: number;
  /** Of the environment; the pods are replaced when it changes. */
  readonly checksum: string;
  /** Of the container; 0 for none. */
  readonly port: number;
  /** Path that answers 2xx when a pod is well. */
  readonly health: string;
  /** The container that is the service; empty for the first. */
  readonly podContainer: string;
}

/** Seconds in which a pod that is to end still serves: until then every node knows that it is gone. */
const drainSeconds = 5;

/** Written by the server or by kubectl; a manifest says nothing of them. */
const notDeclared = new Set([
  "deployment.kubernetes.io/revision",
  "kubectl.kubernetes.io/last-applied-configuration",
  "pulumi.com/autonamed",
  annotations.before,
  annotations.replicas,
]);

/**
 * A Deployment as it is to be: the live one with another image and environment, and what an upgrade without failed requests
 * needs. Its replicas are not in it: whoever scales it keeps doing so.
 *
 * @param live - the object as it is
 */
export function deploymentManifest(live: Deployment, wanted: Wanted): Deployment {
  const { replicas: _, ...spec } = live.spec;
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: declaredMetadata(live.metadata, {
      [annotations.attempt]: String(wanted.attempt),
      [annotations.changeCause]: `OctoLLM ${wanted.release} (attempt ${wanted.attempt})`,
      ...forPulumi,
    }),
    spec: {
      ...spec,
      strategy: withoutGap(spec.strategy),
      template: {
        ...spec.template,
        metadata: {
          ...withoutNull(spec.template.metadata ?? {}),
          annotations: {
            ...spec.template.metadata?.annotations,
            [annotations.release]: wanted.release,
            [annotations.environment]: wanted.checksum,
          },
        },
        spec: podSpec(spec.template.spec, wanted),
      },
    },
  };
}

const forPulumi = { [annotations.skipAwait]: "true", [annotations.patchFieldManager]: fieldManager };

/** Name, labels and annotations, without what the server keeps. */
export function declaredMetadata(
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

function withoutNull(metadata: Partial<Metadata>): Partial<Metadata> {
  // The server answers with `creationTimestamp: null` in a template.
  return Object.fromEntries(Object.entries(metadata).filter(([, value]) => (value as unknown) !== null));
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
  const drains = service?.lifecycle?.preStop === undefined;
  return {
    ...spec,
    containers: spec.containers.map((container) => (container === service ? serving(container, wanted) : container)),
    ...(drains && grace <= drainSeconds ? { terminationGracePeriodSeconds: grace + drainSeconds } : {}),
  };
}

/** The container of a pod that is the service; undefined when there is none of that name. */
export function serviceContainer({ containers }: PodSpec, name: string): Container | undefined {
  return name === "" ? containers[0] : containers.find((container) => container.name === name);
}

function serving(container: Container, { image, port, health }: Wanted): Container {
  const preStop = container.lifecycle?.preStop ?? { sleep: { seconds: drainSeconds } };
  const probe = {
    httpGet: { path: health, port, scheme: "HTTP" },
    periodSeconds: 2,
    timeoutSeconds: 2,
    failureThreshold: 3,
  };
  return {
    ...container,
    image,
    lifecycle: { ...container.lifecycle, preStop },
    ...(container.readinessProbe === undefined && port !== 0 ? { readinessProbe: probe } : {}),
  };
}

/** Part of an environment that is one object: a ConfigMap, or a Secret. */
export interface DeclaredData {
  readonly namespace: string;
  readonly name: string;
  /** The object as it is; null for one that is to be made. */
  readonly live: KubernetesObject | null;
  /** By variable; of a Secret in clear. */
  readonly data: Readonly<Record<string, string>>;
  /** What is kept of the environment's text, in the one object that keeps it; null in the other. */
  readonly kept: string | null;
}

/** The ConfigMap of an environment. */
export function configMapManifest(declared: DeclaredData): KubernetesObject {
  const { binaryData } = (declared.live ?? {}) as { binaryData?: unknown };
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: dataMetadata(declared),
    data: declared.data,
    ...(binaryData === undefined ? {} : { binaryData }),
  } as KubernetesObject;
}

/** The Secret of an environment; secret. */
export function secretManifest(declared: DeclaredData): KubernetesObject {
  const { type = "Opaque" } = (declared.live ?? {}) as { type?: string };
  const encoded = Object.entries(declared.data).map(([key, value]) => [key, Buffer.from(value).toString("base64")]);
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: dataMetadata(declared),
    type,
    data: Object.fromEntries(encoded) as Record<string, string>,
  } as KubernetesObject;
}

function dataMetadata({ live, name, namespace, kept }: DeclaredData): Metadata {
  const { [annotations.environment]: _, ...own } = live?.metadata.annotations ?? {};
  return declaredMetadata(
    { ...live?.metadata, name, namespace, annotations: own },
    { ...(kept === null ? {} : { [annotations.environment]: kept }), ...forPulumi },
  );
}

/** A PodDisruptionBudget for a Deployment of several replicas: one pod at a time may be evicted. */
export function budgetManifest({ metadata, spec }: Deployment): KubernetesObject {
  const { name, namespace } = metadata;
  return {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), annotations: forPulumi },
    spec: { maxUnavailable: 1, selector: spec.selector },
  } as KubernetesObject;
}
