import type { ClusterPlace } from "../runtime";
import { wholeSources } from "./facts";
import { collections, type Container, type Deployment, type Service } from "./objects";
import { list, releaseOf } from "./read";
import { selects } from "./selector";

/** A Deployment as an outsider finds it. */
export interface DiscoveredDeployment {
  readonly name: string;
  /** Its containers, in their order. */
  readonly containers: readonly DiscoveredPart[];
  /** Replicas that are asked for. */
  readonly replicas: number;
  readonly readyReplicas: number;
  /** ConfigMaps and Secrets that its containers are given whole. */
  readonly configMaps: readonly string[];
  readonly secrets: readonly string[];
  /** Seconds that its pods are given to end. */
  readonly graceSeconds: number;
}

/** A container of such a Deployment. */
export interface DiscoveredPart {
  readonly name: string;
  /** Its image without tag and digest: `octollm/orchestrator`. */
  readonly repository: string;
  /** What the template or the tag of its image says; null when they say none. */
  readonly release: string | null;
  readonly ports: readonly number[];
}

/** A Service as an outsider finds it. */
export interface DiscoveredService {
  readonly name: string;
  readonly ports: readonly number[];
  /** Whether it leads to pods of the cluster. */
  readonly leadsToPods: boolean;
  /** Deployments whose pods it leads to. */
  readonly deployments: readonly string[];
}

/** What there is in a namespace. */
export interface DiscoveredNamespace {
  readonly deployments: readonly DiscoveredDeployment[];
  readonly services: readonly DiscoveredService[];
}

/** Every Deployment and Service of a namespace; touches nothing. @throws ClusterError */
export async function discoverDeployments(place: ClusterPlace): Promise<DiscoveredNamespace> {
  const [deployments, services] = await Promise.all([
    list<Deployment>(place, collections.deployments(place.namespace)),
    list<Service>(place, collections.services(place.namespace)),
  ]);
  return {
    deployments: deployments.map(describeDeployment),
    services: services.map((service) => describeService(service, deployments)),
  };
}

function describeDeployment(deployment: Deployment): DiscoveredDeployment {
  const { metadata, spec, status } = deployment;
  const { containers, terminationGracePeriodSeconds = 30 } = spec.template.spec;
  return {
    name: metadata.name,
    containers: containers.map((container) => describePart(deployment, container)),
    replicas: spec.replicas ?? 1,
    readyReplicas: status?.readyReplicas ?? 0,
    ...wholeSources(containers),
    graceSeconds: terminationGracePeriodSeconds,
  };
}

function describePart(deployment: Deployment, { name, image = "", ports = [] }: Container): DiscoveredPart {
  return {
    name,
    repository: image.replace(/@.*$/, "").replace(/:[^/:]*$/, ""),
    release: releaseOf(deployment, name),
    ports: ports.flatMap(({ containerPort, protocol = "TCP" }) => (protocol === "TCP" ? [containerPort] : [])),
  };
}

function describeService({ metadata, spec }: Service, deployments: readonly Deployment[]): DiscoveredService {
  const { selector, ports = [] } = spec;
  const chosen = deployments.filter(
    ({ spec: { template } }) => selector && selects({ matchLabels: selector }, template.metadata?.labels),
  );
  return {
    name: metadata.name,
    ports: ports.map(({ port }) => port),
    leadsToPods: selector !== undefined,
    deployments: chosen.map(({ metadata: { name } }) => name),
  };
}
