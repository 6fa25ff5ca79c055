import { findRelease, revisionIndex } from "../planner/chain";
import type { AppliedRevision } from "../postgres/ledger-records";
import { parseCatalogue } from "../releases/catalogue";
import { type CatalogueFiles, readCatalogueFiles, versionsOf } from "../releases/catalogue-files";
import { CatalogueError } from "../releases/errors";
import type { Catalogue } from "../releases/release";

interface Lookup {
  /** The folder's own catalogue. */
  readonly catalogue: Catalogue;
  readonly folder: string;
  /** Where the database is. */
  readonly revisions: readonly string[];
  /** The release that is wanted. */
  readonly version: string;
  readonly kept: CatalogueFiles;
  readonly applied: readonly AppliedRevision[];
}

/**
 * The catalogue with the releases that it lacks and the ledger has kept: for the way back from a release whose files are
 * gone. Only a release of the folder can be gone to, and a revision's file must be the one by which it was applied.
 *
 * @returns the folder's own catalogue when it knows the database's revision, or the ledger cannot help
 */
export async function withKeptReleases(lookup: Lookup): Promise<{ catalogue: Catalogue; kept: readonly string[] }> {
  const { catalogue, folder, revisions, version, kept, applied } = lookup;
  const alone = { catalogue, kept: [] };
  const [revision] = revisions;
  if (revision === undefined || revisionIndex(catalogue, revision) !== undefined || !findRelease(catalogue, version))
    return alone;
  const own = readCatalogueFiles(folder);
  const known = new Set(versionsOf(own));
  const missing = [...kept].filter(([path]) => !known.has(path.split("/")[0] ?? ""));
  const whole = await parseCatalogue(new Map([...own, ...missing])).catch((error: unknown) => {
    if (error instanceof CatalogueError) return null;
    throw error;
  });
  if (!whole || revisionIndex(whole, revision) === undefined || !whole.chain.every(wasAppliedAsIs(applied)))
    return alone;
  return { catalogue: whole, kept: versionsOf(new Map(missing)).sort() };
}

function wasAppliedAsIs(applied: readonly AppliedRevision[]) {
  return ({ revision, checksum }: { revision: string; checksum: string }) =>
    applied.every((row) => row.revision !== revision || row.checksum === checksum);
}
