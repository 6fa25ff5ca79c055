import { databaseAddress } from "../environment/database-address";
import { describeVariables, readClusterEnvironment } from "../phases/cluster";
import type { ClusterSettings } from "../phases/site";
import { deployments as deploymentDriver } from "../runtimes/driver";
import { askHealth, isHealthy } from "../runtimes/health";
import type { DiscoveredService } from "../runtimes/kubernetes/discover";
import type { ClusterPlace } from "../runtimes/runtime";
import type { FoundInstallation } from "./adopt";
import { commonRelease, knownServices } from "./adopt-services";
import {
  type AskedDeployment,
  chooseDeployments,
  chooseSources,
  type FoundDeployment,
  likelyPorts,
  type SearchedPlace,
  serviceOfHost,
  settingsOf,
  type VariableSources,
} from "./found-deployments";

const usualHealth = "/health";

/** What the operator says of the cluster. */
export interface ClusterWords extends Partial<VariableSources> {
  /** Empty for the one that kubectl uses. */
  readonly kubeconfig: string;
  /** Empty for the kubeconfig's current one. */
  readonly context: string;
  readonly namespace: string;
}

/**
 * Finds the Deployments of an OctoLLM, and touches nothing.
 *
 * @param named - `<deployment>` or `<deployment>/<container>` by service, in place of those that are found
 * @throws Error that says what was not found, or is ambiguous; ClusterError
 */
export async function findDeployments(
  words: ClusterWords,
  named: Readonly<Record<string, string>>,
): Promise<FoundInstallation> {
  const there = await deploymentDriver().discoverDeployments(words);
  // Whoever chooses another context later must not upgrade another cluster.
  const place: ClusterPlace = { kubeconfig: words.kubeconfig, context: there.context, namespace: words.namespace };
  const searched = searchedPlace(place);
  await refuseWithoutRights(place, searched);
  const found = chooseDeployments(await knownServices(Object.keys(named)), named, there, searched);
  const cluster: ClusterSettings = { ...place, ...chooseSources(found, words, searched), forceConflicts: false };
  const asked = await Promise.all(found.map((one) => askDeployment(place, one, there.services)));
  const version = commonRelease("Deployments", asked, true);
  const service = await databaseService(cluster, there.services);
  const { kubeconfig, context, namespace, configMap, secret } = cluster;
  return {
    version,
    where: searched.name,
    settings: {
      kubernetes: { ...(kubeconfig === "" ? {} : { kubeconfig }), context, namespace, configMap, secret },
      ...(service === null ? {} : { database: { service } }),
      services: asked.map((one) => settingsOf(one, version)),
    },
    lines: [...asked.map(describe), `variables in ${describeVariables(cluster)}`],
  };
}

function searchedPlace({ kubeconfig, context, namespace }: ClusterPlace): SearchedPlace {
  const config = kubeconfig === "" ? "" : ` --kubeconfig ${kubeconfig}`;
  return {
    name: `namespace '${namespace}' of context '${context}'`,
    kubectl: `kubectl${config} --context ${context} -n ${namespace}`,
    adopt: `octollm adopt --target kubernetes${config} --context ${context} --namespace ${namespace}`,
  };
}

/** Without rights to look, services would seem to be silent. @throws Error that names what this user lacks, ClusterError */
async function refuseWithoutRights(place: ClusterPlace, { name }: SearchedPlace): Promise<void> {
  const { missingRights } = await deploymentDriver().clusterFacts(place, { forwards: true });
  if (missingRights.length === 0) return;
  throw new Error(
    `In ${name} this user may not do what adopting and upgrading need: ${missingRights.join(", ")}. Nothing was written. ` +
      `docs/kubernetes-role.yaml is the least Role; have it granted, then adopt.`,
  );
}

/** Asks a service's pods on the ports that it may have. */
async function askDeployment(
  place: ClusterPlace,
  found: FoundDeployment,
  services: readonly DiscoveredService[],
): Promise<AskedDeployment> {
  const { deployment, part } = found;
  const pods = { deployment: deployment.name, podContainer: part.name };
  for (const port of likelyPorts(found, services)) {
    const health = part.probe?.port === port ? part.probe.path : usualHealth;
    const answer = await askHealth(await deploymentDriver().forwardTo(place, pods, port), health);
    if (isHealthy(answer)) return { ...found, port, health, release: answer.version ?? part.release };
  }
  return { ...found, port: 0, health: usualHealth, release: part.release };
}

/** The database's Service; null for a database that is reached by its address. */
async function databaseService(
  cluster: ClusterSettings,
  services: readonly DiscoveredService[],
): Promise<string | null> {
  const { file } = await readClusterEnvironment(cluster);
  const { host } = databaseAddress(file, { key: "DATABASE_URL", path: describeVariables(cluster) });
  return serviceOfHost(host, cluster.namespace, services);
}

function describe({ name, deployment, port }: AskedDeployment): string {
  const pods = `${deployment.replicas} pod${deployment.replicas === 1 ? "" : "s"}`;
  return `${name}: Deployment ${deployment.name}, ${pods}, ${port === 0 ? "no port that answers" : `port ${port}`}`;
}
