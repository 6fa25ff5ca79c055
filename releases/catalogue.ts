import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { loadParser, SqlSyntaxError } from "../postgres/statements";
import { type CatalogueFault, CatalogueError } from "./errors";
import { parseMigrationFile } from "./migration-file";
import type { Catalogue, Migration, Release } from "./release";
import { parseReleaseFile } from "./release-file";
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
  await loadParser();
  const versions = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && /^\d/.test(entry.name))
    .map((entry) => entry.name)
    .sort(compareVersions);
  if (versions.length === 0) throw new CatalogueError([{ file: folder, reason: "holds no release" }]);
  const faults: CatalogueFault[] = [];
  const collect = <T>(read: () => T): T[] => {
    try {
      return [read()];
    } catch (error) {
      if (error instanceof CatalogueError) faults.push(...error.faults);
      else if (error instanceof SqlSyntaxError) faults.push({ file: error.file, line: error.line, reason: error.reason });
      else throw error;
      return [];
    }
  };
  const releases = versions.flatMap((version) => collect(() => readRelease(folder, version, collect)));
  if (faults.length > 0) throw new CatalogueError(faults);
  return { releases, chain: collectChain(releases) };
}

type Collect = <T>(read: () => T) => T[];

function readRelease(folder: string, version: string, collect: Collect): Release {
  const file = `${version}/release.yaml`;
  const header = parseReleaseFile(readFileSync(join(folder, file), "utf8"), file);
  if (header.version !== version)
    throw new CatalogueError([{ file, line: 1, reason: `says version '${header.version}' in the folder of '${version}'` }]);
  const migrations = readdirSync(join(folder, version, "migrations"))
    .filter((name) => name.endsWith(".sql"))
    .map((name) => `${version}/migrations/${name}`)
    .flatMap((path) => collect(() => parseMigrationFile(readFileSync(join(folder, path), "utf8"), path, version)));
  return { ...header, migrations };
}

/** Orders the revisions of all releases, which must form one chain without a fork, older releases first. */
function collectChain(releases: readonly Release[]): Migration[] {
  const left = releases.flatMap((release) => release.migrations);
  const chain: Migration[] = [];
  const faults: CatalogueFault[] = [];
  for (const release of releases) {
    for (let next = take(left, chain.at(-1)?.revision ?? null, release.version); next; ) {
      chain.push(next);
      next = take(left, next.revision, release.version);
    }
    faults.push(...judgeNeededRevision(release, chain));
  }
  for (const { file, revision, downRevision } of left)
    faults.push({ file, line: 2, reason: `revision '${revision}' does not follow the chain: down_revision is '${downRevision}'` });
  if (faults.length > 0) throw new CatalogueError(faults);
  return chain;
}

/** A release's code needs the chain up to its last `pre` revision; only `post` revisions may come after it. */
function judgeNeededRevision(release: Release, chain: readonly Migration[]): CatalogueFault[] {
  const fault = (reason: string) => [{ file: `${release.version}/release.yaml`, reason }];
  const needed = chain.findIndex((migration) => migration.revision === release.revision);
  if (needed < 0) return fault(`needs revision '${release.revision}', which is not in the chain up to this release`);
  const later = chain.slice(needed + 1).find((migration) => migration.phase === "pre");
  return later ? fault(`needs revision '${release.revision}', but '${later.revision}' after it is a 'pre' revision`) : [];
}

function take(left: Migration[], downRevision: string | null, release: string): Migration | undefined {
  const index = left.findIndex((migration) => migration.downRevision === downRevision && migration.release === release);
  return index < 0 ? undefined : left.splice(index, 1)[0];
}
