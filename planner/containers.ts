import { applyRelease, undoRelease } from "../environment/changes";
import { type DotenvFile, expandedValues } from "../environment/dotenv-file";
import type { Catalogue } from "../releases/release";
import { compareVersions } from "../releases/version";
import type { ContainerPlan } from "./plan";
import type { Goal, ServiceContainer, World } from "./world";

/** Variables of a container. Secret. */
export type Variables = Readonly<Record<string, string>>;

interface Situation {
  readonly world: World;
  readonly goal: Goal;
  readonly from: string;
  readonly to: string;
  /** Whether the services are stopped before. */
  readonly stopped: boolean;
}

/**
 * The containers to declare; null where the services are none, or while what runs is only observed: until the first plan
 * that moves the installation, nothing of it is the stack's.
 */
export function planContainers({ world, goal, from, to, stopped }: Situation): readonly ContainerPlan[] | null {
  const found = world.services.flatMap(({ name, current, container }) =>
    container ? [{ name, current, container }] : [],
  );
  const isOurs = found.some(({ container }) => container.attempt !== null);
  if (found.length === 0 || goal.emptyStack || (from === to && !isOurs)) return null;
  return found.map(({ name, current, container }) => ({
    service: name,
    container: container.name,
    port: container.port,
    image: container.image,
    imageId: container.imageWanted?.id ?? "",
    keeps: current && from === to && !stopped ? container.attempt : null,
    rolls: !stopped,
    after: container.dependsOn,
  }));
}

/**
 * Whether a declared container of the wanted release is of that release's image, whose tag may have been moved; null for
 * one that the stack has not declared, or that is of another release.
 */
export function isAsDeclared(
  { attempt, release, imageId, imageWanted }: ServiceContainer,
  version: string,
): boolean | null {
  return attempt === null || release !== version || imageWanted === null ? null : imageId === imageWanted.id;
}

interface ReleaseFile {
  /** The `.env` of the release that the container is to serve. */
  readonly file: DotenvFile;
  /** The release of the container whose variables are given; null when nothing tells. */
  readonly release: string | null;
  readonly catalogue: Catalogue;
}

/**
 * The variables that a container's successor gets: those that came from `.env` follow it, all others stay.
 *
 * @param own - variables of the container, without those of its image
 */
export function followEnvironment(own: Variables, { file, release, catalogue }: ReleaseFile): Variables {
  const after = expandedValues(file);
  const before = release === null ? after : expandedValues(atRelease(file, release, catalogue));
  const cameFrom = (key: string) => Object.hasOwn(before, key) && before[key] === own[key];
  const kept = Object.entries(own).flatMap(([key, value]): [string, string][] => {
    if (!cameFrom(key)) return [[key, value]];
    return Object.hasOwn(after, key) ? [[key, after[key] ?? ""]] : [];
  });
  // A container that was given the whole file is given its new variables; so is one that had a variable which has gone.
  const hasWhole = Object.keys(before).every((key) => Object.hasOwn(own, key));
  const lost = Object.keys(before).some((key) => cameFrom(key) && !Object.hasOwn(after, key));
  const added = Object.entries(after).filter(([key]) => !Object.hasOwn(before, key));
  return Object.fromEntries([...kept, ...(hasWhole || lost ? added : [])]);
}

/** What an `.env` is, or was, for another release. */
function atRelease(file: DotenvFile, release: string, { releases }: Catalogue): DotenvFile {
  const asOf = ({ version, environment }: (typeof releases)[number]) => ({ version, changes: environment });
  const newer = releases.filter(({ version }) => compareVersions(version, release) > 0).toReversed();
  const older = releases.filter(({ version }) => compareVersions(version, release) <= 0);
  const undone = newer.reduce((text, one) => undoRelease(text, asOf(one)).file, file);
  return older.reduce((text, one) => applyRelease(text, asOf(one)).file, undone);
}
