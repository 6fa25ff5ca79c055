import { askHealth, type HealthAnswer, isHealthy } from "../health";
import type { DeploymentSpec, ServiceState } from "../runtime";
import { ClusterError } from "./errors";
import { forwardTo } from "./forward";
import { attemptOf, type DeploymentParts, isAlive, isReady, readParts, releaseOf } from "./read";
import { judgeRollout, type Rollout } from "./trouble";

const answerMilliseconds = 5_000;

/** Everything that one look at a service's Deployment finds. */
export interface DeploymentLook {
  /** Null when there is no such Deployment. */
  readonly parts: DeploymentParts | null;
  readonly rollout: Rollout | null;
  readonly state: ServiceState;
}

/** Looks at a service's Deployment, its pods and health, and touches nothing. @throws ClusterError */
export async function lookAt(spec: DeploymentSpec): Promise<DeploymentLook> {
  const parts = await readParts(spec);
  const rollout = parts && judgeRollout(parts);
  return { parts, rollout, state: await stateOf(spec, parts, rollout) };
}

async function stateOf(
  spec: DeploymentSpec,
  parts: DeploymentParts | null,
  rollout: Rollout | null,
): Promise<ServiceState> {
  const none = {
    running: false,
    healthy: false,
    pid: null,
    release: null,
    startedByUs: false,
    asSpecified: null,
    obstructed: null,
  };
  if (parts === null || rollout === null)
    return { ...none, detail: `there is no Deployment '${spec.deployment}' in namespace '${spec.cluster.namespace}'` };
  const { deployment, pods } = parts;
  const alive = pods.filter(isAlive);
  const ready = pods.filter(isReady);
  const answer = ready.length > 0 && spec.port !== 0 ? await askPod(spec) : null;
  const healthy = ready.length > 0 && (answer === null || isHealthy(answer));
  const [startedAt] = ready.flatMap(({ status }) => status?.startTime ?? []).toSorted();
  return {
    ...none,
    running: alive.length > 0,
    healthy,
    release: answer?.version ?? releaseOf(deployment, spec.podContainer),
    startedByUs: attemptOf(deployment) !== null,
    ...(startedAt === undefined ? {} : { startedAt }),
    detail: `Deployment '${spec.deployment}' ${describe(spec, parts, { rollout, answer })}`,
  };
}

/** The service's answer through a forwarded port; null when this user may not forward one: then the pods' readiness counts. */
async function askPod({
  cluster,
  deployment,
  podContainer,
  port,
  health,
}: DeploymentSpec): Promise<HealthAnswer | null> {
  try {
    const local = await forwardTo(cluster, { deployment, podContainer }, port);
    return await askHealth(local, health, answerMilliseconds);
  } catch (error) {
    if (error instanceof ClusterError) return null;
    throw error;
  }
}

interface Found {
  readonly rollout: Rollout;
  readonly answer: HealthAnswer | null;
}

function describe(
  { port, health }: DeploymentSpec,
  { deployment, pods }: DeploymentParts,
  { rollout, answer }: Found,
): string {
  const alive = pods.filter(isAlive);
  if (deployment.spec.replicas === 0)
    return alive.length === 0 ? "is scaled to 0" : `is scaled to 0, and ${alive.length} of its pods are still ending`;
  const trouble = rollout.trouble ? `: ${rollout.trouble.text}` : "";
  const words = answer === null || isHealthy(answer) ? "" : `; port ${port} ${answer.text} at ${health}`;
  return `has ${rollout.detail}${trouble}${words}`;
}
