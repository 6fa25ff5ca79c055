import {
  begin,
  type DatabasePin,
  describeRefusals,
  judgePin,
  type Look,
  look,
  pinOf,
  plannedBy,
  type Request,
} from "../../phases/preflight";
import { describeLosses } from "../../phases/restore-losses";
import { describePruning } from "../../phases/retention";
import { readAddress, type Site } from "../../phases/site";
import { type Acceptances, closedGates } from "../../planner/gates";
import type { Plan } from "../../planner/plan";
import { row, summarise } from "../../planner/summary";
import { hasUnknown, type Properties } from "../codec";
import { type Change, changesBetween } from "../diff";
import type { Session } from "../session";
import { type Application, type Call, type Checked, type ResourceHandler, stackOf } from "./resource";

/** Version of the outputs in the state, for later versions of this program. */
const schemaVersion = 1;

/** Inputs that let something pass, or that the plan answers for: of themselves they never make a change. */
const gateKeys = ["acceptBreaking", "reviewedPlan", "acceptLoss", "restoreFrom"];

/** The only resource that looks at the world to plan; its outputs hold the plan that all others follow. */
export function preflightHandler(): ResourceHandler {
  // What `check` saw is what `diff` and the preview of this very run tell; `up` itself looks again, under the lock.
  let seen: Look | null = null;
  return {
    check: async (call, inputs, old) => {
      if (hasUnknown(inputs)) return { inputs, faults: [] };
      seen = null;
      const checked = await check(call, inputs, old);
      seen = checked.look;
      return checked;
    },
    diff: async (call, inputs, old) => {
      seen ??= await look(requestOf(inputs, call.session, false));
      return diff(inputs, old, seen);
    },
    apply: async (call, application) => {
      if (!application.preview) return start(call, application);
      seen ??= await look(requestOf(application.inputs, call.session, application.old === null));
      return preview(call, application.inputs, seen);
    },
    forget: (call, state) => {
      call.log.info(farewell(state));
      return Promise.resolve();
    },
  };
}

function requestOf(inputs: Properties, { databaseUrl }: Session, emptyStack: boolean): Request {
  const restoreFrom = typeof inputs.restoreFrom === "string" ? inputs.restoreFrom : "";
  return { site: inputs.settings as Site, version: String(inputs.version), restoreFrom, emptyStack, databaseUrl };
}

function acceptancesOf(inputs: Properties): Acceptances {
  const text = (key: string) => (typeof inputs[key] === "string" ? inputs[key] : "");
  return { acceptBreaking: text("acceptBreaking"), reviewedPlan: text("reviewedPlan"), acceptLoss: text("acceptLoss") };
}

async function check(call: Call, inputs: Properties, old: Properties | null): Promise<Checked & { look: Look | null }> {
  try {
    const now = await look(requestOf(inputs, call.session, old === null));
    const pin = (old?.pin as DatabasePin | undefined) ?? pinOf(now.observation);
    const refusals = [
      ...judgePin(pin, now.observation),
      ...(now.outcome.kind === "refused" ? now.outcome.reasons : []),
    ];
    const faults = refusals.map((refusal) => ({ property: "", reason: describeRefusals([refusal]) }));
    return { inputs: { ...inputs, pin }, faults, look: now };
  } catch (error) {
    return {
      inputs,
      faults: [{ property: "", reason: error instanceof Error ? error.message : String(error) }],
      look: null,
    };
  }
}

function diff(inputs: Properties, old: Properties, { outcome }: Look): Change[] {
  const own = Object.fromEntries(
    Object.keys(inputs)
      .filter((key) => !gateKeys.includes(key))
      .map((key) => [key, inputs[key]]),
  );
  const before = Object.fromEntries(Object.keys(own).map((key) => [key, old[key]]));
  const changes = changesBetween(before, own);
  const settled = outcome.kind === "plan" && outcome.settled;
  return changes.length === 0 && settled ? [] : [...changes, { path: "plan", kind: "update" }];
}

async function preview({ log }: Call, inputs: Properties, now: Look): Promise<Properties> {
  const plan = plannedBy(now);
  for (const line of summarise(plan)) log.info(line);
  const { address, observation } = now;
  const losses = await describeLosses(plan, { site: inputs.settings as Site, address, database: observation.database });
  for (const line of losses.flatMap((text) => row("loses", text))) log.info(line);
  for (const line of estimates(plan, now)) log.info(line);
  const pruned = await describePruning(inputs.settings as Site, observation.ledger);
  for (const line of pruned.flatMap((text) => row("prunes", text))) log.info(line);
  const gates = closedGates(plan, acceptancesOf(inputs), now.observation.world.openAttempt);
  for (const gate of gates) log.warning(`'up' will refuse this. ${describeRefusals([gate])}`);
  return outputs(inputs, plan, now);
}

async function start(call: Call, { inputs, old }: Application): Promise<Properties> {
  const { session } = call;
  const request = requestOf(inputs, session, old === null);
  const address = await readAddress(request.site, request.databaseUrl);
  await session.lock(address, stackOf(call), request.restoreFrom !== "");
  const { attempt, seen } = await begin(request, stackOf(call), acceptancesOf(inputs));
  session.open(attempt);
  return outputs(inputs, attempt.plan, seen);
}

function outputs(inputs: Properties, plan: Plan, { observation }: Look): Properties {
  const { serverVersion } = observation.database;
  return { ...inputs, plan, serverVersion, schemaVersion };
}

/** Sizes of what the pending SQL touches: they move by themselves, so they are told and not kept. */
function estimates(plan: Plan, { observation }: Look): string[] {
  const steps = [...plan.revisions.pre, ...plan.revisions.post];
  const touched = new Set(steps.flatMap((step) => step.locks.map((line) => line.split(":")[0] ?? "")));
  return observation.database.relations
    .filter((relation) => touched.has(relation.name) || touched.has(`${relation.schema}.${relation.name}`))
    .flatMap(({ name, estimatedRows, bytes }) => {
      const rows =
        estimatedRows === null ? "rows unknown (never analyzed)" : `~${estimatedRows.toLocaleString("en")} rows`;
      return row("touches", `${name}: ${rows}, ~${(bytes / 1e6).toFixed(1)} MB with indexes`);
    });
}

function farewell(state: Properties): string {
  const { installation, backup } = (state.settings ?? {}) as Partial<Site>;
  return (
    `The stack forgets the installation in '${installation ?? "?"}'. Its database, its files and the backups in ` +
    `'${backup?.folder ?? "?"}' stay as they are; to take it over again: octollm adopt`
  );
}
