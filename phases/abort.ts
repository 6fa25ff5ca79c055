import { hostname } from "node:os";

import type { Acceptances } from "../planner/gates";
import type { Plan } from "../planner/plan";
import { closeFailed } from "../postgres/ledger";
import { acquireUpgradeLock } from "../postgres/lock";
import { type Activity, type Attempt, inLedger, PhaseError, withLedger } from "./attempt";
import { complete } from "./complete";
import { observe } from "./observe";
import { begin, look, plannedBy, type Request } from "./preflight";
import { describeState, execute } from "./settle";
import { readAddress } from "./site";
import { type Ears, tellBeginning, tellEnd } from "./story";

/** What is to be aborted: the settings of a stack, whatever version they ask for. */
export type AbortRequest = Omit<Request, "emptyStack" | "stopAfter" | "restoreFrom">;

/**
 * The plan that brings an unfinished attempt's old release back; touches nothing.
 *
 * @returns null when there is no unfinished attempt
 * @throws PhaseError with everything that stands in the way
 */
export async function planAbort(request: AbortRequest): Promise<Plan | null> {
  const back = await requestBack(request);
  return back && refuseRestore(plannedBy(await look(back)));
}

/** A restore replaces the database, and shows what it loses before: that is for preview and up. */
function refuseRestore(plan: Plan): Plan {
  if (plan.restore.backup === null) return plan;
  throw new PhaseError(
    `Only a restore of backup ${plan.restore.backup} leads back to OctoLLM ${plan.to}, and 'abort' makes none. Nothing was touched. ` +
      `See what it loses, then do it:\n  npx octollm config set version ${plan.to} && npx octollm preview`,
  );
}

async function requestBack(request: AbortRequest): Promise<Request | null> {
  const { world } = await observe(request);
  if (!world.openAttempt) return null;
  if (world.openAttempt.installs)
    throw new PhaseError(
      `Attempt ${world.openAttempt.attempt} was to install OctoLLM ${world.openAttempt.to} where there was none: nothing leads back. ` +
        "Nothing was touched. To have it ended: npx octollm up",
    );
  return { ...request, version: world.openAttempt.from, restoreFrom: "", emptyStack: false, stopAfter: "" };
}

/**
 * Brings the old release of an unfinished attempt back, as an `up` that fails does: services stopped, a backup, revisions
 * undone, `.env` restored, the old release started. It is an attempt of its own in the ledger.
 *
 * @param stack - name of the stack, for the ledger and the lock
 * @returns text: how things stand
 * @throws UpgradeLockedError while somebody else upgrades, PhaseError when a gate is closed; nothing was touched then
 */
export async function abort(
  request: AbortRequest,
  stack: string,
  accepted: Acceptances,
  activity: Activity,
): Promise<string> {
  const address = await readAddress(request.site, request.databaseUrl);
  const lock = await acquireUpgradeLock(address, { holder: { stack, host: hostname(), pid: process.pid } });
  try {
    const back = await requestBack(request);
    if (!back) return "There is no unfinished attempt. Nothing was touched.";
    refuseRestore(plannedBy(await look(back)));
    const { attempt, seen } = await begin(back, stack, accepted);
    await tellBeginning(attempt, seen.observation.ledger, earsOf(activity));
    const signal = AbortSignal.any([activity.signal, lock.lost]);
    return await bringBack(attempt, { ...activity, signal });
  } finally {
    await lock.release();
  }
}

/** Somebody waits at a terminal: all that is told is a line. */
function earsOf({ progress }: Activity): Ears {
  return { say: progress, warn: progress };
}

async function bringBack(attempt: Attempt, activity: Activity): Promise<string> {
  try {
    await inLedger(attempt, "Abort", () => execute(attempt, activity));
    await complete(attempt, activity);
    await tellEnd(attempt, { kind: "succeeded" }, earsOf(activity));
    return `OctoLLM ${attempt.plan.to} serves again.\n${await describeState(attempt)}`;
  } catch (error) {
    const failure = `The abort failed: ${error instanceof Error ? error.message : String(error)}`;
    await withLedger(attempt, (client) => closeFailed(client, { attempt: attempt.number, error: failure })).catch(
      () => undefined,
    );
    const state = await describeState(attempt).catch(() => "How things stand could not be read.");
    const text = `${failure}\n${state}\nOnce the cause is removed:\n  npx octollm abort`;
    await tellEnd(attempt, { kind: "failed", text }, earsOf(activity));
    throw new Error(text, { cause: error });
  }
}
