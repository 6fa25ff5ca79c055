import { ComposeFileError } from "../compose/compose-file";
import { changeCompose } from "../planner/compose";
import { followEnvironment, type ReleaseFiles, type Variables } from "../planner/container-environment";
import { followPlan } from "../planner/environment";
import type { ContainerPlan, Plan } from "../planner/plan";
import type { ServiceContainer } from "../planner/world";
import { readLedger } from "../postgres/ledger";
import type { ContainerDefinition } from "../runtimes/docker/definition";
import type { ContainerFacts } from "../runtimes/docker/facts";
import { containers, isContainer, runtime } from "../runtimes/driver";
import type { ContainerSpec } from "../runtimes/runtime";
import { type Activity, type Attempt, PhaseError, withLedger } from "./attempt";
import { asRead, readCompose } from "./compose";
import { firstContainer } from "./installing";
import { endAnswers } from "./maintenance";
import type { Observation } from "./observe";
import { beginOutage } from "./outage";
import { goalOf, readEnvironment, serviceSpecs, type Site } from "./site";
import { dependenciesOf } from "./stop-order";

/** What a service's new container is made of, besides its image. */
export interface Successor {
  readonly definition: ContainerDefinition;
  /** Secret. Null while only the upgrade itself will tell: after a restore of `.env`. */
  readonly environment: Variables | null;
}

/** One container as it was looked at. */
export interface ObservedContainer {
  readonly container: ServiceContainer;
  /** Null when there is neither the container nor the one of the release before. */
  readonly facts: ContainerFacts | null;
}

/**
 * Looks at the containers of a site, and at the images that a release wants; touches nothing.
 *
 * @param files - as they are
 * @returns by service; empty for a site whose services are no containers
 * @throws EngineError
 */
export async function observeContainers(
  site: Site,
  release: string,
  files: ReleaseFiles,
): Promise<Readonly<Record<string, ObservedContainer>>> {
  const specs = await containerSpecs(site, release);
  const found = await Promise.all(
    specs.map(async (spec): Promise<[string, ObservedContainer]> => {
      const { containerFacts, imageFacts } = containers();
      const [facts, imageWanted] = await Promise.all([containerFacts(spec), imageFacts(spec.engine, spec.image)]);
      const container: ServiceContainer = {
        name: spec.container,
        port: spec.port,
        image: spec.image,
        imageWanted,
        dependsOn: dependenciesOf(site.services, spec.name),
        attempt: facts?.attempt ?? null,
        release: facts?.release ?? null,
        imageId: facts?.imageId ?? "",
        wordless: facts?.wordless ?? [],
        besides: facts?.besides ?? null,
        followsFiles: facts === null || follows(facts, files),
      };
      return [spec.name, { container, facts }];
    }),
  );
  return Object.fromEntries(found);
}

function follows(facts: ContainerFacts, files: ReleaseFiles): boolean {
  try {
    const wanted = followEnvironment(facts, files);
    const has = { ...facts.imageEnvironment, ...facts.environment };
    const isGone = (key: string) => !Object.hasOwn(wanted, key);
    return (
      Object.entries(wanted).every(([key, value]) => has[key] === value) && !Object.keys(facts.environment).some(isGone)
    );
  } catch (error) {
    // The plan tells of such a file.
    if (error instanceof ComposeFileError) return true;
    throw error;
  }
}

async function containerSpecs(site: Site, release: string): Promise<ContainerSpec[]> {
  return (await serviceSpecs(site, release)).filter(isContainer);
}

/** What each declared container would be made of, as far as the look at the installation tells; by service. */
export function foreseeSuccessors(
  site: Site,
  plan: Plan,
  { containers: found, catalogue, world }: Observation,
): Readonly<Record<string, Successor>> {
  const { file: environment } = followPlan(world.environment, plan.environment, catalogue);
  const { compose: around } = world;
  const { composeFile: path = "", images = {} } = goalOf(site, plan.to, false);
  const way = { path, from: plan.environment.since ?? plan.from, to: plan.to, catalogue, images };
  const file = around && changeCompose({ compose: around, environment: world.environment, ...way }).file;
  const files = { environment, compose: around && file ? { file, around } : null, catalogue };
  const known = (plan.deploy.containers ?? []).flatMap(({ service }): [string, Successor][] => {
    if (plan.direction === "install") return [[service, firstContainer(site, service, environment)]];
    const facts = found[service]?.facts;
    if (!facts) return [];
    // A restore brings other files.
    const variables = plan.restore.backup === null ? followEnvironment(facts, files) : null;
    return [[service, { definition: facts.definition, environment: variables }]];
  });
  return Object.fromEntries(known);
}

/**
 * Makes way for a service's new container, and tells what it is to be made of.
 *
 * @param remembered - what the one before was made of, for a container that somebody has removed
 * @throws PhaseError when nothing tells what it is to be made of, EngineError
 */
export async function retireContainer(
  attempt: Attempt,
  plan: ContainerPlan,
  remembered: Successor | null,
  activity: Activity,
): Promise<Successor> {
  const spec = await containerSpec(attempt, plan.service);
  const { containerFacts, retire } = containers();
  const isFirst = attempt.plan.direction === "install";
  const facts = isFirst ? null : await containerFacts(spec);
  const successor = isFirst ? await first(attempt, plan.service) : facts ? await succeed(attempt, facts) : remembered;
  if (successor === null) throw goneForGood(plan);
  attempt.progress.touched = true;
  const { lastSucceeded } = await withLedger(attempt, readLedger);
  const how = { attempt: attempt.number, verified: lastSucceeded?.attempt ?? 0, rolls: plan.rolls };
  if (!isFirst && (spec.port !== 0 || !plan.rolls)) beginOutage(attempt);
  await endAnswers(attempt, spec.port);
  await retire(spec, how, activity);
  return successor;
}

/** Nothing tells what a container was like that is gone, unless this stack has made it. */
export function goneForGood({ service, container }: Pick<ContainerPlan, "service" | "container">): PhaseError {
  return new PhaseError(
    `There is no container '${container}' of service '${service}', and this stack has not made it, so that nothing tells ` +
      `what it was like. Start it the way it was started before (docker compose up -d ${service}), then run this again.`,
  );
}

/** Nobody has missed it so far. */
async function first({ site }: Attempt, service: string): Promise<Successor> {
  const { file } = await readEnvironment(site);
  return firstContainer(site, service, file);
}

async function succeed({ site, catalogue }: Attempt, facts: ContainerFacts): Promise<Successor> {
  const { file: environment } = await readEnvironment(site);
  const read = await readCompose(site, environment);
  const files = { environment, compose: asRead(read), catalogue };
  return { definition: facts.definition, environment: followEnvironment(facts, files) };
}

/**
 * Waits until a service's new container serves, then stops the one that it follows.
 *
 * @throws ServiceError with the reason and the container's last words
 */
export async function awaitContainer(spec: ContainerSpec, activity: Activity): Promise<void> {
  await runtime.start(spec, activity);
  await containers().stopRetired(spec, activity);
}

/** Gives the containers of the release before their names again. */
export async function returnContainers(attempt: Attempt, release: string, activity: Activity): Promise<void> {
  for (const spec of await containerSpecs(attempt.site, release)) await containers().returnRetired(spec, activity);
}

/** The services whose containers of a release have been replaced, and are not kept any more. */
export async function servicesReplacedForGood(site: Site, release: string): Promise<string[]> {
  const names: string[] = [];
  for (const spec of await containerSpecs(site, release))
    if (await containers().isReplacedForGood(spec)) names.push(spec.name);
  return names;
}

/** Removes the containers of the release before: the new ones are verified. Where none was declared, none was put away. */
export async function removeRetiredContainers({ site, plan }: Attempt, activity: Activity): Promise<void> {
  const declared = new Set((plan.deploy.containers ?? []).map(({ service }) => service));
  for (const spec of await containerSpecs(site, plan.to))
    if (declared.has(spec.name)) await containers().removeRetired(spec, activity);
}

async function containerSpec({ site, plan }: Attempt, service: string): Promise<ContainerSpec> {
  const spec = (await containerSpecs(site, plan.to)).find(({ name }) => name === service);
  if (!spec) throw new PhaseError(`The settings have no service '${service}'.`);
  return spec;
}
