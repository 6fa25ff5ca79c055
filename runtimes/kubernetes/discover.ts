import type { ClusterPlace } from "../runtime";
import { connectionTo } from "./client";
import { wholeSources } from "./facts";
import { collections, type Container, type Deployment, type Probe, type Service } from "./objects";
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
  /** Seconds that its pods are given to end. */
  readonly graceSeconds: number;
}

/** A container of such a Deployment. */
export interface DiscoveredPart {
  readonly name: string;
  readonly image: string;
  /** Its image without tag and digest: `octollm/orchestrator`. */
  readonly repository: string;
  /** What the template or the tag of its image says; null when they say none. */
  readonly release: string | null;
  readonly ports: readonly number[];
  /** What kubelet asks by HTTP to learn whether it is well; null when it asks nothing. */
  readonly probe: { readonly path: string; readonly port: number } | null;
  /** ConfigMaps and Secrets that it is given whole. */
  readonly configMaps: readonly string[];
  readonly secrets: readonly string[];
}

/** A Service as an outsider finds it. */
export interface DiscoveredService {
  readonly name: string;
  readonly ports: readonly number[];
  /** Ports of pods that it leads to, where it says them by number. */
  readonly podPorts: readonly number[];
  /** Whether it leads to pods of the cluster. */
  readonly leadsToPods: boolean;
  /** Deployments whose pods it leads to. */
  readonly deployments: readonly string[];
}

/** What there is in a namespace. */
export interface DiscoveredNamespace {
  /** The kubeconfig's context that was meant. */
  readonly context: string;
  readonly deployments: readonly DiscoveredDeployment[];
  readonly services: readonly DiscoveredService[];
}

/** Every Deployment and Service of a namespace; touches nothing. @throws ClusterError */
export async function discoverDeployments(place: ClusterPlace): Promise<DiscoveredNamespace> {
  const [{ context }, deployments, services] = await Promise.all([
    connectionTo(place),
    list<Deployment>(place, collections.deployments(place.namespace)),
    list<Service>(place, collections.services(place.namespace)),
  ]);
  return {
    context,
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
    graceSeconds: terminationGracePeriodSeconds,
  };
}

function describePart(deployment: Deployment, container: Container): DiscoveredPart {
  const { name, image = "", ports = [] } = container;
  return {
    name,
    image,
    repository: image.replace(/@.*$/, "").replace(/:[^/:]*$/, ""),
    release: releaseOf(deployment, name),
    ports: ports.flatMap(({ containerPort, protocol = "TCP" }) => (protocol === "TCP" ? [containerPort] : [])),
    probe: probeOf(container),
    ...wholeSources([container]),
  };
}

interface HttpGet {
  readonly path?: string;
  readonly port?: number | string;
  readonly scheme?: string;
}

/** The first of its probes that is a plain HTTP request. */
function probeOf({ readinessProbe, livenessProbe, startupProbe, ports = [] }: Container): DiscoveredPart["probe"] {
  const asked = [readinessProbe, livenessProbe, startupProbe].flatMap((probe: Probe | undefined) => {
    const { path = "/", port = 0, scheme = "HTTP" } = (probe?.httpGet ?? {}) as HttpGet;
    const number = typeof port === "number" ? port : (ports.find(({ name }) => name === port)?.containerPort ?? 0);
    return scheme === "HTTP" && number !== 0 ? [{ path, port: number }] : [];
  });
  return asked[0] ?? null;
}

function describeService({ metadata, spec }: Service, deployments: readonly Deployment[]): DiscoveredService {
  const { selector, ports = [] } = spec;
  const chosen = deployments.filter(
    ({ spec: { template } }) => selector && selects({ matchLabels: selector }, template.metadata?.labels),
  );
  return {
    name: metadata.name,
    ports: ports.map(({ port }) => port),
    podPorts: ports.flatMap(({ port, targetPort = port }) => (typeof targetPort === "number" ? [targetPort] : [])),
    leadsToPods: selector !== undefined,
    deployments: chosen.map(({ metadata: { name } }) => name),
  };
}
