import { headIndex } from "../planner/chain";
import type { OpenAttempt, World } from "../planner/world";
import type { DatabaseAddress } from "../postgres/connection";
import type { DatabaseFacts } from "../postgres/facts";
import { type Ledger, nextAttempt } from "../postgres/ledger";
import type { Catalogue } from "../releases/release";
import { processRuntime } from "../runtimes/process";
import type { ServiceState } from "../runtimes/runtime";
import { nextAttemptWithoutLedger } from "./attempt-number";
import { lookAtDatabase, readRestoreWorld } from "./restore-facts";
import { readEnvironment, serviceSpecs, type Site } from "./site";

/** What Preflight saw: the planner's world, and the facts behind it. */
export interface Observation {
  readonly world: World;
  readonly database: DatabaseFacts;
  readonly ledger: Ledger;
  readonly services: readonly { readonly name: string; readonly state: ServiceState }[];
}

export interface ObserveOptions {
  readonly address: DatabaseAddress;
  readonly catalogue: Catalogue;
  /** The release that is wanted, to tell which services are as they should be. */
  readonly version: string;
  /** Whether a backup is to be restored: then a database that cannot be read is no fault. */
  readonly mayBeDamaged?: boolean;
}

/**
 * Looks at an installation and touches nothing: READ ONLY sessions, no lock, no file, no process.
 *
 * @throws DatabaseFault when the database does not answer, and what reading `.env` throws
 */
export async function observe(
  site: Site,
  { address, catalogue, version, mayBeDamaged = false }: ObserveOptions,
): Promise<Observation> {
  const { file } = await readEnvironment(site);
  const services = await inspectServices(site, version);
  const budgetMs = site.preview.budget * 1000;
  const look = await lookAtDatabase(address, { budgetMs, mayBeDamaged });
  const { database, ledger, damage } = look;
  const world: World = {
    database: database.database,
    release: findRunningRelease({ services, database, ledger, catalogue }),
    revisions: database.revisions,
    openAttempt: unfinishedAttempt(ledger),
    nextAttempt: damage === null ? nextAttempt(ledger) : await nextAttemptWithoutLedger(site),
    services: services.map(({ name, state }) => ({
      name,
      running: state.running,
      current: state.healthy && state.release === version,
      release: state.release,
    })),
    environment: file,
    applied: ledger.appliedRevisions,
    restore: await readRestoreWorld(site, look, version),
  };
  return { world, database, ledger, services };
}

/** The last attempt, unless it reached its end: it may be running, have failed, or have been killed. */
export function unfinishedAttempt({ lastAttempt }: Ledger): OpenAttempt | null {
  if (!lastAttempt || lastAttempt.status === "succeeded") return null;
  const { attempt, fromVersion, toVersion, planId, reviewedPlan } = lastAttempt;
  return { attempt, from: fromVersion, to: toVersion, planId, reviewedPlan };
}

async function inspectServices(site: Site, version: string): Promise<Observation["services"]> {
  const runtime = processRuntime;
  const specs = await serviceSpecs(site, version);
  return Promise.all(specs.map(async (spec) => ({ name: spec.name, state: await runtime.inspect(spec) })));
}

interface Evidence extends Omit<Observation, "world"> {
  readonly catalogue: Catalogue;
}

/**
 * The release that was complete last. What serves is believed when all services agree and the schema is theirs, so that
 * an upgrade by hand is seen; during an unfinished attempt, and with everything stopped, the ledger tells.
 */
function findRunningRelease({ services, database, ledger, catalogue }: Evidence): string | null {
  const { lastAttempt } = ledger;
  // A restore that did not reach its end has put the database of its release in place.
  if (lastAttempt && unfinishedAttempt(ledger) && lastAttempt.restoredBackup !== null) return lastAttempt.toVersion;
  const recorded = ledger.lastSucceeded?.toVersion ?? null;
  if (unfinishedAttempt(ledger) && recorded !== null) return recorded;
  const said = new Set(services.map(({ state }) => (state.running ? state.release : null)));
  const [serving] = said;
  const revision = database.revisions[0];
  if (said.size === 1 && serving && (recorded === null || headOf(catalogue, serving) === revision)) return serving;
  if (recorded !== null) return recorded;
  const owners = catalogue.releases.filter((release) => headOf(catalogue, release.version) === revision);
  return owners.length === 1 ? (owners[0]?.version ?? null) : null;
}

function headOf(catalogue: Catalogue, version: string): string | undefined {
  return catalogue.chain[headIndex(catalogue, version)]?.revision;
}
