import { makePlan } from "../planner/make-plan";
import type { Plan } from "../planner/plan";
import { closeFailed } from "../postgres/ledger";
import { endStarters } from "../runtimes/local/starters";
import { type Activity, type Attempt, inStory, withLedger } from "./attempt";
import { backUp } from "./backup";
import { returnContainers, servicesReplacedForGood } from "./containers";
import { returnDeployments } from "./deployments";
import { changeEnvironmentFile } from "./environment";
import { mendIndexes } from "./indexes";
import { migrate } from "./migrate";
import { observe } from "./observe";
import { quiesce } from "./quiesce";
import { resume } from "./resume";
import { goalOf } from "./site";

/**
 * After a failure: brings the old release back where that loses nothing, closes the attempt, and tells how things stand.
 *
 * @param attempt - the attempt that failed
 * @param failure - what its operator is told; goes into the ledger
 * @returns text: what runs, which revision, which backup, and the next command
 */
export async function settle(attempt: Attempt, failure: string, activity: Activity): Promise<string> {
  const undone = await undo(attempt, activity);
  const state = await describeState(attempt).catch(
    (error: unknown) => `How things stand could not be read: ${text(error)}`,
  );
  await withLedger(attempt, (client) => closeFailed(client, { attempt: attempt.number, error: failure })).catch(
    () => undefined,
  );
  return [undone, state, ...nextCommands(attempt)].join("\n");
}

/**
 * The same when no phase was under way: a command of the deployment may be, and is ended first.
 */
export async function settleBetweenPhases(attempt: Attempt, failure: string, activity: Activity): Promise<string> {
  await endStarters(attempt.number);
  return settle(attempt, failure, activity);
}

async function undo(attempt: Attempt, activity: Activity): Promise<string> {
  const { plan, site, progress } = attempt;
  if (!progress.touched) return "Nothing was touched.";
  if (progress.restored) return `Nothing was undone: backup ${plan.restore.backup ?? ""} is in the database's place.`;
  if (plan.direction === "install") return "Nothing was undone: nothing was there before, and what is done stays.";
  if (site.onFailure === "leave") return "Nothing was undone, as onFailure says.";
  try {
    activity.signal.throwIfAborted();
    const way = await planBack(attempt);
    if (typeof way === "string") return way;
    const gone = await servicesReplacedForGood(site, plan.from);
    if (gone.length > 0)
      return `It was not undone: no container of OctoLLM ${plan.from} is left of ${gone.join(", ")}, and only 'up' makes one.`;
    activity.progress(`going back to OctoLLM ${plan.from}`);
    const remarks = await inStory(attempt, "Way back", () => execute({ ...attempt, plan: way }, activity));
    return [`It was undone: OctoLLM ${plan.from} serves again.`, ...remarks].join("\n");
  } catch (error) {
    return `It could not be undone: ${text(error)}`;
  }
}

/** The plan back to the release before, or why there is none that loses nothing. */
async function planBack({ site, address, catalogue, plan }: Attempt): Promise<Plan | string> {
  const { world } = await observe({ site, version: plan.from, databaseUrl: "" }, { address, catalogue });
  const outcome = makePlan(world, goalOf(site, plan.from, false), catalogue);
  if (outcome.kind === "refused")
    return `It was not undone: ${outcome.reasons.map((reason) => reason.text).join("; ")}`;
  if (outcome.plan.loss.id !== null)
    return `It was not undone, because that loses data: ${outcome.plan.loss.kinds.join("; ")}`;
  return outcome.plan;
}

/** Does a plan that leads back: the phases of an upgrade, without the engine. @returns remarks on indexes */
export async function execute(attempt: Attempt, activity: Activity): Promise<string[]> {
  const { plan } = attempt;
  const steps = [...plan.revisions.pre, ...plan.revisions.post];
  await quiesce(attempt, plan.stops.services, activity);
  // The new release may have served and written: what is undone now has to be in a backup first.
  if (steps.length > 0) await backUp(attempt, activity);
  await migrate(attempt, steps, activity);
  const remarks = await mendIndexes(attempt, activity);
  await changeEnvironmentFile(attempt, plan.environment);
  await returnContainers(attempt, plan.to, activity);
  await returnDeployments(attempt, plan.to, activity);
  await resume(attempt, plan.from, activity);
  return remarks;
}

/** What runs, which revision, and which backup. */
export async function describeState({ site, address, catalogue, plan, progress }: Attempt): Promise<string> {
  const { world } = await observe({ site, version: plan.from, databaseUrl: "" }, { address, catalogue });
  const services = world.services.map(
    ({ name, running, release }) => `${name} ${running ? (release ?? "runs") : "stopped"}`,
  );
  const backup = progress.backup ? `backup ${progress.backup.path}` : "no backup was made";
  return `Now: ${services.join(", ")}; database '${world.database}' at revision ${world.revisions.join(", ") || "none"}; ${backup}.`;
}

function nextCommands({ plan }: Attempt): string[] {
  const again = ["Next, once the cause is removed:", "  npx octollm up"];
  if (plan.direction === "install") return again;
  return [
    ...again,
    `or stay with OctoLLM ${plan.from}:`,
    `  npx octollm config set version ${plan.from} && npx octollm up`,
  ];
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
