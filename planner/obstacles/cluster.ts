import type { Catalogue, EnvironmentChange } from "../../releases/release";
import { findRelease } from "../chain";
import type { Plan } from "../plan";
import type { Refusal } from "../refusals";
import type { Goal, ObjectOwners, ServiceFacts, World } from "../world";

/** What the cluster would refuse half-way, or put back behind our back. */
export function judgeCluster(plan: Plan, world: World, goal: Goal, catalogue: Catalogue): Refusal[] {
  const { cluster, services } = world;
  if (!cluster) return [];
  const changesVariables = plan.environment.lines.length > 0;
  return [
    ...judgeRights(cluster),
    ...cluster.variables.flatMap(({ name, immutable, owners }) => [
      ...(immutable && changesVariables ? [refuseImmutable(name)] : []),
      ...(changesVariables ? judgeOwners(name, owners, goal) : []),
    ]),
    ...services.flatMap((service) => judgeDeployment(service, plan, goal, catalogue)),
  ];
}

function judgeRights({ name, missingRights }: NonNullable<World["cluster"]>): Refusal[] {
  if (missingRights.length === 0) return [];
  const text =
    `in ${name} these rights are missing, without which the upgrade would stop half-way: ${missingRights.join(", ")}. ` +
    `docs/kubernetes-role.yaml grants what is needed; its first lines say how`;
  return [{ path: "octollm:kubernetes", text }];
}

function refuseImmutable(name: string): Refusal {
  return {
    path: "octollm:kubernetes",
    text: `${name} is immutable, and the upgrade has to change it. Put one with another name in its place that is not, and name it in the settings`,
  };
}

function judgeOwners(name: string, { gitops, foreign }: ObjectOwners, { forceConflicts }: Goal): Refusal[] {
  const path = "octollm:kubernetes";
  if (gitops !== null) {
    const text =
      `${name} belongs to ${gitops}, which would put it back as its repository has it while the upgrade is under way. ` +
      `Take it out of that tool's care first, or upgrade there`;
    return [{ path, text }];
  }
  if (foreign.length === 0 || forceConflicts) return [];
  const text =
    `${name} has fields that the upgrade changes and that another field manager owns: ${foreign.join("; ")}. Ask whoever that is, ` +
    `or take them over: octollm config set --path kubernetes.forceConflicts true`;
  return [{ path, text }];
}

function judgeDeployment({ name, deployment }: ServiceFacts, plan: Plan, goal: Goal, catalogue: Catalogue): Refusal[] {
  if (!deployment) return [];
  const path = `octollm:services.${name}`;
  if (!deployment.exists)
    return [
      {
        path,
        text: `there is no Deployment '${deployment.name}'. Correct the service's settings, or deploy it the way it was deployed before`,
      },
    ];
  const changed = (plan.deploy.deployments ?? []).some(({ service, keeps }) => service === name && keeps === null);
  if (!changed) return [];
  const faults = deployment.paused
    ? [
        `Deployment '${deployment.name}' is paused, and would not roll: kubectl rollout resume deployment ${deployment.name}`,
      ]
    : [];
  const own = deployment.ownVariables.filter((key) => changedKeys(plan, catalogue).has(key));
  if (own.length > 0)
    faults.push(
      `Deployment '${deployment.name}' names ${own.join(", ")} itself, in its containers' 'env', and the upgrade changes what these are. ` +
        `Move them to the ConfigMap or the Secret that it takes as a whole by 'envFrom'`,
    );
  return [
    ...faults.map((text) => ({ path, text })),
    ...judgeOwners(`Deployment '${deployment.name}'`, deployment.owners, goal),
  ];
}

/** The variables that the plan takes away or gives another meaning. */
function changedKeys({ environment: { undo, apply } }: Plan, catalogue: Catalogue): Set<string> {
  const changes = (versions: readonly string[]) =>
    versions.flatMap((version) => findRelease(catalogue, version)?.environment ?? []);
  return new Set([...changes(apply).flatMap(goingKeys), ...changes(undo).flatMap(comingKeys)]);
}

const goingKeys = (change: EnvironmentChange) =>
  change.kind === "add" || change.kind === "require" ? [] : [change.key];
const comingKeys = (change: EnvironmentChange) =>
  change.kind === "rename" ? [change.to] : change.kind === "url-path" ? [change.key] : [];
