import { serviceUrl } from "../address";
import { type Activity, type DeploymentSpec, type Runtime, ServiceError, type ServiceState } from "../runtime";
import { serverTime } from "./client";
import { ClusterError } from "./errors";
import { forwardTo } from "./forward";
import { scanLog } from "./log";
import { lookAt } from "./look";
import { readDeployment, releaseOf } from "./read";
import { awaitRollout } from "./rollout";
import { scaleDown, scaleUp } from "./scale";

/** Services as Deployments of a Kubernetes cluster. What a Deployment is made of, the deployment's resources alone say. */
export const deploymentRuntime: Runtime<DeploymentSpec> = {
  inspect: async (spec) => (await lookAt(spec)).state,
  start,
  stop,
  urlOf,
  // Nothing tells how a pod would reach this machine, and most reach it not at all.
  hostSeenBy: () => Promise.resolve(null),
  // Logs are written by the cluster's clocks.
  markLog: ({ cluster }) => serverTime(cluster),
  scanLog,
};

/** By a forwarded port; null when this user may not forward one, or no pod can be reached. */
async function urlOf({ cluster, deployment, podContainer, port }: DeploymentSpec): Promise<string | null> {
  if (port === 0) return null;
  try {
    return serviceUrl({ port: await forwardTo(cluster, { deployment, podContainer }, port) }, "");
  } catch (error) {
    if (error instanceof ClusterError) return null;
    throw error;
  }
}

/**
 * Makes sure that the service serves its release: a Deployment that was scaled to 0 gets the replicas that it had, and then
 * its pods are waited for.
 *
 * @throws ServiceError when there is no Deployment of the release, or its pods do not get ready
 * @throws ClusterError
 */
async function start(spec: DeploymentSpec, activity: Activity = {}): Promise<ServiceState> {
  const deployment = await readDeployment(spec);
  const release = deployment && releaseOf(deployment, spec.podContainer);
  if (deployment === null || (release ?? spec.release) !== spec.release)
    throw new ServiceError(
      spec.name,
      deployment === null
        ? `namespace '${spec.cluster.namespace}' has no Deployment '${spec.deployment}'. Apply it again, then run it again.`
        : `Deployment '${spec.deployment}' is of ${release}, not of ${spec.release}. 'npx octollm up' brings it to ${spec.image}.`,
    );
  await scaleUp(spec, deployment, activity);
  return awaitRollout(spec, activity);
}

/**
 * Makes sure that the service does not run: its Deployment is scaled to 0, and its pods are gone.
 *
 * @throws ServiceError that names the pods that stay, ClusterError
 */
async function stop(spec: DeploymentSpec, activity: Activity = {}): Promise<ServiceState> {
  const deployment = await readDeployment(spec);
  if (deployment !== null) await scaleDown(spec, deployment, activity);
  return (await lookAt(spec)).state;
}
