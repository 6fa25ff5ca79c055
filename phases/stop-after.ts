import type { Plan } from "../planner/plan";
import { closeFailed } from "../postgres/ledger";
import { type Attempt, type StopAfter, withLedger } from "./attempt";
import { describeState } from "./settle";

/** Phases that still run, by where the operator wants to have a look. */
const allowed: Readonly<Record<Exclude<StopAfter, "">, readonly string[]>> = {
  backup: ["Quiesce", "Backup"],
  migrate: ["Quiesce", "Backup", "Restore", "SchemaMigration"],
};

/** Whether a plan is one to stop in: there is nothing to look at where nothing is backed up. */
export function stopsIn(plan: Plan, stopAfter: StopAfter): stopAfter is Exclude<StopAfter, ""> {
  return stopAfter !== "" && plan.backup.required;
}

/** Whether this phase comes after the place at which the operator wants to have a look. */
export function isBeyondStop({ plan, stopAfter }: Attempt, phase: string): boolean {
  return stopsIn(plan, stopAfter) && !allowed[stopAfter].includes(phase);
}

/**
 * Ends an attempt where its operator wants to have a look: nothing is undone.
 *
 * @returns text: how things stand, and how to go on or back
 */
export async function stopHere(attempt: Attempt): Promise<string> {
  const what = `Stopped after '${attempt.stopAfter}', as stopAfter says`;
  const state = await describeState(attempt).catch(
    (error: unknown) => `How things stand could not be read: ${String(error)}`,
  );
  await withLedger(attempt, (client) => closeFailed(client, { attempt: attempt.number, error: what }));
  return [
    `${what}. Nothing was undone.`,
    state,
    "Next, to go on:",
    "  npx octollm config rm stopAfter && npx octollm up",
    ...(attempt.plan.direction === "install"
      ? []
      : [`or to bring OctoLLM ${attempt.plan.from} back:`, "  npx octollm abort"]),
  ].join("\n");
}
