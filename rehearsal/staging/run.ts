import { hostname } from "node:os";

import type { Activity } from "../../phases/attempt";
import { describeRefusals, WorldFault } from "../../phases/faults";
import { type Look, look } from "../../phases/preflight";
import { logMarks, serviceSpecs, type Site } from "../../phases/site";
import { findRelease } from "../../planner/chain";
import { type Acceptance, type Acceptances, judgeBreaking, judgeHazards } from "../../planner/gates";
import type { Plan } from "../../planner/plan";
import { type DatabaseAddress, withClient } from "../../postgres/connection";
import { errorText } from "../../postgres/errors";
import { readLedger } from "../../postgres/ledger";
import { readStory } from "../../postgres/ledger-story";
import type { Catalogue } from "../../releases/release";
import type { CheckFact } from "../../report/facts";
import type { LoadFact, RehearsalFacts, TrialRun } from "../../report/rehearsal-facts";
import { programVersion } from "../../version";
import { checkStaging } from "./checks";
import { cloneProduction, type CloneWish } from "./clone";
import { RehearsalError } from "./error";
import { runK6 } from "./k6";
import { portsOf, requestsOf } from "./load-paths";
import { judgeLoad, runLoadTest } from "./load-test";
import type { RehearsalSettings } from "./settings";
import { compareStates, readState, type State } from "./state";
import { runTest } from "./test-command";

/** Whoever runs `octollm up` on the staging stack with other settings than those of its file. */
export interface StagingEngine {
  /** @returns exit code, and the end of what the engine said */
  up(
    version: string,
    accepted: Partial<Acceptances>,
    signal: AbortSignal,
  ): Promise<{ readonly code: number | null; readonly tail: readonly string[] }>;
}

/** A rehearsal that nothing stands in the way of. */
export interface StagingRehearsal {
  readonly stack: string;
  readonly site: Site;
  readonly databaseUrl: string;
  readonly settings: RehearsalSettings;
  readonly catalogue: Catalogue;
  /** The release that production and staging serve, and the one that is tried. */
  readonly from: string;
  readonly to: string;
  readonly production: {
    readonly stack: string;
    readonly address: DatabaseAddress;
    readonly revision: string | null;
    /** What its stack has accepted by name. */
    readonly accepted: Acceptances;
  };
  readonly masked: CloneWish["masked"];
  readonly staging: DatabaseAddress;
  readonly engine: StagingEngine;
  /** Working folder of the operator's test. */
  readonly project: string;
}

/** The facts as they become known. */
type Growing = { -readonly [Key in keyof RehearsalFacts]: RehearsalFacts[Key] };

/**
 * Rehearses the whole of an upgrade on staging: clone, upgrade, test, load test, verification, way back. What fails is
 * among the facts; the way back is tried whatever failed before it.
 */
export async function rehearseOnStaging(wish: StagingRehearsal, activity: Activity): Promise<RehearsalFacts> {
  const { stack, from, to, production } = wish;
  const startedAt = Date.now();
  const none = { checks: [], loadChecks: [], backChecks: [], asked: [], stands: [], faults: [] };
  const empty = { clone: null, up: null, test: null, before: null, after: null, back: null };
  const names = { program: programVersion, stack, host: hostname(), production: production.stack, from, to };
  const facts: Growing = { ...names, ...none, ...empty, startedAt, endedAt: startedAt };
  const fault = (what: string, error: unknown) => {
    facts.faults = [...facts.faults, `${what}: ${errorText(error)}`];
  };
  try {
    await settleAt(wish, from, activity);
    const before = await clone(wish, facts, activity);
    facts.before = await load(wish, from, activity);
    await goUp(wish, facts, activity);
    if (facts.faults.length === 0)
      await tryRelease(wish, facts, activity).catch((error: unknown) => {
        activity.signal.throwIfAborted();
        fault(`OctoLLM ${to} could not be tried`, error);
      });
    await goBack(wish, { facts, before }, activity);
  } catch (error) {
    fault(activity.signal.aborted ? "cancelled" : "rehearsal", error);
  }
  facts.stands = await describeStaging(wish);
  facts.endedAt = Date.now();
  return facts;
}

const lookAt = ({ site, databaseUrl }: StagingRehearsal, version: string): Promise<Look> =>
  look({ site, version, restoreFrom: "", emptyStack: false, databaseUrl });

/** Brings staging to where it begins: an earlier rehearsal may have been killed anywhere. */
async function settleAt(wish: StagingRehearsal, version: string, activity: Activity): Promise<void> {
  const { outcome, observation } = await lookAt(wish, version);
  if (outcome.kind === "refused")
    throw new RehearsalError(`Staging cannot be brought to OctoLLM ${version}:\n${describeRefusals(outcome.reasons)}`);
  if (outcome.settled && observation.world.openAttempt === null) return;
  activity.progress(`staging is not at OctoLLM ${version}, as its settings say: up brings it there first`);
  const { code, tail } = await wish.engine.up(version, acceptAll(outcome.plan), activity.signal);
  if (code === 0) return;
  throw new RehearsalError(`Staging could not be brought to OctoLLM ${version}:\n${tail.slice(-20).join("\n")}`);
}

/** All that staging may be asked: nobody's data is lost there. */
function acceptAll(plan: Plan): Partial<Acceptances> {
  const hazards = [...plan.revisions.pre, ...plan.revisions.post].flatMap((step) => step.hazards);
  return {
    acceptBreaking: plan.to,
    acceptLoss: plan.loss.id ?? "",
    allowHazards: [...new Set(hazards.filter(({ waived }) => waived === null).map(({ hazard }) => hazard))],
  };
}

async function clone(wish: StagingRehearsal, facts: Growing, activity: Activity): Promise<State> {
  const { site, stack, production, staging, from, masked, catalogue } = wish;
  const { observation } = await lookAt(wish, from);
  facts.clone = await cloneProduction(
    {
      production: production.address,
      staging,
      site,
      stack,
      release: from,
      revision: production.revision,
      invariants: findRelease(catalogue, from)?.invariants ?? [],
      environmentDigest: observation.world.environmentDigest,
      masked,
      at: Date.now(),
    },
    activity,
  );
  return readState(wish);
}

async function goUp(wish: StagingRehearsal, facts: Growing, activity: Activity): Promise<void> {
  const { outcome } = await lookAt(wish, wish.to);
  if (outcome.kind === "refused") {
    facts.faults = [...facts.faults, `up is refused: ${describeRefusals(outcome.reasons)}`];
    return;
  }
  facts.asked = askedOf(outcome.plan, wish);
  facts.up = await trial(wish, outcome.plan, activity);
  if (facts.up.failure.length > 0) facts.faults = [...facts.faults, `up to OctoLLM ${wish.to} failed`];
}

/** What production will be asked to accept before the same plan, with the commands for its stack. */
function askedOf(plan: Plan, { production }: StagingRehearsal): string[] {
  const how: Acceptance = {
    path: (key) => `octollm:${key}`,
    command: (key, value, index) =>
      `octollm config set ${index === undefined ? key : `--path '${key}[${index}]'`} ${value} --stack ${production.stack}`,
  };
  const steps = [...plan.revisions.pre, ...plan.revisions.post];
  const asked = [...judgeBreaking(plan, production.accepted, how), ...judgeHazards(steps, production.accepted, how)];
  return asked.map(({ text }) => text);
}

/** One `up`, and what the ledger tells of it afterwards. */
async function trial(wish: StagingRehearsal, plan: Plan, activity: Activity): Promise<TrialRun> {
  const startedAt = Date.now();
  const { code, tail } = await wish.engine.up(plan.to, acceptAll(plan), activity.signal);
  activity.signal.throwIfAborted();
  const failure = code === 0 ? [] : tail.slice(-20);
  return withClient(wish.staging, { name: "rehearse", readOnly: true }, async (client) => {
    const { lastAttempt } = await readLedger(client);
    const attempt = lastAttempt?.attempt ?? 0;
    const { phases, revisions } = await readStory(client, attempt);
    const quiesce = phases.find(({ name }) => name === "Quiesce");
    const resume = phases.find(({ name }) => name === "Resume");
    const stopped =
      plan.stops.services.length > 0 && quiesce ? [{ from: quiesce.startedAt, to: resume?.endedAt ?? null }] : [];
    return { attempt, startedAt, endedAt: Date.now(), phases, revisions, outages: stopped, plan, failure };
  });
}

/** The new release serves: the operator's test, the load, the checks. */
async function tryRelease(wish: StagingRehearsal, facts: Growing, activity: Activity): Promise<void> {
  const { site, stack, to, settings } = wish;
  const marks = await logMarks(site, to);
  if (settings.test !== "") {
    facts.test = await test(wish, activity);
    if (!facts.test.passed) facts.faults = [...facts.faults, `the test failed (${facts.test.ending})`];
  }
  facts.after = await load(wish, to, activity);
  if (facts.after) facts.loadChecks = judgeLoad(facts.after, facts.before, settings.load.thresholds);
  activity.progress("rehearse: verifying");
  facts.checks = await checkStaging({ site, stack, seen: await lookAt(wish, to), logMarks: marks }, activity);
  note(facts, facts.loadChecks, "of the load test's thresholds do not hold");
  note(facts, facts.checks, "checks failed");
}

function note(facts: Growing, checks: readonly CheckFact[], what: string): void {
  const failed = checks.filter(({ passed }) => !passed);
  if (failed.length > 0)
    facts.faults = [...facts.faults, `${failed.length} ${what}: ${failed.map(({ check }) => check).join("; ")}`];
}

async function test(wish: StagingRehearsal, activity: Activity) {
  const { settings, site, to, stack, project } = wish;
  const specs = await serviceSpecs(site, to);
  const urls = specs.map(({ name, port }) => [
    `OCTOLLM_URL_${name.toUpperCase().replaceAll("-", "_")}`,
    `http://127.0.0.1:${port}`,
  ]);
  activity.progress(`rehearse: ${settings.test}`);
  return runTest({
    command: settings.test,
    folder: project,
    timeoutSeconds: settings.testTimeout,
    environment: { OCTOLLM_STACK: stack, OCTOLLM_RELEASE: to, ...(Object.fromEntries(urls) as Record<string, string>) },
    secrets: Object.assign({}, ...specs.map(({ environment }) => environment)) as Record<string, string>,
    onLine: (line) => activity.progress(`  ${line}`),
    signal: activity.signal,
  });
}

async function load(
  { settings, site, catalogue }: StagingRehearsal,
  version: string,
  activity: Activity,
): Promise<LoadFact | null> {
  const release = findRelease(catalogue, version);
  const ports = portsOf(site);
  const requests = release ? requestsOf(release, settings.load.paths, Object.keys(ports)) : [];
  if (settings.load.duration === 0 || requests.length === 0) return null;
  activity.progress(`rehearse: ${settings.load.duration} s of load on OctoLLM ${version}`);
  const run = settings.load.tool === "k6" ? runK6 : runLoadTest;
  return run({ settings: settings.load, requests, ports, signal: activity.signal });
}

async function goBack(
  wish: StagingRehearsal,
  { facts, before }: { facts: Growing; before: State },
  activity: Activity,
): Promise<void> {
  const { outcome } = await lookAt(wish, wish.from);
  if (outcome.kind === "refused") {
    facts.faults = [...facts.faults, `the way back is refused: ${describeRefusals(outcome.reasons)}`];
    return;
  }
  // An `up` that failed may have brought the old release back by itself.
  if (!outcome.settled || facts.faults.length === 0) facts.back = await trial(wish, outcome.plan, activity);
  if (facts.back && facts.back.failure.length > 0) {
    facts.faults = [...facts.faults, `the way back to OctoLLM ${wish.from} failed`];
    return;
  }
  facts.backChecks = compareStates(before, await readState(wish));
  note(facts, facts.backChecks, "things are not as before the upgrade");
}

async function describeStaging(wish: StagingRehearsal): Promise<string[]> {
  const { stack, from } = wish;
  try {
    const { observation, outcome } = await lookAt(wish, from);
    const { world, services } = observation;
    const serves = services.map(
      ({ name, state }) => `${name} ${state.running ? (state.release ?? "runs") : "stopped"}`,
    );
    const line = `Staging: ${serves.join(", ")}; database '${world.database}' at revision ${world.revisions.join(", ")}.`;
    const isBack = outcome.kind === "plan" && outcome.settled;
    return [line, ...(isBack ? [] : [`To bring it to OctoLLM ${from}: npx octollm up --stack ${stack}`])];
  } catch (error) {
    const said = error instanceof WorldFault ? describeRefusals(error.refusals) : errorText(error);
    return [`How staging stands could not be read: ${said}`, `See: npx octollm status --stack ${stack}`];
  }
}
