import type { Catalogue, Migration, Release } from "../releases/release";
import { headIndex, isLossless, revisionIndex, stepDown, stepUp, toleratesRevisions } from "./chain";
import type { RevisionStep } from "./plan";

/** The revisions to apply or undo, and what is lost on the way. */
export interface RevisionChoice {
  readonly kind: "steps";
  readonly pre: readonly RevisionStep[];
  readonly post: readonly RevisionStep[];
  /** Where the database stands afterwards. */
  readonly revision: string;
  readonly loses: readonly string[];
}

/** Revisions without a down stand in the way: only a backup of that revision leads back. */
export interface NoWayDown {
  readonly kind: "no-way-down";
  readonly revision: string;
  readonly dead: readonly Migration[];
}

/**
 * The steps from a revision of the chain to the head of a release.
 *
 * Up: everything to the last `pre` revision goes before the new code, only trailing `post` revisions after it.
 * Down: undo all when nothing is lost; else leave the schema when the old code runs on it; else undo with loss; else there
 * is no way but a backup.
 */
export function chooseRevisions(
  revision: string | null,
  to: Release,
  catalogue: Catalogue,
): RevisionChoice | NoWayDown {
  const { chain } = catalogue;
  const here = revisionIndex(catalogue, revision) ?? -1;
  const head = headIndex(catalogue, to.version);
  const target = chain[head]?.revision ?? "";
  if (here <= head)
    return { kind: "steps", ...splitPhases(chain.slice(here + 1, head + 1)), revision: target, loses: [] };

  const surplus = chain.slice(head + 1, here + 1);
  const steps = (loses: readonly string[]): RevisionChoice => {
    return { kind: "steps", pre: surplus.toReversed().map(stepDown), post: [], revision: target, loses };
  };
  if (surplus.every(isLossless)) return steps([]);
  if (toleratesRevisions(to, surplus)) return { kind: "steps", pre: [], post: [], revision: revision ?? "", loses: [] };
  const dead = surplus.filter((migration) => migration.down === null);
  if (dead.length > 0) return { kind: "no-way-down", revision: target, dead };
  return steps(describeLosses(surplus));
}

function splitPhases(pending: readonly Migration[]): Pick<RevisionChoice, "pre" | "post"> {
  const lastPre = pending.findLastIndex((migration) => migration.phase === "pre");
  return { pre: pending.slice(0, lastPre + 1).map(stepUp), post: pending.slice(lastPre + 1).map(stepUp) };
}

/** What going down these revisions loses, a line each. */
export function describeLosses(migrations: readonly Migration[]): string[] {
  return migrations
    .filter((migration) => !isLossless(migration))
    .map(({ revision, title, downLoss }) => `${revision} (${title}): ${downLoss}`);
}
