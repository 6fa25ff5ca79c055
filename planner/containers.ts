import type { ContainerPlan } from "./plan";
import type { Goal, ServiceContainer, World } from "./world";

/** What is known when it is planned what the stack declares. */
export interface DeploySituation {
  readonly world: World;
  readonly goal: Goal;
  readonly from: string;
  readonly to: string;
  /** Whether the services are stopped before. */
  readonly stopped: boolean;
  /** Whether there is nothing yet that they would follow. */
  readonly installs: boolean;
}

/**
 * The containers to declare; null where the services are none, or while what runs is only observed: until the first plan
 * that moves the installation, nothing of it is the stack's.
 */
export function planContainers({
  world,
  goal,
  from,
  to,
  stopped,
  installs,
}: DeploySituation): readonly ContainerPlan[] | null {
  const found = world.services.flatMap(({ name, current, container }) =>
    container ? [{ name, current, container }] : [],
  );
  // Where all of them have gone, as after 'docker compose down', the state knows whether they were ours.
  const areGone = found.every(({ container }) => container.imageId === "");
  const isOurs = areGone || found.some(({ container }) => container.attempt !== null);
  if (found.length === 0) return null;
  if (!installs && (goal.emptyStack || (from === to && !isOurs))) return null;
  return found.map(({ name, current, container }) => ({
    service: name,
    container: container.name,
    port: container.port,
    image: container.image,
    imageId: container.imageWanted?.id ?? "",
    keeps: current && from === to && !stopped && !installs ? container.attempt : null,
    rolls: !stopped && !installs,
    after: container.dependsOn,
  }));
}

/**
 * Whether a declared container of the wanted release is of that release's image, whose tag may have been moved, and has the
 * variables that its files give it; null for one that the stack has not declared, or that is of another release.
 */
export function isAsDeclared(container: ServiceContainer, version: string): boolean | null {
  const { attempt, release, imageId, imageWanted, followsFiles } = container;
  if (attempt === null || release !== version || imageWanted === null) return null;
  return imageId === imageWanted.id && followsFiles;
}
