import type { DeploySituation } from "./containers";
import type { DeploymentPlan } from "./plan";
import type { ServiceDeployment } from "./world";

/**
 * The Deployments to declare; null where the services are none, or while what runs is only observed: until the first plan
 * that moves the installation, nothing of it is the stack's.
 */
export function planDeployments({
  world,
  goal,
  from,
  to,
  stopped,
}: Omit<DeploySituation, "installs">): readonly DeploymentPlan[] | null {
  const found = world.services.flatMap(({ name, current, deployment }) =>
    deployment ? [{ name, current, deployment }] : [],
  );
  const isOurs = found.some(({ deployment }) => deployment.attempt !== null);
  if (found.length === 0 || goal.emptyStack || (from === to && !isOurs)) return null;
  return found.map(({ name, current, deployment }, index) => {
    // While one rolls the next one waits: what is wrong with a release shows before it is everywhere.
    const before = stopped ? [] : found.slice(Math.max(0, index - 1), index).map((earlier) => earlier.name);
    return {
      service: name,
      deployment: deployment.name,
      image: deployment.image,
      keeps: current && from === to && !stopped ? deployment.attempt : null,
      rolls: !stopped,
      gap: stopped ? null : deployment.gap,
      budget: deployment.wantsBudget,
      after: [...new Set([...deployment.dependsOn, ...before])],
    };
  });
}

/**
 * Whether a declared Deployment of the wanted release has the variables that ConfigMap and Secret hold now; null for one that
 * the stack has not declared, or that is of another release. False, too, for one whose pods still answer as the wanted release
 * while its template is of another, as after `kubectl rollout undo`.
 *
 * @param said - the release that its pods say they are
 */
export function followsAsDeclared(
  { attempt, release, followsVariables }: ServiceDeployment,
  version: string,
  said: string | null,
): boolean | null {
  if (attempt === null || release === null) return null;
  if (release === version) return followsVariables;
  return said === version ? false : null;
}
