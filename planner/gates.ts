import { hazards } from "../postgres/hazards/table";
import type { Plan } from "./plan";
import type { Refusal } from "./refusals";
import type { OpenAttempt } from "./world";

/** What an operator has agreed to, by name; an empty string agrees to nothing. None of these makes a change. */
export interface Acceptances {
  readonly acceptBreaking: string;
  readonly reviewedPlan: string;
  readonly acceptLoss: string;
  /** Hazards that may be done anywhere. */
  readonly allowHazards: readonly string[];
}

/** The gates that are still closed: warnings in preview, refusals in `up`, before anything is touched. */
export function closedGates(plan: Plan, accepted: Acceptances, open: OpenAttempt | null): Refusal[] {
  return [
    ...judgeBreaking(plan, accepted),
    ...judgeReview(plan, accepted, open),
    ...judgeLoss(plan, accepted),
    ...judgeHazards(plan, accepted),
  ];
}

function judgeBreaking(plan: Plan, { acceptBreaking }: Acceptances): Refusal[] {
  const breaking = plan.direction === "up" ? plan.path.filter((line) => line.endsWith(" breaking")) : [];
  if (breaking.length === 0 || acceptBreaking === plan.to) return [];
  return [
    {
      path: "octollm:acceptBreaking",
      text:
        `${breaking.map((line) => line.split(" ")[0]).join(" and ")} ${breaking.length > 1 ? "break" : "breaks"} clients (${plan.breaks.join("; ")}). ` +
        `When they are ready for it: octollm config set acceptBreaking ${plan.to}`,
    },
  ];
}

/**
 * The rest of an attempt whose plan was reviewed has another id, because part of it is done; it passes, and so does the
 * way back from that attempt: nobody should have to wait for a review with the services down.
 */
function judgeReview(plan: Plan, { reviewedPlan }: Acceptances, open: OpenAttempt | null): Refusal[] {
  if (reviewedPlan === "" || reviewedPlan === plan.id || changesNothing(plan)) return [];
  const continues = open && (open.planId === reviewedPlan || open.reviewedPlan === reviewedPlan);
  if (continues && (plan.to === open.to || plan.to === open.from)) return [];
  return [
    {
      path: "octollm:reviewedPlan",
      text:
        `the plan is ${plan.id}, but ${reviewedPlan} was reviewed: the world or the settings have changed since. Look at ` +
        `the preview again, then: octollm config set reviewedPlan ${plan.id}`,
    },
  ];
}

/** Neither schema nor `.env` nor release: a review of the last upgrade has nothing to say about that. */
function changesNothing({ from, to, restore, revisions, environment }: Plan): boolean {
  return (
    from === to &&
    restore.backup === null &&
    revisions.pre.length + revisions.post.length + environment.lines.length === 0
  );
}

function judgeLoss({ loss }: Plan, { acceptLoss }: Acceptances): Refusal[] {
  if (loss.id === null || acceptLoss === loss.id) return [];
  return [
    {
      path: "octollm:acceptLoss",
      text: `this loses data: ${loss.kinds.join("; ")}. To accept that: octollm config set acceptLoss ${loss.id}`,
    },
  ];
}

/** One refusal for each hazard of each statement that neither its file nor the operator allows. */
function judgeHazards({ revisions }: Plan, { allowHazards }: Acceptances): Refusal[] {
  const found = [...revisions.pre, ...revisions.post].flatMap((step) => step.hazards);
  const open = found.filter(({ hazard, waived }) => waived === null && !allowHazards.includes(hazard));
  const names = [...new Set(open.map(({ hazard }) => hazard))];
  return open.map(({ hazard, place, relation }) => {
    const { why, instead } = hazards[hazard];
    const about = relation === null ? "" : ` (${relation})`;
    const key = `allowHazards[${allowHazards.length + names.indexOf(hazard)}]`;
    return {
      path: place,
      text:
        `${hazard}${about}: ${why}. Instead: ${instead}. To have it done all the same: the comment ` +
        `'-- allow: ${hazard}: <reason>' before the statement, or octollm config set --path '${key}' ${hazard}`,
    };
  });
}
