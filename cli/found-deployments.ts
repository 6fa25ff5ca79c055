import type { DeploymentSettings } from "../phases/site";
import type {
  DiscoveredDeployment,
  DiscoveredNamespace,
  DiscoveredPart,
  DiscoveredService,
} from "../runtimes/kubernetes/discover";
import { isImageOf } from "./adopt-services";

/** Where was looked, and the words that look there again. */
export interface SearchedPlace {
  /** For texts: `namespace 'octollm' of context 'production'`. */
  readonly name: string;
  /** `kubectl --context production -n octollm`. */
  readonly kubectl: string;
  /** `octollm adopt --target kubernetes --context production --namespace octollm`. */
  readonly adopt: string;
}

/** A service of an OctoLLM, and the Deployment that runs it. */
export interface FoundDeployment {
  readonly name: string;
  readonly deployment: DiscoveredDeployment;
  /** The container of its pods that is the service. */
  readonly part: DiscoveredPart;
}

/** What is found out about one by asking it. */
export interface AskedDeployment extends FoundDeployment {
  /** Port of its pods that answers; 0 for none. */
  readonly port: number;
  readonly health: string;
  readonly release: string | null;
}

/** Objects that hold the variables; empty for none. */
export interface VariableSources {
  readonly configMap: string;
  readonly secret: string;
}

const nothing = "Nothing was written.";

/**
 * Which Deployments run which services: by the operator's word, else by the names of their images.
 *
 * @param services - names of services, those that others need first
 * @param named - `<deployment>` or `<deployment>/<container>` by service
 * @throws Error when none is found, or several may be one, or one has no pod that is ready
 */
export function chooseDeployments(
  services: readonly string[],
  named: Readonly<Record<string, string>>,
  { deployments }: DiscoveredNamespace,
  place: SearchedPlace,
): FoundDeployment[] {
  const found = services.flatMap((service) => {
    const word = named[service];
    return word === undefined ? byImage(service, deployments, place) : [byName(service, word, deployments, place)];
  });
  if (found.length === 0)
    throw new Error(
      `No Deployment in ${place.name} is a service of an OctoLLM. ${nothing} Look where it is, then name the namespace, or ` +
        `the Deployments:\n  kubectl get deployments --all-namespaces -o wide\n  ${place.adopt} --service orchestrator=<deployment>`,
    );
  const idle = found.find(({ deployment }) => deployment.readyReplicas === 0);
  if (!idle) return found;
  const { name, replicas } = idle.deployment;
  throw new Error(
    `Deployment '${name}' of '${idle.name}' ${replicas === 0 ? "is scaled to 0" : "has no pod that is ready"}, and only what runs can be ` +
      `adopted. ${nothing} ${replicas === 0 ? "Start it first" : "See why"}:\n  ${place.kubectl} ` +
      (replicas === 0 ? `scale deployment/${name} --replicas=<number>` : `describe deployment/${name}`),
  );
}

function byImage(
  service: string,
  deployments: readonly DiscoveredDeployment[],
  place: SearchedPlace,
): FoundDeployment[] {
  const found = deployments.flatMap((deployment) =>
    deployment.containers
      .filter(({ repository }) => isImageOf(service, repository))
      .map((part) => ({ name: service, deployment, part })),
  );
  if (found.length < 2) return found;
  const names = found.map(({ deployment, part }) =>
    found.filter((other) => other.deployment === deployment).length > 1
      ? `${deployment.name}/${part.name}`
      : deployment.name,
  );
  throw new Error(
    `Several Deployments may be '${service}': ${names.join(", ")}. ${nothing} Name the right one:\n` +
      `  ${place.adopt} --service ${service}=<deployment>`,
  );
}

function byName(
  service: string,
  word: string,
  deployments: readonly DiscoveredDeployment[],
  place: SearchedPlace,
): FoundDeployment {
  const [name, container] = word.split("/");
  const deployment = deployments.find((candidate) => candidate.name === name);
  if (!deployment)
    throw new Error(
      `There is no Deployment '${name}' for '${service}' in ${place.name}. ${nothing} See which there are:\n` +
        `  ${place.kubectl} get deployments -o wide`,
    );
  const { containers } = deployment;
  const [only, ...others] = containers;
  const part =
    container === undefined
      ? (containers.find(({ repository }) => isImageOf(service, repository)) ??
        (others.length === 0 ? only : undefined))
      : containers.find((candidate) => candidate.name === container);
  if (part) return { name: service, deployment, part };
  const parts = containers.map((each) => each.name).join(", ");
  throw new Error(
    (container === undefined
      ? `Any container of Deployment '${name}' may be '${service}': ${parts}.`
      : `Deployment '${name}' has no container '${container}' for '${service}': it has ${parts}.`) +
      ` ${nothing} Name the right one:\n  ${place.adopt} --service ${service}=${name}/<container>`,
  );
}

/** Ports of a Deployment's pods that its service may answer on, the likeliest first. */
export function likelyPorts(
  { deployment, part }: FoundDeployment,
  services: readonly DiscoveredService[],
): readonly number[] {
  const leading = services.filter(({ deployments }) => deployments.includes(deployment.name));
  return [
    ...new Set([...(part.probe ? [part.probe.port] : []), ...part.ports, ...leading.flatMap((one) => one.podPorts)]),
  ];
}

/**
 * The ConfigMap and the Secret that hold the variables: those that the orchestrator, else any service, is given whole.
 *
 * @param named - by the operator; absent for those that are found
 * @throws Error when there is no ConfigMap, or which of several it is cannot be told
 */
export function chooseSources(
  found: readonly FoundDeployment[],
  named: Partial<VariableSources>,
  place: SearchedPlace,
): VariableSources {
  const orchestrator = found.filter(({ name }) => name === "orchestrator");
  const given = (key: "configMaps" | "secrets") => {
    const own = new Set(orchestrator.flatMap(({ part }) => part[key]));
    return own.size > 0 ? [...own] : [...new Set(found.flatMap(({ part }) => part[key]))];
  };
  const choose = (kind: string, names: readonly string[], option: string) => {
    if (names.length < 2) return names[0] ?? "";
    throw new Error(
      `The services are given several ${kind}s: ${names.join(", ")}. ${nothing} An upgrade changes the variables of one: ` +
        `name it:\n  ${place.adopt} ${option} <name>`,
    );
  };
  const configMap = named.configMap ?? choose("ConfigMap", given("configMaps"), "--config-map");
  if (configMap === "")
    throw new Error(
      `No service is given a whole ConfigMap by envFrom, and an upgrade changes variables there. ${nothing} Put them into ` +
        `one, and name it in envFrom of the containers; see docs/quick-start/kubernetes.md.`,
    );
  return { configMap, secret: named.secret ?? choose("Secret", given("secrets"), "--secret") };
}

/** The Service that the database's host name means in a namespace; null for an address that is none, or leads to no pods. */
export function serviceOfHost(host: string, namespace: string, services: readonly DiscoveredService[]): string | null {
  const [name = "", inside = namespace, kind = "svc"] = host.split(".");
  if (inside !== namespace || kind !== "svc") return null;
  return services.find((service) => service.name === name && service.leadsToPods)?.name ?? null;
}

/** A service as the settings have it; what is as usual is left out. */
export function settingsOf(
  { name, deployment, part, port, health }: AskedDeployment,
  version: string,
): Partial<DeploymentSettings> {
  return {
    name,
    deployment: deployment.name,
    ...(deployment.containers.length > 1 ? { podContainer: part.name } : {}),
    image: imagePattern(part, version),
    port,
    health,
    // Pods that are given long to end are waited for a little longer than that.
    ...(deployment.graceSeconds > 30 ? { stopTimeout: deployment.graceSeconds + 30 } : {}),
  };
}

/** An image with `{version}` in place of its release: in its tag, where that tells it, else as its tag. */
function imagePattern({ image, repository }: DiscoveredPart, version: string): string {
  const tag = image.slice(repository.length).replace(/@.*$/, "");
  return repository + (tag.includes(version) ? tag.replace(version, "{version}") : ":{version}");
}
