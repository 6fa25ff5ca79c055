import { findRelease } from "../../planner/chain";
import { expectedIndexes } from "../../planner/checks";
import { type Load, measurements } from "../../planner/load";
import type { CheckPlan } from "../../planner/plan";
import { type DatabaseAddress, withClient } from "../../postgres/connection";
import { countRows, type Counts } from "../../postgres/counts";
import { errorText } from "../../postgres/errors";
import type { Catalogue, LogPatterns, Release, SmokeTask } from "../../releases/release";
import type { ServiceSpec } from "../../runtimes/runtime";
import { type Activity, PhaseError } from "../attempt";
import { serviceSpecs, type Site } from "../site";
import { type Check, failures, skipped } from "./check";
import { checkDatabase } from "./database";
import { anyLoad, checkLoad } from "./load";
import { checkLogs, type LogStarts } from "./logs";
import { checkRequests } from "./requests";
import { checkRows } from "./rows";
import { checkServices } from "./services";
import { checkTask, readLeftovers, removeLeftovers } from "./task";

/** What is verified, and against what. */
export interface Verified extends Omit<CheckPlan, "lines" | "countsMustMatch"> {
  readonly site: Site;
  readonly address: DatabaseAddress;
  readonly catalogue: Catalogue;
  /** Rows per table before; null when nobody counted them: then nobody does now. */
  readonly counts: Counts | null;
  /** Whether they were the same after the revisions. */
  readonly wereEqual: boolean;
  /** How the services answered before; empty when nobody measured. */
  readonly load: readonly Load[];
  readonly logs: LogStarts;
}

/**
 * Makes every check. Nothing is written but a task, through the API, and that only where `task` says so. The logs come last, so
 * that what the other checks make a service complain about is seen.
 *
 * @param keep - gets the checks of each subject as they are made, also when a later one is cut short
 * @returns how the services answered
 */
export async function runChecks(
  wanted: Verified,
  { signal, progress }: Activity,
  keep: (checks: readonly Check[]) => void,
): Promise<readonly Load[]> {
  const { site, catalogue } = wanted;
  const release = findRelease(catalogue, wanted.release);
  if (!release) throw new PhaseError(`The catalogue has no release '${wanted.release}' to verify.`);
  const specs = await serviceSpecs(site, wanted.release);
  progress("asking the services");
  const asked = [
    ...(await checkServices(specs)),
    ...(await checkRequests([...release.smoke, ...site.verification.smoke], specs)),
  ];
  keep(asked);
  signal.throwIfAborted();
  progress("looking at the database");
  const { checks, leftovers } = await readDatabase(wanted, release);
  keep(checks);
  const measured = await compareLoad(
    wanted,
    { release, specs, isWell: failures(asked).length === 0 },
    { signal, progress },
  );
  keep(measured.checks);
  if (wanted.task && release.task) {
    progress("creating a task");
    keep(await tryTask(release.task, { site, specs, leftovers, signal }));
  }
  progress("reading the logs");
  keep(await checkLogs(specs, wanted.logs, together(release.logs, site.verification)));
  return measured.after;
}

interface DatabaseChecks {
  readonly checks: readonly Check[];
  /** Ids of tasks that a killed verification has left. */
  readonly leftovers: readonly string[];
}

async function readDatabase(wanted: Verified, release: Release): Promise<DatabaseChecks> {
  const { site, address, catalogue, revision } = wanted;
  const { indexes, invariants } = site.verification;
  const expected = {
    revision,
    indexes: [...expectedIndexes(catalogue, release), ...indexes],
    invariants: [...release.invariants, ...invariants],
  };
  try {
    return await withClient(address, { name: "verify", readOnly: true }, async (client) => ({
      checks: [
        ...(await checkDatabase(client, expected)),
        ...(wanted.counts === null ? [] : checkRows(wanted.counts, await countRows(client), wanted.wereEqual)),
      ],
      leftovers: wanted.task && release.task ? await readLeftovers(client, release.task) : [],
    }));
  } catch (error) {
    const detail = errorText(error);
    return {
      checks: [{ subject: "database", check: "the database can be read", passed: false, detail }],
      leftovers: [],
    };
  }
}

interface Surroundings {
  readonly release: Release;
  readonly specs: readonly ServiceSpec[];
  /** Whether every request before was answered as it should be. */
  readonly isWell: boolean;
}

async function compareLoad(
  { site, load: before }: Verified,
  { release, specs, isWell }: Surroundings,
  { signal, progress }: Activity,
): Promise<{ readonly checks: readonly Check[]; readonly after: readonly Load[] }> {
  const settings = site.verification;
  const wanted = measurements(release, site.services, settings);
  if (wanted.length === 0) return { checks: [], after: [] };
  if (!isWell) return { checks: [skipped("load", anyLoad, "not measured: see the requests that failed")], after: [] };
  progress("measuring how the services answer");
  return checkLoad({ measurements: wanted, specs, before, settings, signal });
}

interface TaskSurroundings extends Pick<Verified, "site"> {
  readonly specs: readonly ServiceSpec[];
  readonly leftovers: readonly string[];
  readonly signal: AbortSignal;
}

async function tryTask(task: SmokeTask, { site, specs, leftovers, signal }: TaskSurroundings): Promise<Check[]> {
  const spec = specs.find(({ name }) => name === task.service);
  if (!spec) return [skipped("task", `${task.service} takes a task`, "the installation does not run this service")];
  const { taskTimeout: timeoutSeconds } = site.verification;
  return [
    ...(await removeLeftovers(task, spec, leftovers)),
    ...(await checkTask(task, spec, { timeoutSeconds, signal })),
  ];
}

function together(logs: LogPatterns, { logErrors, logAllow }: Site["verification"]): LogPatterns {
  return { errors: [...logs.errors, ...logErrors], allow: [...logs.allow, ...logAllow] };
}
