import type { Catalogue, Release } from "../releases/release";
import { undoesHalfDone } from "./half-done";
import type { RevisionStep, StopPlan } from "./plan";
import type { Goal } from "./world";

interface Situation {
  readonly steps: readonly RevisionStep[];
  readonly goal: Goal;
  readonly from: Release;
  readonly catalogue: Catalogue;
}

/** Which services stop before the backup, and why: all of them or none, in the reverse of the starting order. */
export function planStops({ steps, goal, from, catalogue }: Situation): StopPlan {
  const reasons = stopReasons(steps, from, catalogue);
  if (reasons.length === 0)
    return {
      services: [],
      reasons: [steps.length > 0 ? "every revision lets the running release go on" : "no revision is pending"],
    };
  return { services: goal.services.map((service) => service.name).toReversed(), reasons };
}

/**
 * Why nobody may be at work while these steps are done; empty when all may go on.
 *
 * @param from - the release that serves, where that is known
 */
export function stopReasons(steps: readonly RevisionStep[], from: Release | undefined, catalogue: Catalogue): string[] {
  return steps.flatMap((step) => reasonsOf(step, from, catalogue));
}

function reasonsOf(step: RevisionStep, from: Release | undefined, catalogue: Catalogue): string[] {
  if (step.direction === "down") return [`${step.revision}: a revision is undone only with the services stopped`];
  if (undoesHalfDone(step)) return [`${step.revision}: its rows are half-way between two forms`];
  const migration = catalogue.chain.find(({ revision }) => revision === step.revision);
  return [
    ...(migration?.writers === "stopped" ? [`${step.revision}: its data change needs the writers stopped`] : []),
    ...(migration?.previousCode === "breaks"
      ? [
          `${step.revision}: ${from ? `OctoLLM ${from.version}` : "the release before"} does not run on the schema after it`,
        ]
      : []),
    ...(from?.strictHead ? [`${step.revision}: OctoLLM ${from.version} insists on its own revision`] : []),
  ];
}
