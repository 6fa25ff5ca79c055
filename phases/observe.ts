import { headIndex } from "../planner/chain";
import type { OpenAttempt, World } from "../planner/world";
import { type DatabaseAddress, withClient } from "../postgres/connection";
import { type DatabaseFacts, readDatabaseFacts } from "../postgres/facts";
import { type Ledger, nextAttempt, readLedger } from "../postgres/ledger";
import type { Catalogue } from "../releases/release";
import { processRuntime } from "../runtimes/process";
import type { ServiceState } from "../runtimes/runtime";
import { readEnvironment, serviceSpecs, type Site } from "./site";

/** What Preflight saw: the planner's world, and the facts behind it. */
export interface Observation {
  readonly world: World;
  readonly database: DatabaseFacts;
  readonly ledger: Ledger;
  readonly services: readonly { readonly name: string; readonly state: ServiceState }[];
}

/**
 * Looks at an installation and touches nothing: READ ONLY sessions, no lock, no file, no process.
 *
 * @param version - the release that is wanted, to tell which services are as they should be
 * @throws DatabaseFault when the database does not answer, and what reading `.env` throws
 */
export async function observe(
  site: Site,
  { address, catalogue, version }: { address: DatabaseAddress; catalogue: Catalogue; version: string },
): Promise<Observation> {
  const { file } = await readEnvironment(site);
  const services = await inspectServices(site, version);
  const budgetMs = site.preview.budget * 1000;
  const options = { name: "preview", readOnly: true, connectTimeoutMs: budgetMs };
  const { database, ledger } = await withClient(address, options, async (client) => {
    await client.query(`SET statement_timeout = ${budgetMs}`);
    return { database: await readDatabaseFacts(client), ledger: await readLedger(client) };
  });
  const world: World = {
    database: database.database,
    release: findRunningRelease({ services, database, ledger, catalogue }),
    revisions: database.revisions,
    openAttempt: unfinishedAttempt(ledger),
    nextAttempt: nextAttempt(ledger),
    services: services.map(({ name, state }) => ({
      name,
      running: state.running,
      current: state.healthy && state.release === version,
      release: state.release,
    })),
    environment: file,
    applied: ledger.appliedRevisions,
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
