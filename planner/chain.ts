import type { Catalogue, Migration, Release, Script } from "../releases/release";
import { compareVersions } from "../releases/version";
import type { RevisionStep } from "./plan";

/** The release of that version, if the catalogue has it. */
export function findRelease(catalogue: Catalogue, version: string): Release | undefined {
  return catalogue.releases.find((release) => release.version === version);
}

/** Releases after `from` up to and including `to`, oldest first. */
export function releasesBetween(catalogue: Catalogue, from: string, to: string): readonly Release[] {
  return catalogue.releases.filter(
    ({ version }) => compareVersions(version, from) > 0 && compareVersions(version, to) <= 0,
  );
}

/** Place in the chain of the last revision that the release of that version brings or inherits; -1 for none. */
export function headIndex(catalogue: Catalogue, version: string): number {
  return catalogue.chain.findLastIndex((migration) => compareVersions(migration.release, version) <= 0);
}

/** Place of a revision in the chain; -1 for the empty database, undefined for a foreign one. */
export function revisionIndex(catalogue: Catalogue, revision: string | null): number | undefined {
  if (revision === null) return -1;
  const index = catalogue.chain.findIndex((migration) => migration.revision === revision);
  return index < 0 ? undefined : index;
}

/** Every revision of the chain up to where the database is; null when it is nowhere in the chain. */
export function standingRevisions(catalogue: Catalogue, revisions: readonly string[]): string[] | null {
  const here = revisions.length > 1 ? undefined : revisionIndex(catalogue, revisions[0] ?? null);
  return here === undefined ? null : catalogue.chain.slice(0, here + 1).map(({ revision }) => revision);
}

/** Whether the release's code also works on a schema that has these later revisions. */
export function toleratesRevisions(release: Release, later: readonly Migration[]): boolean {
  return later.every((migration) => migration.previousCode === "runs") && (later.length === 0 || !release.strictHead);
}

/** Whether going down this revision loses nothing that going up again would not bring back. */
export function isLossless(migration: Migration): boolean {
  return migration.downClass === "exact" || migration.downClass === "kept";
}

/** The step that applies a revision. */
export function stepUp(migration: Migration): RevisionStep {
  return {
    ...describeStep(migration),
    direction: "up",
    before: migration.downRevision,
    after: migration.revision,
    why: [],
    line: migration.up.firstLine,
    sql: migration.up.sql,
    undo: migration.down?.sql ?? null,
  };
}

/** The script of a step: the section that it runs. */
export function scriptOf({ direction, transaction }: RevisionStep, migration: Migration): Script | null {
  const batched = direction === "up" ? migration.upBatched : migration.downBatched;
  return transaction === "batched" ? batched : migration[direction];
}

/** The step that undoes a revision that has a down section. */
export function stepDown(migration: Migration): RevisionStep {
  if (!migration.down) throw new Error(`revision '${migration.revision}' has no down`);
  return {
    ...describeStep(migration),
    direction: "down",
    before: migration.revision,
    after: migration.downRevision,
    why: [],
    line: migration.down.firstLine,
    sql: migration.down.sql,
    undo: migration.up.sql,
  };
}

function describeStep({ revision, title, release, file, transaction, checksum }: Migration) {
  // What the statements do depends on the world, and on who is stopped: the whole plan is looked at for that.
  return { revision, title, release, file, transaction, checksum, facts: [], hazards: [] };
}
