import type { ComposeFile } from "../compose/compose-file";
import { type EnvironmentSources, serviceEnvironment } from "../compose/service-environment";
import { applyRelease, undoRelease } from "../environment/changes";
import { type DotenvFile, expandedValues } from "../environment/dotenv-file";
import type { Catalogue } from "../releases/release";
import { compareVersions } from "../releases/version";
import type { ComposeWorld } from "./world";

/** Variables of a container. Secret. */
export type Variables = Readonly<Record<string, string>>;

/** The files of the release that a container is to serve. */
export interface ReleaseFiles {
  readonly environment: DotenvFile;
  /** The compose file, and what was read beside it; null where there is none. */
  readonly compose: { readonly file: ComposeFile; readonly around: ComposeWorld } | null;
  readonly catalogue: Catalogue;
}

/** The container whose successor gets variables. */
export interface Predecessor {
  /** Its variables, without those of its image. */
  readonly environment: Variables;
  /** The release that it was made for; null when nothing tells. */
  readonly release: string | null;
  /** Its name in the compose file; null for one that compose has not made. */
  readonly composeService: string | null;
}

/**
 * The variables that a container's successor gets. Where a compose file has the service, they are what compose would give
 * it, and what somebody gave it besides; else those that came from `.env` follow it, and all others stay.
 *
 * @throws ComposeFileError when the service cannot be read
 */
export function followEnvironment(container: Predecessor, files: ReleaseFiles): Variables {
  const { compose, environment } = files;
  const { composeService } = container;
  if (compose === null || composeService === null || !compose.file.serviceNames().includes(composeService))
    return followDotenv(container, files);
  const given = serviceEnvironment(compose.file, composeService, sourcesOf(compose.around, environment));
  const known = new Set([...knownKeys(files.catalogue), ...environment.keys()]);
  const before = container.release === null ? [] : atRelease(environment, container.release, files.catalogue).keys();
  for (const key of before) known.add(key);
  const besides = Object.entries(container.environment).filter(([key]) => !given.has(key) && !known.has(key));
  // A name without a value takes the image's variable away, which the provider has no word for.
  const values = [...given].flatMap(([key, { value }]): [string, string][] => (value === null ? [] : [[key, value]]));
  return Object.fromEntries([...besides, ...values]);
}

/** What a compose file's services read besides it, with an `.env` as it is or will be. */
export function sourcesOf({ files, environmentPaths }: ComposeWorld, environment: DotenvFile): EnvironmentSources {
  const own = environmentPaths.map((path) => [path, environment] as const);
  return { values: expandedValues(environment), files: new Map([...files, ...own]) };
}

/** Every variable that any release adds, renames or gives up. */
function knownKeys({ releases }: Catalogue): string[] {
  return releases.flatMap(({ environment }) =>
    environment.flatMap((change) => (change.kind === "rename" ? [change.key, change.to] : [change.key])),
  );
}

function followDotenv({ environment: own, release }: Predecessor, { environment, catalogue }: ReleaseFiles): Variables {
  const after = expandedValues(environment);
  const before = release === null ? after : expandedValues(atRelease(environment, release, catalogue));
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
