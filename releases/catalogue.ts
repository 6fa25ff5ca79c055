import { loadParser, SqlSyntaxError } from "../postgres/statements";
import { type CatalogueFiles, readCatalogueFiles, versionsOf } from "./catalogue-files";
import { CatalogueError, type CatalogueFault } from "./errors";
import { parseMigrationFile } from "./migration-file";
import type { Catalogue, Migration, Release } from "./release";
import { parseReleaseFile, type ReleaseHeader } from "./release-file";
import { compareVersions } from "./version";

/** The catalogue that comes with this program. */
export const ownCatalogue = __dirname;

/**
 * Reads and checks all releases of a folder.
 *
 * @param folder - holds one folder per version
 * @returns the releases, oldest first, and their revisions as one chain
 * @throws CatalogueError with file, line and reason of every fault
 */
export async function loadCatalogue(folder: string = ownCatalogue): Promise<Catalogue> {
  const files = readCatalogueFiles(folder);
  if (files.size === 0) throw new CatalogueError([{ file: folder, reason: "holds no release" }]);
  return parseCatalogue(files);
}

/**
 * Checks all releases of some files, wherever these come from.
 *
 * @throws CatalogueError with file, line and reason of every fault
 */
export async function parseCatalogue(files: CatalogueFiles): Promise<Catalogue> {
  await loadParser();
  const faults: CatalogueFault[] = [];
  const collect = <T>(read: () => T): T[] => {
    try {
      return [read()];
    } catch (error) {
      if (error instanceof CatalogueError) faults.push(...error.faults);
      else if (error instanceof SqlSyntaxError)
        faults.push({ file: error.file, line: error.line, reason: error.reason });
      else throw error;
      return [];
    }
  };
  const releases = versionsOf(files)
    .sort(compareVersions)
    .flatMap((version) => readRelease(files, version, collect));
  if (faults.length > 0) throw new CatalogueError(faults);
  return { releases, chain: collectChain(releases, (file, key) => lineOf(files.get(file), key)) };
}

type Collect = <T>(read: () => T) => T[];

/** The migrations are read even when `release.yaml` is broken: all faults are listed at once. */
function readRelease(files: CatalogueFiles, version: string, collect: Collect): Release[] {
  const migrations = [...files]
    .filter(([path]) => path.startsWith(`${version}/migrations/`))
    .flatMap(([path, text]) => collect(() => parseMigrationFile(text, path, version)));
  return collect(() => ({ ...readHeader(files, version), migrations }));
}

function readHeader(files: CatalogueFiles, version: string): ReleaseHeader {
  const file = `${version}/release.yaml`;
  const text = files.get(file);
  if (text === undefined) throw new CatalogueError([{ file, reason: "is missing" }]);
  const header = parseReleaseFile(text, file);
  if (header.version === version) return header;
  const reason = `says version '${header.version}' in the folder of '${version}'`;
  throw new CatalogueError([{ file, line: lineOf(text, "version"), reason }]);
}

/** The line on which a file's key stands, in YAML or as a header comment. */
function lineOf(text: string | undefined, key: string): number {
  const lines = (text ?? "").split("\n");
  return lines.findIndex((line) => line.replace(/^-- /, "").startsWith(`${key}:`)) + 1;
}

type LineOf = (file: string, key: string) => number;

/** Orders the revisions of all releases, which must form one chain without a fork, older releases first. */
function collectChain(releases: readonly Release[], line: LineOf): Migration[] {
  const left = releases.flatMap((release) => release.migrations);
  const chain: Migration[] = [];
  const faults = judgeDuplicates(left, line);
  if (faults.length > 0) throw new CatalogueError(faults);
  for (const release of releases) {
    for (let next = take(left, chain.at(-1)?.revision ?? null, release.version); next;) {
      chain.push(next);
      next = take(left, next.revision, release.version);
    }
    faults.push(...judgeNeededRevision(release, chain, line));
  }
  for (const { file, revision, downRevision } of left) {
    const reason = `revision '${revision}' does not follow the chain: down_revision is '${downRevision ?? "none"}'`;
    faults.push({ file, line: line(file, "down_revision"), reason });
  }
  if (faults.length > 0) throw new CatalogueError(faults);
  return chain;
}

function judgeDuplicates(migrations: readonly Migration[], line: LineOf): CatalogueFault[] {
  return migrations.flatMap(({ file, revision }, index) => {
    const first = migrations.findIndex((other) => other.revision === revision);
    if (first === index) return [];
    return [
      {
        file,
        line: line(file, "revision"),
        reason: `revision '${revision}' is that of ${migrations[first]?.file} too`,
      },
    ];
  });
}

/** A release's code needs the chain up to its last `pre` revision; only `post` revisions may come after it. */
function judgeNeededRevision(release: Release, chain: readonly Migration[], line: LineOf): CatalogueFault[] {
  const file = `${release.version}/release.yaml`;
  const fault = (reason: string) => [{ file, line: line(file, "revision"), reason }];
  const needed = chain.findIndex((migration) => migration.revision === release.revision);
  if (needed < 0) return fault(`needs revision '${release.revision}', which is not in the chain up to this release`);
  const later = chain.slice(needed + 1).find((migration) => migration.phase === "pre");
  return later
    ? fault(`needs revision '${release.revision}', but '${later.revision}' after it is a 'pre' revision`)
    : [];
}

function take(left: Migration[], downRevision: string | null, release: string): Migration | undefined {
  const index = left.findIndex((migration) => migration.downRevision === downRevision && migration.release === release);
  return index < 0 ? undefined : left.splice(index, 1)[0];
}
