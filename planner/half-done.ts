import type { Catalogue, Migration } from "../releases/release";
import { isLossless, stepDown, stepUp } from "./chain";
import type { RevisionStep } from "./plan";
import { describeLosses, type NoWayDown, type RevisionChoice } from "./revisions";
import { chooseWay, inThisWay, type Way } from "./ways";
import type { HalfDone, World } from "./world";

const stoppedHalfWay = "batched: an earlier run stopped half-way, and only batches know which rows are done";

/**
 * What becomes of batches that stopped half-way: the steps to the goal go on with them, or else what they have done is
 * undone first.
 *
 * @param choice - the steps that `alembic_version` asks for, which does not know of batches
 */
export function settleHalfDone(
  choice: RevisionChoice | NoWayDown,
  halfDone: HalfDone | null,
  catalogue: Catalogue,
): RevisionChoice | NoWayDown {
  const migration = catalogue.chain.find(({ revision }) => revision === halfDone?.revision);
  if (!halfDone || !migration || choice.kind === "no-way-down") return choice;
  const [first] = [...choice.pre, ...choice.post];
  if (first?.revision === halfDone.revision && first.direction === halfDone.direction) return choice;
  const isUp = halfDone.direction === "up";
  if (isUp && !migration.downBatched) return { kind: "no-way-down", revision: choice.revision, dead: [migration] };
  const back = isUp ? stepDown(migration) : stepUp(migration);
  const stays = isUp ? migration.downRevision : migration.revision;
  const loses = isUp && !isLossless(migration) ? describeLosses([migration]) : [];
  return {
    ...choice,
    pre: [{ ...back, before: stays, after: stays }, ...choice.pre],
    loses: [...loses, ...choice.loses],
  };
}

/** Whether a step undoes what batches of the other direction had done. */
export function undoesHalfDone({ before, after }: RevisionStep): boolean {
  return before === after;
}

/** How a step is done in this world. */
export function wayOf(step: RevisionStep, migration: Migration, world: Pick<World, "tables" | "halfDone">): Way {
  const way = chooseWay(migration, step.direction, world.tables);
  if (world.halfDone?.revision !== migration.revision) return way;
  return { ...way, name: "batched", why: [stoppedHalfWay] };
}

/** The steps, each in the way that suits the database. */
export function inTheirWays(
  steps: readonly RevisionStep[],
  world: Pick<World, "tables" | "halfDone" | "keptReleases">,
  catalogue: Catalogue,
): RevisionStep[] {
  return steps.map((step) => {
    const migration = catalogue.chain.find(({ revision }) => revision === step.revision);
    if (!migration) return step;
    const done = inThisWay(step, migration, wayOf(step, migration, world));
    if (!world.keptReleases.includes(step.release)) return done;
    return { ...done, why: [...done.why, `from the ledger: the catalogue has no release ${step.release}`] };
  });
}
