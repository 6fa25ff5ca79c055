import { headIndex } from "../planner/chain";
import { environmentDigest } from "../planner/installation";
import type { OpenAttempt, ServerFacts, World } from "../planner/world";
import { type DatabaseAddress, withClient } from "../postgres/connection";
import { type DatabaseFacts, readDatabaseFacts } from "../postgres/facts";
import { type Ledger, nextAttempt, readLedger } from "../postgres/ledger";
import { refusePooler } from "../postgres/pooler";
import { recognise } from "../postgres/recognise";
import { loadCatalogue } from "../releases/catalogue";
import type { Catalogue } from "../releases/release";
import { processRuntime } from "../runtimes/process";
import { readDisk } from "./disk";
import { FaultCollector, type ObservedService } from "./faults";
import { catalogueFolder, readAddress, readEnvironment, serviceSpecs, type Site } from "./site";

/** What Preflight saw: the planner's world, and the facts behind it. */
export interface Observation {
  readonly world: World;
  readonly address: DatabaseAddress;
  readonly catalogue: Catalogue;
  readonly database: DatabaseFacts;
  readonly ledger: Ledger;
  readonly services: readonly ObservedService[];
}

/** What to look at. */
export interface View {
  readonly site: Site;
  /** The release that is wanted, to tell which services are as they should be. */
  readonly version: string;
  /** Secret; empty when `.env` says where the database is. */
  readonly databaseUrl: string;
}

/** What an attempt under way knows already, and goes on with. */
export type Known = Pick<Observation, "address" | "catalogue">;

/**
 * Looks at an installation and touches nothing: READ ONLY sessions, no lock, no file, no process.
 *
 * @throws WorldFault with everything that cannot be looked at
 */
export async function observe({ site, version, databaseUrl }: View, known?: Known): Promise<Observation> {
  const faults = new FaultCollector();
  const catalogue = known?.catalogue ?? (await faults.of("catalogue", loadCatalogue(catalogueFolder(site))));
  const environment = await faults.of(site.environmentFile, readEnvironment(site));
  const services = environment && (await faults.of("services", inspectServices(site, version)));
  const urlFrom = databaseUrl === "" ? site.environmentFile : "octollm:databaseUrl";
  const canAsk = environment !== null || databaseUrl !== "";
  const address = known?.address ?? (canAsk ? await faults.of(urlFrom, readAddress(site, databaseUrl)) : null);
  const found = address && (await faults.of("database", readDatabase(address, site.preview.budget * 1000, catalogue)));
  if (!catalogue || !environment || !services || !address || !found) throw faults.fault(services ?? []);
  const { database, ledger, looksLike } = found;
  const world: World = {
    database: database.database,
    release: findRunningRelease({ services, database, ledger, catalogue }),
    revisions: database.revisions,
    looksLike,
    server: describeServer(database, ledger),
    disk: await readDisk(site, address, database),
    openAttempt: unfinishedAttempt(ledger),
    nextAttempt: nextAttempt(ledger),
    lastOutcome: lastOutcome(ledger),
    services: services.map(({ name, state }) => ({
      name,
      running: state.running,
      current: state.healthy && state.release === version && state.asSpecified !== false,
      asSpecified: state.asSpecified !== false,
      release: state.release,
      obstructed: state.obstructed,
    })),
    environment: environment.file,
    environmentDigest: environmentDigest(environment.file.toBuffer()),
    applied: ledger.appliedRevisions,
  };
  return { world, address, catalogue, database, ledger, services };
}

async function readDatabase(address: DatabaseAddress, budgetMs: number, catalogue: Catalogue | null) {
  // First: behind a pooler, the settings of the session below would reach other clients.
  await refusePooler(address, budgetMs);
  const options = { name: "preview", readOnly: true, connectTimeoutMs: budgetMs };
  return withClient(address, options, async (client) => {
    await client.query(`SET statement_timeout = ${budgetMs}`);
    const database = await readDatabaseFacts(client);
    const ledger = await readLedger(client);
    const looksLike = database.revisions.length === 0 && catalogue ? await recognise(client, catalogue.releases) : null;
    return { database, ledger, looksLike };
  });
}

/** The last attempt, unless it reached its end: it may be running, have failed, or have been killed. */
export function unfinishedAttempt({ lastAttempt }: Ledger): OpenAttempt | null {
  if (!lastAttempt || lastAttempt.status === "succeeded") return null;
  const { attempt, fromVersion, toVersion, planId, reviewedPlan } = lastAttempt;
  return { attempt, from: fromVersion, to: toVersion, planId, reviewedPlan };
}

function lastOutcome({ lastAttempt }: Ledger): World["lastOutcome"] {
  if (lastAttempt?.status !== "succeeded") return null;
  const { toVersion: release, revision, environmentDigest: digest } = lastAttempt;
  return { release, revision, environmentDigest: digest };
}

function describeServer({ role, ...database }: DatabaseFacts, ledger: Ledger): ServerFacts {
  return {
    user: role.user,
    isReplica: database.inRecovery,
    isReadOnly: database.readOnlyByDefault,
    mayCreateSchema: role.mayCreateSchema,
    mayWriteLedger: ledger.schemaVersion === 0 ? null : role.mayWriteLedger,
    mayStamp: role.mayStamp,
    createsIn: role.createsIn,
    searchPath: database.searchPath,
    relations: database.relations,
  };
}

async function inspectServices(site: Site, version: string): Promise<ObservedService[]> {
  const specs = await serviceSpecs(site, version);
  return Promise.all(specs.map(async (spec) => ({ name: spec.name, state: await processRuntime.inspect(spec) })));
}

type Evidence = Pick<Observation, "services" | "database" | "ledger" | "catalogue">;

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
