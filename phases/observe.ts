import { chooseDumpTools } from "../backup/tools";
import { headIndex } from "../planner/chain";
import type { ReleaseFiles } from "../planner/container-environment";
import { isAsDeclared } from "../planner/containers";
import { followsAsDeclared } from "../planner/deployments";
import { environmentDigest } from "../planner/installation";
import type { DumpTool, OpenAttempt, ServerFacts, ServiceFacts, World } from "../planner/world";
import type { DatabaseAddress } from "../postgres/connection";
import { errorText } from "../postgres/errors";
import type { DatabaseFacts } from "../postgres/facts";
import { type Ledger, nextAttempt } from "../postgres/ledger";
import type { Measure } from "../postgres/measures";
import { loadCatalogue } from "../releases/catalogue";
import type { Catalogue } from "../releases/release";
import { runtime } from "../runtimes/driver";
import type { ServiceState } from "../runtimes/runtime";
import { nextAttemptWithoutLedger } from "./attempt-number";
import { type BackupFolder, readBackupFolder } from "./backup-folder";
import { type ClusterEnvironment, lookAtCluster, readClusterEnvironment } from "./cluster";
import { asRead, readCompose } from "./compose";
import { observeContainers, type ObservedContainer } from "./containers";
import { type ObservedDeployment, observeDeployments } from "./deployments";
import { readDisk } from "./disk";
import { FaultCollector, type ObservedService } from "./faults";
import { withKeptReleases } from "./kept-releases";
import { type DatabaseLook, lookAtDatabase, lookAtTables, readRestoreWorld } from "./restore-facts";
import {
  catalogueFolder,
  environmentName,
  readAddress,
  readEnvironment,
  serviceSpecs,
  type Site,
  toolPlace,
} from "./site";
import { isDatabaseUnmade, refuseStore } from "./stores";
import { unmadeDatabase } from "./unmade-database";
import { observeVolumes } from "./volumes";

/** What Preflight saw: the planner's world, and the facts behind it. */
export interface Observation {
  readonly world: World;
  readonly address: DatabaseAddress;
  readonly catalogue: Catalogue;
  readonly database: DatabaseFacts;
  readonly ledger: Ledger;
  /** How long statements took in earlier attempts. */
  readonly measures: readonly Measure[];
  readonly services: readonly ObservedService[];
  /** The services' containers, where they are containers. */
  readonly containers: Readonly<Record<string, ObservedContainer>>;
  /** The services' Deployments, where they are Deployments, and the objects that hold their variables. */
  readonly deployments: Readonly<Record<string, ObservedDeployment>>;
  readonly variables: ClusterEnvironment | null;
  readonly backups: BackupFolder;
  /** Whether the database's server is still to be made: then nobody can be asked. */
  readonly unmade: boolean;
}

/** What to look at. */
export interface View {
  readonly site: Site;
  /** The release that is wanted, to tell which services are as they should be. */
  readonly version: string;
  /** Secret; empty when `.env` says where the database is. */
  readonly databaseUrl: string;
  /** The backup that is to be restored: then a database that cannot be read is no fault. */
  readonly restoreFrom?: string;
  /** Whether the stack has no state yet: then its own stores may still have to be made. */
  readonly emptyStack?: boolean;
}

/** What an attempt under way knows already, and goes on with. */
export type Known = Pick<Observation, "address" | "catalogue">;

/**
 * Looks at an installation and touches nothing: READ ONLY sessions, no lock, no file, no process.
 *
 * @throws WorldFault with everything that cannot be looked at
 */
export async function observe(view: View, known?: Known): Promise<Observation> {
  const { site, version, databaseUrl, restoreFrom = "", emptyStack = false } = view;
  const faults = new FaultCollector();
  const own = known?.catalogue ?? (await faults.of("catalogue", loadCatalogue(catalogueFolder(site))));
  const { variables, environment, compose } = await readVariables(site, faults);
  const files = environment && { environment: environment.file, compose: asRead(compose), catalogue: own };
  const seen = files && (await faults.of("services", lookAtServices(site, version, files)));
  const cluster = variables && (await faults.of("octollm:kubernetes", lookAtCluster(site, variables)));
  const urlFrom = databaseUrl === "" ? environmentName(site) : "octollm:databaseUrl";
  const canAsk = environment !== null || databaseUrl !== "";
  const address = known?.address ?? (canAsk ? await faults.of(urlFrom, readAddress(site, databaseUrl)) : null);
  const how = { budgetMs: site.preview.budget * 1000, mayBeDamaged: restoreFrom !== "", catalogue: own };
  const unmade = emptyStack && (await faults.of("octollm:docker.stores", isDatabaseUnmade(site)));
  const looked =
    address &&
    (unmade
      ? Promise.resolve(unmadeDatabase(address))
      : lookAtDatabase(address, how).catch((error: unknown) => refuseStore(site, error)));
  const found = looked && (await faults.of("database", looked));
  const lacksCompose = site.composeFile !== undefined && !compose;
  if (!own || !environment || lacksCompose || !seen || !address || !found) throw faults.fault(seen?.services ?? []);
  const { services, containers, deployments } = seen;
  const { database, ledger, measures, looksLike, damage } = found;
  const { catalogue, kept } = await withKeptReleases({
    catalogue: own,
    folder: catalogueFolder(site),
    revisions: database.revisions,
    version,
    kept: found.keptFiles,
    applied: ledger.appliedRevisions,
  });
  const backups = await readBackupFolder(site);
  const world: World = {
    database: database.database,
    release: findRunningRelease({ services, database, ledger, catalogue }),
    revisions: database.revisions,
    looksLike,
    server: describeServer(found),
    disk: await readDisk(backups, address, database),
    dumpTool: unmade ? { fault: "the database is not there yet" } : await findDumpTool(site, address, database),
    openAttempt: unfinishedAttempt(ledger),
    nextAttempt: damage === null ? nextAttempt(ledger) : await nextAttemptWithoutLedger(site, backups),
    lastOutcome: lastOutcome(ledger),
    services: services.map(({ name, state }) =>
      describeService(name, state, version, { ...containers[name], ...deployments[name] }),
    ),
    environment: environment.file,
    environmentDigest: environmentDigest(environment.file.toBuffer()),
    ...(compose ? { compose: compose.world } : {}),
    ...(cluster ? { cluster } : {}),
    ...(site.docker?.archiveVolumes.length ? { volumes: await observeVolumes(site) } : {}),
    applied: ledger.appliedRevisions,
    tables: kept.length === 0 ? found.tables : await lookAtTables(address, catalogue, how.budgetMs),
    keptReleases: kept,
    halfDone: ledger.unfinishedBatches,
    restore: await readRestoreWorld(backups, { site, look: found, version }),
  };
  const more = { unmade: unmade === true, variables, backups };
  return { ...seen, world, address, catalogue, database, ledger, measures, ...more };
}

function describeService(
  name: string,
  { running, healthy, release, obstructed, asSpecified }: ServiceState,
  version: string,
  { container, deployment }: Partial<Pick<ObservedContainer, "container"> & Pick<ObservedDeployment, "deployment">>,
): ServiceFacts {
  let declared = asSpecified;
  if (container) declared = isAsDeclared(container, version);
  if (deployment) declared = followsAsDeclared(deployment, version, release);
  const as = declared !== false;
  const current = healthy && release === version && as;
  const facts = { name, running, current, asSpecified: as, release, obstructed };
  return { ...facts, ...(container ? { container } : {}), ...(deployment ? { deployment } : {}) };
}

/** The last attempt at the installation, unless it reached its end: it may be running, have failed, or have been killed. */
export function unfinishedAttempt({ lastInstallation: last }: Ledger): OpenAttempt | null {
  if (!last || last.status === "succeeded") return null;
  const { attempt, fromVersion, toVersion, planId, reviewedPlan, direction } = last;
  const installs = direction === "install" ? { installs: true } : {};
  return { attempt, from: fromVersion, to: toVersion, planId, reviewedPlan, ...installs };
}

function lastOutcome({ lastInstallation: last }: Ledger): World["lastOutcome"] {
  if (last?.status !== "succeeded") return null;
  const { toVersion: release, revision, environmentDigest: digest } = last;
  return { release, revision, environmentDigest: digest };
}

async function findDumpTool(
  site: Site,
  address: DatabaseAddress,
  { serverVersionNumber }: DatabaseFacts,
): Promise<DumpTool> {
  const serverMajor = Math.floor(serverVersionNumber / 10_000);
  const signal = AbortSignal.timeout(site.preview.budget * 1000);
  try {
    const tools = await chooseDumpTools({ serverMajor, inside: toolPlace(site), signal });
    await tools.host.verifyServer(address, signal);
    return { found: `pg_dump ${tools.version} (${tools.host.place === null ? tools.dump : `in ${tools.host.place}`})` };
  } catch (error) {
    return { fault: signal.aborted ? "pg_dump did not tell its version in time (preview.budget)" : errorText(error) };
  }
}

/** What the database takes from us. */
export function describeServer({
  database: { role, ...database },
  columns,
  indexes,
  ledger,
}: DatabaseLook): ServerFacts {
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
    columns,
    indexes,
  };
}

/** What says how the services are set: `.env` or what stands for it in a cluster, and the compose file. */
async function readVariables(site: Site, faults: FaultCollector) {
  const { kubernetes } = site;
  const variables = kubernetes ? await faults.of("octollm:kubernetes", readClusterEnvironment(kubernetes)) : null;
  const environment = kubernetes ? variables : await faults.of(site.environmentFile, readEnvironment(site));
  const path = site.composeFile ?? "compose";
  const compose = environment && (await faults.of(path, readCompose(site, environment.file)));
  return { variables, environment, compose };
}

/** What the services are like: their containers, where they are some, only once the engine has answered. */
async function lookAtServices(
  site: Site,
  version: string,
  files: Omit<ReleaseFiles, "catalogue"> & { readonly catalogue: Catalogue | null },
): Promise<Pick<Observation, "services" | "containers" | "deployments">> {
  const specs = await serviceSpecs(site, version);
  const services = await Promise.all(
    specs.map(async (spec) => ({ name: spec.name, state: await runtime.inspect(spec) })),
  );
  const { catalogue } = files;
  // Without a catalogue nothing is planned, and the look is over.
  const containers = catalogue === null ? {} : await observeContainers(site, version, { ...files, catalogue });
  return { services, containers, deployments: await observeDeployments(site, version, files.environment) };
}

type Evidence = Pick<Observation, "services" | "database" | "ledger" | "catalogue">;

/**
 * The release that was complete last. What serves is believed when all services agree and the schema is theirs, so that
 * an upgrade by hand is seen; during an unfinished attempt, and with everything stopped, the ledger tells.
 */
function findRunningRelease({ services, database, ledger, catalogue }: Evidence): string | null {
  const { lastInstallation: last } = ledger;
  // A restore that did not reach its end has put the database of its release in place.
  if (last && unfinishedAttempt(ledger) && last.restoredBackup !== null) return last.toVersion;
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
