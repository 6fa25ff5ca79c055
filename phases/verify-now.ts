import { findRelease, headIndex } from "../planner/chain";
import { createsTask } from "../planner/checks";
import type { Refusal } from "../planner/refusals";
import { runtime } from "../runtimes/driver";
import type { Activity } from "./attempt";
import { type Check, skipped } from "./checks/check";
import type { LogStarts } from "./checks/logs";
import { runChecks } from "./checks/run";
import { WorldFault } from "./faults";
import { type Observation, observe } from "./observe";
import { serviceSpecs, type Site } from "./site";

/** What is to be verified, outside of an upgrade. */
export interface VerifyRequest {
  readonly site: Site;
  /** The release that the stack asks for. */
  readonly version: string;
  /** Secret; empty when `.env` says where the database is. */
  readonly databaseUrl: string;
  /** From when on the logs are read; null for the start of each service, an hour ago at most. */
  readonly since: Date | null;
}

/** What was found. */
export interface Verification {
  /** The release that serves, and that was verified; null when nothing tells. */
  readonly release: string | null;
  readonly checks: readonly Check[];
}

/**
 * Verifies the release that serves, as Verification does at the end of an upgrade, against what the ledger's last upgrade has
 * noted; without one, what needs it is left out. Writes nothing but the smoke task, and not even that while an upgrade is
 * under way.
 */
export async function verifyNow(request: VerifyRequest, activity: Activity): Promise<Verification> {
  const { site, version, databaseUrl } = request;
  try {
    return await verifyObserved(await observe({ site, version, databaseUrl }), request, activity);
  } catch (error) {
    if (!(error instanceof WorldFault)) throw error;
    return { release: null, checks: error.refusals.map(unreadable) };
  }
}

function unreadable({ path, text }: Refusal): Check {
  return { subject: "installation", check: `${path} can be read`, passed: false, detail: text };
}

async function verifyObserved(
  observation: Observation,
  { site, version, since }: VerifyRequest,
  activity: Activity,
): Promise<Verification> {
  const { world, catalogue, address, ledger } = observation;
  const release = findRelease(catalogue, world.release ?? "");
  if (!release) {
    const detail = `nothing tells which release of the catalogue this is (${world.release ?? "no service says one"})`;
    return {
      release: null,
      checks: [{ subject: "installation", check: "its release is known", passed: false, detail }],
    };
  }
  const checks: Check[] = [checkUnderWay(observation), ...tellOther(release.version, version)];
  const { lastSucceeded: last, openAttempt } = ledger;
  const known = last?.toVersion === release.version ? last : null;
  await runChecks(
    {
      site,
      address,
      catalogue,
      release: release.version,
      revision: catalogue.chain[headIndex(catalogue, release.version)]?.revision ?? release.revision,
      task: openAttempt === null && createsTask(release, site.services, site.verification),
      counts: known?.counts ?? null,
      wereEqual: false,
      load: [...(known?.load?.before ?? []), ...(known?.load?.before?.length ? [] : (known?.load?.after ?? []))],
      logs: await logStarts(site, release.version, since),
    },
    activity,
    (more) => checks.push(...more),
  );
  return { release: release.version, checks };
}

/** In the middle of an upgrade nothing can be said; a task would be in its way. */
function checkUnderWay({ ledger: { openAttempt: open } }: Observation): Check {
  const check = "no upgrade is under way or was cut short";
  if (open === null) return { subject: "installation", check, passed: true, detail: "none" };
  const way = `${open.fromVersion} -> ${open.toVersion}`;
  const detail = `attempt ${open.attempt} of stack ${open.stack} (${way}) is open since ${open.startedAt}: octollm status`;
  return { subject: "installation", check, passed: false, detail };
}

function tellOther(release: string, version: string): Check[] {
  if (release === version) return [];
  const detail = `OctoLLM ${release} serves, and is what was verified: octollm preview`;
  return [skipped("installation", `OctoLLM ${version} serves, as the stack asks`, detail)];
}

const longestMs = 3_600_000;

/** A service that has run for months has logged errors that were dealt with long ago. */
async function logStarts(site: Site, release: string, since: Date | null): Promise<LogStarts> {
  const specs = await serviceSpecs(site, release);
  const hourAgo = Date.now() - longestMs;
  const starts = specs.map(async (spec) => {
    const { startedAt } = await runtime.inspect(spec);
    return [spec.name, since ?? new Date(Math.max(hourAgo, Date.parse(startedAt ?? "") || hourAgo))] as const;
  });
  return Object.fromEntries(await Promise.all(starts));
}
