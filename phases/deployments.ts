import type { DotenvFile } from "../environment/dotenv-file";
import { valuesDigest } from "../environment/values-file";
import { followPlan } from "../planner/environment";
import type { DeploymentPlan, Plan } from "../planner/plan";
import type { ServiceDeployment } from "../planner/world";
import { deployments, isDeployment, runtime } from "../runtimes/driver";
import type { DeploymentFacts } from "../runtimes/kubernetes/facts";
import type { KubernetesObject } from "../runtimes/kubernetes/manifest";
import type { DeploymentSpec } from "../runtimes/runtime";
import { type Activity, type Attempt, PhaseError } from "./attempt";
import { type ClusterEnvironment, clusterOf, placeVariables, readClusterEnvironment } from "./cluster";
import type { Observation } from "./observe";
import { serviceSpecs, type Site } from "./site";
import { dependenciesOf } from "./stop-order";

/** One Deployment as it was looked at. */
export interface ObservedDeployment {
  readonly deployment: ServiceDeployment;
  /** Null when there is none. */
  readonly facts: DeploymentFacts | null;
}

/** The objects that the stack declares. The Secret is secret. */
export interface Manifests {
  readonly configMap: KubernetesObject;
  /** Null where the installation has none. */
  readonly secret: KubernetesObject | null;
  /** By service. */
  readonly deployments: Readonly<Record<string, KubernetesObject>>;
  /** By service; those that have one, or need none, are missing. */
  readonly budgets: Readonly<Record<string, KubernetesObject>>;
  /** Number of the attempt that each Deployment's manifest is of, by service. */
  readonly madeBy: Readonly<Record<string, number>>;
}

/** Looks at the Deployments of a site; touches nothing. @returns by service; empty for a site whose services are none */
export async function observeDeployments(
  site: Site,
  release: string,
  file: DotenvFile,
): Promise<Readonly<Record<string, ObservedDeployment>>> {
  const specs = await deploymentSpecs(site, release);
  const found = await Promise.all(
    specs.map(async (spec): Promise<[string, ObservedDeployment]> => {
      const facts = await deployments().deploymentFacts(spec);
      const deployment: ServiceDeployment = {
        name: spec.deployment,
        exists: facts !== null,
        image: spec.image,
        attempt: facts?.attempt ?? null,
        release: facts?.release ?? null,
        followsVariables: facts?.checksum == null ? null : facts.checksum === valuesDigest(file),
        ownVariables: facts?.ownVariables ?? [],
        paused: facts?.paused ?? false,
        wantsBudget: facts?.wantsBudget ?? false,
        owners: facts?.owners ?? { gitops: null, foreign: [] },
        gap: facts?.gap ?? null,
        dependsOn: dependenciesOf(site.services, spec.name),
      };
      return [spec.name, { deployment, facts }];
    }),
  );
  return Object.fromEntries(found);
}

/** The objects that a plan is going to declare, as far as the look at the installation tells; null when it declares none. */
export async function foreseeManifests(
  site: Site,
  plan: Plan,
  { deployments: found, variables, catalogue, world }: Observation,
): Promise<Manifests | null> {
  const plans = plan.deploy.deployments;
  if (!plans || !variables) return null;
  const { file } = followPlan(world.environment, plan.environment, catalogue);
  const facts = Object.fromEntries(Object.entries(found).map(([service, observed]) => [service, observed.facts]));
  return makeManifests({
    site,
    catalogue,
    specs: await deploymentSpecs(site, plan.to),
    attempt: plan.attempt,
    plans,
    facts,
    file,
    variables,
  });
}

/**
 * Reads the objects that are to change, remembers what they were like, and tells what they are to be. No pod is touched.
 *
 * @throws PhaseError when a Deployment is gone, ClusterError
 */
export async function prepareManifests(
  attempt: Attempt,
  plans: readonly DeploymentPlan[],
  activity: Activity,
): Promise<Manifests> {
  const { site, plan } = attempt;
  const specs = await deploymentSpecs(site, plan.to);
  const variables = await readClusterEnvironment(clusterOf(site));
  const facts: Record<string, DeploymentFacts | null> = {};
  for (const spec of specs) {
    const { service, keeps } = plans.find((each) => each.service === spec.name) ?? {};
    if (service === undefined) continue;
    activity.signal.throwIfAborted();
    if (keeps === null) {
      attempt.progress.touched = true;
      await deployments().rememberBefore(spec, { attempt: attempt.number, release: plan.from });
    }
    facts[service] = await deployments().deploymentFacts(spec);
  }
  return makeManifests({
    site,
    catalogue: attempt.catalogue,
    specs,
    attempt: attempt.number,
    plans,
    facts,
    file: variables.file,
    variables,
  });
}

interface Making extends Pick<Attempt, "site" | "catalogue"> {
  readonly specs: readonly DeploymentSpec[];
  readonly attempt: number;
  readonly plans: readonly DeploymentPlan[];
  readonly facts: Readonly<Record<string, DeploymentFacts | null>>;
  /** The variables as they are going to be, and the objects that they were read from. */
  readonly file: DotenvFile;
  readonly variables: ClusterEnvironment;
}

function makeManifests({ site, catalogue, specs, attempt, plans, facts, file, variables }: Making): Manifests {
  const { deploymentManifest, budgetManifest, configurationManifests } = deployments();
  const checksum = valuesDigest(file);
  const placed = placeVariables(clusterOf(site), variables.configuration, file, catalogue);
  const made = plans.map(({ service, deployment, keeps }) => {
    const [spec, found] = [specs.find(({ name }) => name === service), facts[service]];
    if (!spec || !found)
      throw new PhaseError(
        `There is no Deployment '${deployment}' of service '${service}' any more. Deploy it the way it was deployed before, then run ` +
          `this again.`,
      );
    const by = keeps ?? attempt;
    return {
      service,
      by,
      manifest: deploymentManifest(found, spec, { attempt: by, checksum }),
      budget: budgetManifest(found),
    };
  });
  return {
    ...configurationManifests(variables.configuration, placed),
    deployments: Object.fromEntries(made.map(({ service, manifest }) => [service, manifest])),
    budgets: Object.fromEntries(made.flatMap(({ service, budget }) => (budget === null ? [] : [[service, budget]]))),
    madeBy: Object.fromEntries(made.map(({ service, by }) => [service, by])),
  };
}

/** Waits until a service's new pods serve. @throws ServiceError with the reason and the last words of its container */
export async function awaitDeployment(attempt: Attempt, spec: DeploymentSpec, activity: Activity): Promise<void> {
  attempt.progress.touched = true;
  await runtime.start(spec, activity);
}

/** Gives the Deployments the pods of the release before again, where they were changed since. */
export async function returnDeployments({ site }: Attempt, release: string, activity: Activity): Promise<void> {
  for (const spec of await deploymentSpecs(site, release)) await deployments().returnBefore(spec, release, activity);
}

/** Forgets what the Deployments were like: the new ones are verified. */
export async function forgetDeployments({ site, plan }: Attempt): Promise<void> {
  for (const spec of await deploymentSpecs(site, plan.to)) await deployments().forgetBefore(spec);
}

async function deploymentSpecs(site: Site, release: string): Promise<DeploymentSpec[]> {
  return (await serviceSpecs(site, release)).filter(isDeployment);
}
