import { hazards } from "../postgres/hazards/table";
import type { Plan, RevisionStep } from "./plan";
import type { Refusal } from "./refusals";
import { describeWindow, isWithin, localTime, type Window } from "./window";
import type { OpenAttempt } from "./world";

/** What an operator has agreed to, by name; an empty string agrees to nothing. None of these makes a change. */
export interface Acceptances {
  readonly acceptBreaking: string;
  readonly reviewedPlan: string;
  readonly acceptLoss: string;
  /** Hazards that may be done anywhere. */
  readonly allowHazards: readonly string[];
  /** When an upgrade may begin; always when absent. */
  readonly window?: Window;
  /** Id of a plan that may begin at any time. */
  readonly windowOverride?: string;
}

/** What the gates look at besides plan and acceptances. */
export interface Moment {
  readonly open: OpenAttempt | null;
  /** Whether that attempt has left something half done: not all of the release before serves as it was. */
  readonly halfDone: boolean;
  readonly now: Date;
}

/** How a thing is accepted by name: the setting or option, and what to type. */
export interface Acceptance {
  readonly path: (key: keyof Acceptances) => string;
  /** @param index - of a list's new entry */
  readonly command: (key: keyof Acceptances, value: string, index?: number) => string;
}

const bySetting: Acceptance = {
  path: (key) => `octollm:${key}`,
  command: (key, value, index) =>
    index === undefined
      ? `octollm config set ${key} ${value}`
      : `octollm config set --path '${key}[${index}]' ${value}`,
};

/** The gates that are still closed: warnings in preview, refusals in `up`, before anything is touched. */
export function closedGates(plan: Plan, accepted: Acceptances, moment: Moment): Refusal[] {
  return [
    ...judgeBreaking(plan, accepted, bySetting),
    ...judgeReview(plan, accepted, moment.open),
    ...judgeLoss(plan, accepted, bySetting),
    ...judgeHazards([...plan.revisions.pre, ...plan.revisions.post], accepted, bySetting),
    ...judgeWindow(plan, accepted, moment),
  ];
}

/** Whether clients are ready for what the way up breaks. */
export function judgeBreaking(
  plan: Pick<Plan, "direction" | "path" | "breaks" | "to">,
  { acceptBreaking }: Acceptances,
  how: Acceptance,
): Refusal[] {
  const breaking = plan.direction === "up" ? plan.path.filter((line) => line.endsWith(" breaking")) : [];
  if (breaking.length === 0 || acceptBreaking === plan.to) return [];
  return [
    {
      path: how.path("acceptBreaking"),
      text:
        `${breaking.map((line) => line.split(" ")[0]).join(" and ")} ${breaking.length > 1 ? "break" : "breaks"} clients (${plan.breaks.join("; ")}). ` +
        `When they are ready for it: ${how.command("acceptBreaking", plan.to)}`,
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

/** Whether what is lost is accepted. */
export function judgeLoss({ loss }: Pick<Plan, "loss">, { acceptLoss }: Acceptances, how: Acceptance): Refusal[] {
  if (loss.id === null || acceptLoss === loss.id) return [];
  return [
    {
      path: how.path("acceptLoss"),
      text: `this loses data: ${loss.kinds.join("; ")}. To accept that: ${how.command("acceptLoss", loss.id)}`,
    },
  ];
}

/** One refusal for each hazard of each statement that neither its file nor the operator allows. */
export function judgeHazards(
  steps: readonly RevisionStep[],
  { allowHazards }: Acceptances,
  how: Acceptance,
): Refusal[] {
  const found = steps.flatMap((step) => step.hazards);
  const open = found.filter(({ hazard, waived }) => waived === null && !allowHazards.includes(hazard));
  const names = [...new Set(open.map(({ hazard }) => hazard))];
  return open.map(({ hazard, place, relation }) => {
    const { why, instead } = hazards[hazard];
    const about = relation === null ? "" : ` (${relation})`;
    const allowed = how.command("allowHazards", hazard, allowHazards.length + names.indexOf(hazard));
    return {
      path: place,
      text:
        `${hazard}${about}: ${why}\n` +
        `  instead: ${instead}\n` +
        `  to have it done as it is: write '-- allow: ${hazard}: <reason>' before the statement, or\n` +
        `  ${allowed}`,
    };
  });
}

/**
 * A window says when an upgrade may begin, not when it has to end. What is half done is never left so because a window has
 * closed: the rest of an attempt passes, and so does its way back.
 */
function judgeWindow(plan: Plan, { window, windowOverride }: Acceptances, { open, halfDone, now }: Moment): Refusal[] {
  if (!window || isWithin(window, now) || windowOverride === plan.id) return [];
  if (["adopt", "install"].includes(plan.direction) || changesNothing(plan)) return [];
  if (open && (plan.to === open.from || (plan.to === open.to && halfDone))) return [];
  return [
    {
      path: "octollm:window",
      text:
        `an upgrade may begin ${describeWindow(window)}, and it is ${localTime(window, now)} there. To begin all the same: ` +
        `octollm config set windowOverride ${plan.id}`,
    },
  ];
}
