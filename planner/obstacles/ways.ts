import type { Catalogue } from "../../releases/release";
import { wayOf } from "../half-done";
import type { Plan } from "../plan";
import type { Refusal } from "../refusals";
import type { World } from "../world";

/** Revisions that none of their ways can do on this database. */
export function judgeWays(
  plan: Pick<Plan, "revisions">,
  world: Pick<World, "tables" | "halfDone">,
  catalogue: Catalogue,
): Refusal[] {
  return [...plan.revisions.pre, ...plan.revisions.post].flatMap((step) => {
    const migration = catalogue.chain.find(({ revision }) => revision === step.revision);
    const fault = migration && wayOf(step, migration, world).fault;
    if (!migration || !fault) return [];
    return [{ path: migration.file, text: `revision '${step.revision}' cannot go ${step.direction}: ${fault}` }];
  });
}
