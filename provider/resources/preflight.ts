import { join } from "node:path";

import type { StopAfter } from "../../phases/attempt";
import { foreseeSuccessors } from "../../phases/containers";
import { foreseeManifests } from "../../phases/deployments";
import { describeDownLosses } from "../../phases/down-losses";
import { describeEstimates } from "../../phases/estimates";
import { describeRefusals, WorldFault } from "../../phases/faults";
import { momentOf } from "../../phases/moment";
import {
  begin,
  type DatabasePin,
  judgePin,
  type Look,
  look,
  pinOf,
  plannedBy,
  type Request,
} from "../../phases/preflight";
import { describeRehearsals } from "../../phases/rehearsed";
import { describeLosses } from "../../phases/restore-losses";
import { describePruning } from "../../phases/retention";
import { readAddress, type Site, sitePath } from "../../phases/site";
import { stopsIn } from "../../phases/stop-after";
import { judgeLateStores } from "../../phases/stores-refusals";
import { tellBeginning } from "../../phases/story";
import { describeDrift } from "../../planner/drift";
import { type Acceptances, closedGates } from "../../planner/gates";
import { type Installation, installationAfter, installationNow } from "../../planner/installation";
import type { Plan } from "../../planner/plan";
import type { Refusal } from "../../planner/refusals";
import { row, summarise } from "../../planner/summary";
import type { Window } from "../../planner/window";
import type { ReportSettings } from "../../report/write";
import { settingDefaults } from "../../settings";
import { hasUnknown, type Properties } from "../codec";
import { type Change, changesBetween } from "../diff";
import type { CompletedAttempt, Session } from "../session";
import { reportPreview } from "./preview-report";
import {
  type Application,
  type Call,
  type Checked,
  earsOf,
  type Fault,
  type ResourceHandler,
  stackOf,
} from "./resource";

/** Version of the outputs in the state, for later versions of this program. */
const schemaVersion = 1;

/** Inputs that let something pass, or stop it, or that the plan answers for: of themselves they never make a change. */
const gateKeys = [
  ...["acceptBreaking", "reviewedPlan", "acceptLoss", "allowHazards", "stopAfter", "restoreFrom"],
  ...["window", "windowOverride", "report", "notify"],
];

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
      if (checked.refusals.length > 0) await reportPreview(call, String(inputs.version), seen, checked);
      return checked;
    },
    diff: async (call, inputs, old, state) => {
      refuseNewer(state);
      seen ??= await look(requestOf(inputs, call.session, false));
      for (const line of describeDrift(seen.observation.world)) call.log.warning(line);
      const changes = diff(inputs, old, seen);
      if (changes.length === 0) await reportPreview(call, String(inputs.version), seen);
      return changes;
    },
    apply: async (call, application) => {
      if (!application.preview) return start(call, application);
      seen ??= await look(requestOf(application.inputs, call.session, application.old === null));
      return preview(call, application.inputs, seen);
    },
    read: async (call, state) => {
      const { observation } = await look(requestOf(state, call.session, false));
      return { installation: installationNow(observation.world) };
    },
    forget: (call, state) => {
      call.log.info(farewell(state));
      return Promise.resolve();
    },
  };
}

function refuseNewer(state: Properties): void {
  if (Number(state.schemaVersion ?? 0) <= schemaVersion) return;
  throw new Error(
    `The state was written by a newer version of this program (its outputs have version ${String(state.schemaVersion)}, this ` +
      `program knows ${schemaVersion}). Nothing was touched. Use the newer program.`,
  );
}

function requestOf(inputs: Properties, { databaseUrl, announcer }: Session, emptyStack: boolean): Request {
  // A state of an earlier version of this program has neither.
  const stopAfter = (inputs.stopAfter ?? "") as StopAfter;
  const restoreFrom = typeof inputs.restoreFrom === "string" ? inputs.restoreFrom : "";
  const version = String(inputs.version);
  const telling = { report: (inputs.report as ReportSettings | undefined) ?? null, announcer };
  return { site: siteIn(inputs), version, restoreFrom, emptyStack, databaseUrl, stopAfter, telling };
}

/** The site of inputs or a state. What a state of an earlier version of this program does not tell has its default. */
function siteIn({ settings }: Properties): Site {
  const defaults = settingDefaults();
  const groups = Object.entries(settings as Record<string, unknown>).map(([key, value]) => {
    const all = defaults[key];
    return [key, isGroup(value) && isGroup(all) ? { ...all, ...value } : value];
  });
  return Object.fromEntries(groups) as Site;
}

function isGroup(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function acceptancesOf(inputs: Properties): Acceptances {
  const text = (key: string) => (typeof inputs[key] === "string" ? inputs[key] : "");
  // A state of an earlier version of this program allows none.
  const allowHazards = Array.isArray(inputs.allowHazards) ? inputs.allowHazards.map(String) : [];
  return {
    acceptBreaking: text("acceptBreaking"),
    reviewedPlan: text("reviewedPlan"),
    acceptLoss: text("acceptLoss"),
    allowHazards,
    ...(inputs.window === undefined ? {} : { window: inputs.window as Window }),
    windowOverride: text("windowOverride"),
  };
}

interface Seen extends Checked {
  readonly look: Look | null;
  readonly refusals: readonly Refusal[];
}

async function check(call: Call, inputs: Properties, old: Properties | null): Promise<Seen> {
  try {
    const now = await look(requestOf(inputs, call.session, old === null));
    call.session.completed = completedOf(now, inputs.settings as Site);
    const pin = (old?.pin as DatabasePin | undefined) ?? pinOf(now.observation);
    const refusals = [
      ...judgePin(pin, now.observation),
      ...judgeLateStores(old && siteIn(old), siteIn(inputs)),
      ...(now.outcome.kind === "refused" ? now.outcome.reasons : []),
    ];
    const installation = installationWanted(now) ?? old?.installation;
    return { inputs: { ...inputs, pin, installation }, faults: refusals.map(asFault), look: now, refusals };
  } catch (error) {
    if (!(error instanceof WorldFault)) throw error;
    const { refusals } = error;
    return { inputs, faults: refusals.map(asFault), look: null, refusals };
  }
}

function completedOf({ observation }: Look, site: Site): CompletedAttempt | null {
  const { lastSucceeded: last } = observation.ledger;
  if (last === null) return null;
  const backup = last.backupId === null ? null : join(sitePath(site, site.backup.folder), last.backupId);
  return { number: last.attempt, backup };
}

/** An input, so that previews and `refresh` show by name and value what is to change, or was changed by somebody. */
function installationWanted({ outcome, observation }: Look): Installation | null {
  if (outcome.kind === "refused") return null;
  return installationAfter(outcome.plan, observation.world, observation.catalogue);
}

function asFault(refusal: Refusal): Fault {
  return { property: "", reason: describeRefusals([refusal]) };
}

function diff(inputs: Properties, old: Properties, { outcome }: Look): Change[] {
  // A state of an earlier version of this program does not tell what the installation is to be like.
  const isTold = (key: string) => key !== "installation" || old.installation !== undefined;
  const compared = Object.keys(inputs).filter((key) => !gateKeys.includes(key) && isTold(key));
  const own = Object.fromEntries(compared.map((key) => [key, inputs[key]]));
  const before = Object.fromEntries(Object.keys(own).map((key) => [key, old[key]]));
  if (isGroup(before.settings)) before.settings = siteIn(before);
  const changes = changesBetween(before, own);
  const settled = outcome.kind === "plan" && outcome.settled;
  return changes.length === 0 && settled ? [] : [...changes, { path: "plan", kind: "update" }];
}

async function preview(call: Call, inputs: Properties, now: Look): Promise<Properties> {
  const { log } = call;
  const plan = plannedBy(now);
  call.session.successors = foreseeSuccessors(inputs.settings as Site, plan, now.observation);
  call.session.manifests = await foreseeManifests(inputs.settings as Site, plan, now.observation);
  for (const line of summarise(plan)) log.info(line);
  for (const line of plan.environment.compose?.left ?? []) log.warning(`Left for you: ${line}`);
  const estimates = await estimate(inputs.settings as Site, plan, now);
  for (const line of estimates) log.info(line);
  const gates = closedGates(plan, acceptancesOf(inputs), momentOf(now.observation));
  const { stopAfter } = inputs as { stopAfter?: StopAfter };
  if (stopsIn(plan, stopAfter ?? "")) log.info(row("ends", `after '${stopAfter}', as stopAfter says`).join("\n"));
  for (const gate of gates) log.warning(`'up' will refuse this. ${describeRefusals([gate])}`);
  await reportPreview(call, plan.to, now, { gates, estimates });
  return outputs(inputs, plan, now);
}

async function start(call: Call, { inputs, old }: Application): Promise<Properties> {
  const { session } = call;
  const request = requestOf(inputs, session, old === null);
  const address = await readAddress(request.site, request.databaseUrl);
  await session.lock(address, stackOf(call), request.restoreFrom !== "");
  const { attempt, seen } = await begin(request, stackOf(call), acceptancesOf(inputs));
  session.open(attempt);
  await tellBeginning(attempt, seen.observation.ledger, earsOf(call));
  return outputs(inputs, attempt.plan, seen);
}

function outputs(inputs: Properties, plan: Plan, { observation }: Look): Properties {
  const { serverVersion } = observation.database;
  return { ...inputs, plan, serverVersion, schemaVersion };
}

/** With what, and on how much, the plan works: all of it moves by itself, so it is told and not kept. */
async function estimate(site: Site, plan: Plan, { observation }: Look): Promise<string[]> {
  const { address, catalogue, database, ledger, world, backups } = observation;
  if (observation.unmade) return [];
  const budgetMs = site.preview.budget * 1000;
  const losses = [
    ...(await describeLosses(plan, { site, address, database })),
    ...(await describeDownLosses(plan, { catalogue, address, budgetMs })),
  ];
  const tool = plan.backup.required && "found" in world.dumpTool ? row("tool", world.dumpTool.found) : [];
  const pruned = await describePruning(site, ledger, backups);
  return [
    ...losses.flatMap((text) => row("loses", text)),
    ...tool,
    ...describeEstimates(plan, observation),
    ...(await describeRehearsals(plan, address)),
    ...pruned.flatMap((text) => row("prunes", text)),
  ];
}

function farewell(state: Properties): string {
  const { installation, backup } = (state.settings ?? {}) as Partial<Site>;
  return (
    `The stack forgets the installation in '${installation ?? "?"}'. Its database, its files and the backups in ` +
    `'${backup?.folder ?? "?"}' stay as they are; to take it over again: octollm adopt`
  );
}
