import { isAbsolute, join, resolve } from "node:path";

import { databaseAddress } from "../environment/database-address";
import { type DotenvFile, expandedValues } from "../environment/dotenv-file";
import { readDotenv } from "../environment/write";
import type { Goal, WantedChecks } from "../planner/world";
import { type DatabaseAddress, parseDatabaseUrl } from "../postgres/connection";
import { ownCatalogue } from "../releases/catalogue";
import { containers, deployments, runtime } from "../runtimes/driver";
import type { ExecPlace } from "../runtimes/exec";
import type {
  ClusterPlace,
  CommonSpec,
  ContainerSpec,
  DeploymentSpec,
  LogMark,
  ProcessSpec,
  ServiceSpec,
} from "../runtimes/runtime";
import { clusterOf, describeVariables, readClusterEnvironment } from "./cluster";

/** One service as the settings describe it; times in seconds. `{version}` in texts stands for the release. */
export type ServiceSettings = ProcessSettings | ContainerSettings | DeploymentSettings;

interface Times {
  readonly startTimeout: number;
  readonly stopTimeout: number;
}

/** A service of target `local`. */
export type ProcessSettings = Times &
  Pick<ProcessSpec, "name" | "command" | "directory" | "environment" | "port" | "health" | "log">;

/** A service of target `docker`. */
export interface ContainerSettings
  extends Times, Pick<ContainerSpec, "name" | "container" | "image" | "port" | "health"> {
  /** Services that must be healthy first; the one before it when absent. */
  readonly dependsOn?: readonly string[] | undefined;
  /** Of a fresh installation: within the container; `port` when absent. */
  readonly containerPort?: number | undefined;
  /** Of a fresh installation: Docker's own words; the image's check when absent. */
  readonly healthcheck?: readonly string[] | undefined;
  /** Of a fresh installation: on top of those of `.env`. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
}

/** A store that the stack makes for a fresh installation; ports are 0 for none. */
export interface StoreSettings extends Times {
  readonly name: string;
  readonly container: string;
  readonly image: string;
  /** Empty where its data need not outlive the container. */
  readonly volume: string;
  /** Of the volume in the container. */
  readonly path: string;
  readonly port: number;
  readonly containerPort: number;
  /** Names of variables of `.env`. */
  readonly environment: readonly string[];
  readonly command: readonly string[];
  readonly healthcheck: readonly string[];
}

/** The engine of target `docker`, and what a fresh installation there is made of besides its services. */
export interface DockerSettings {
  readonly host: string;
  readonly maintenance: boolean;
  /** Volumes that backups hold, whose containers are stopped meanwhile. */
  readonly archiveVolumes: readonly string[];
  /** Made with the stores; without stores, containers are in the engine's own. */
  readonly network: string;
  /** On which ports are published. */
  readonly address: string;
  readonly stores: readonly StoreSettings[];
}

/** A service of target `kubernetes`. */
export interface DeploymentSettings
  extends Times, Pick<DeploymentSpec, "name" | "deployment" | "podContainer" | "image" | "port" | "health"> {
  readonly dependsOn?: readonly string[] | undefined;
}

/** Which cluster, and which of its objects are the installation's variables. */
export interface ClusterSettings extends ClusterPlace {
  readonly configMap: string;
  /** Empty for none. */
  readonly secret: string;
  /** Whether fields of other field managers are taken over. */
  readonly forceConflicts: boolean;
}

export interface BackupSettings {
  readonly folder: string;
  /** Whether a backup is made before the services stop already, which counts if nobody writes until they have. */
  readonly early: boolean;
  /** Tables that are dumped or loaded at once. */
  readonly jobs: number;
  readonly verify: "checksums" | "restore";
  readonly keepDays: number;
  readonly keepAtLeast: number;
  /** age public keys; none leaves the backups unencrypted. */
  readonly recipients: readonly string[];
  /** File of age identities; empty when there is none. */
  readonly identityFile: string;
}

/** What Verification does besides what the release says. Times in seconds but where it says otherwise. */
export interface VerificationSettings extends WantedChecks {
  /** For the smoke task to be done. */
  readonly taskTimeout: number;
  /** How much larger the share of failing requests may be than before: 0.01 is one in a hundred. */
  readonly errorRate: number;
  /** How many times as long requests may take as before. */
  readonly latencyFactor: number;
  /** How much longer they may take in any case, in milliseconds. */
  readonly latencySlack: number;
  readonly logErrors: readonly string[];
  readonly logAllow: readonly string[];
}

/** An installation as the settings describe it: everything that the phases need, no secrets. Times in seconds. */
export interface Site {
  /** Relative to the folder of Pulumi.yaml; the other paths are relative to this one. */
  readonly installation: string;
  readonly environmentFile: string;
  readonly configFolder: string;
  /** The operator's compose file; absent when there is none to be kept true. */
  readonly composeFile?: string;
  /** Folder of releases; empty for this program's own. */
  readonly catalogue: string;
  /** Only of target `docker`. */
  readonly docker?: DockerSettings;
  /** Only of target `kubernetes`. */
  readonly kubernetes?: ClusterSettings;
  readonly database: {
    readonly key: string;
    readonly host: string;
    readonly port: number;
    /** Name of the container that the server runs in; absent or empty for none. */
    readonly container?: string | undefined;
    /** Kubernetes Service that it is reached through; absent for an address that is reachable from here. */
    readonly service?: string | undefined;
  };
  readonly services: readonly ServiceSettings[];
  readonly backup: BackupSettings;
  readonly quiesce: { readonly timeout: number; readonly terminate: boolean };
  readonly migration: { readonly lockTimeout: number; readonly retries: number; readonly concurrentlyTimeout: number };
  readonly verification: VerificationSettings;
  readonly preview: { readonly budget: number };
  readonly onFailure: "restart" | "leave";
}

/** A path of the installation, made absolute. */
export function sitePath(site: Pick<Site, "installation">, path: string): string {
  return isAbsolute(path) ? path : resolve(site.installation, path);
}

/** Where PostgreSQL's tools are looked for when this host has none that will do; null for nowhere else. */
export function toolPlace({
  database,
  docker,
  kubernetes,
}: Pick<Site, "database" | "docker" | "kubernetes">): ExecPlace | null {
  if (kubernetes) return database.service ? deployments().podPlace(kubernetes, database.service) : null;
  return database.container ? containers().containerPlace(database.container, docker?.host ?? "") : null;
}

/** The folder of the releases. */
export function catalogueFolder(site: Site): string {
  return site.catalogue === "" ? ownCatalogue : resolve(site.catalogue);
}

/** The folder in which this program keeps its own records of an installation. */
export function recordFolder(site: Pick<Site, "installation">): string {
  return join(resolve(site.installation), ".octollm");
}

/** The operator's `.env` as it is, or what stands for it in a cluster, with the SHA-256 of its bytes. */
export async function readEnvironment(
  site: Pick<Site, "installation" | "environmentFile" | "kubernetes">,
): Promise<{ readonly file: DotenvFile; readonly sha256: string }> {
  return site.kubernetes ? readClusterEnvironment(site.kubernetes) : readDotenv(sitePath(site, site.environmentFile));
}

/** What the installation's variables stand in, for texts. */
export function environmentName({ environmentFile, kubernetes }: Pick<Site, "environmentFile" | "kubernetes">): string {
  return kubernetes ? describeVariables(kubernetes) : environmentFile;
}

/**
 * Where the database is: `databaseUrl` when it is set, else what the installation's own `.env` says at this moment.
 *
 * @param databaseUrl - the secret setting; empty when `.env` is to be read
 */
export async function readAddress(site: Site, databaseUrl: string): Promise<DatabaseAddress> {
  if (databaseUrl !== "") return parseDatabaseUrl(databaseUrl);
  const { key, host, port, service } = site.database;
  const { file } = await readEnvironment(site);
  const path = environmentName(site);
  const address = databaseAddress(file, {
    key,
    path,
    ...(host === "" ? {} : { host }),
    ...(port === 0 ? {} : { port }),
  });
  const { container } = site.database;
  if (container && host === "")
    return {
      ...address,
      host: await containers().addressBehind(site.docker?.host ?? "", container, address.host, address.port),
    };
  if (!service) return address;
  return {
    ...address,
    host: "127.0.0.1",
    port: await deployments().forwardTo(clusterOf(site), { service }, address.port),
  };
}

/**
 * What the planner needs to know of the settings.
 *
 * @param restoreFrom - the setting of that name; empty for a way that restores nothing unless it has to
 */
export function goalOf(site: Site, version: string, emptyStack: boolean, restoreFrom = ""): Goal {
  return {
    version,
    emptyStack,
    restoreFrom,
    environmentFile: environmentName(site),
    configFolder: site.configFolder,
    ...(site.kubernetes ? { forceConflicts: site.kubernetes.forceConflicts } : {}),
    ...(site.composeFile === undefined ? {} : { composeFile: site.composeFile }),
    images: imagePatterns(site),
    backupFolder: site.backup.folder,
    backupJobs: site.backup.jobs,
    backupEarly: site.backup.early,
    services: site.services,
    verification: site.verification,
  };
}

/** The images of services that are containers, `{version}` in the place of the release. */
export function imagePatterns({ services }: Pick<Site, "services">): Record<string, string> {
  return Object.fromEntries(
    services.flatMap((service) => ("image" in service ? [[service.name, service.image] as const] : [])),
  );
}

/** One service with what is needed to find its files. */
export interface PlacedService extends Pick<Site, "installation" | "environmentFile"> {
  readonly service: ProcessSettings;
}

/** The services of a release as their drivers want them, in starting order. */
export async function serviceSpecs(site: Site, release: string): Promise<ServiceSpec[]> {
  const { file } = await readEnvironment(site);
  return site.services.map((service) => specOf(site, service, release, file));
}

/**
 * One process as its driver wants it; it gets the variables of `.env`.
 *
 * @param release - version that is to serve
 */
export async function serviceSpec(placed: PlacedService, release: string): Promise<ProcessSpec> {
  const { file } = await readEnvironment(placed);
  return processSpec(placed, release, file);
}

function processSpec(placed: PlacedService, release: string, file: DotenvFile): ProcessSpec {
  const { service } = placed;
  const common = commonSpec(placed, service, release, file);
  return {
    ...common,
    command: filled(service.command, release),
    directory: sitePath(placed, filled(service.directory, release)),
    environment: { ...common.environment, ...service.environment },
    log: sitePath(placed, service.log),
  };
}

function specOf(site: Site, service: ServiceSettings, release: string, file: DotenvFile): ServiceSpec {
  const common = commonSpec(site, service, release, file);
  if ("container" in service) return containerSpec(site, service, common);
  if ("deployment" in service) return deploymentSpec(site, service, common);
  return processSpec({ ...site, service }, release, file);
}

function deploymentSpec(site: Site, service: DeploymentSettings, common: CommonSpec): DeploymentSpec {
  const { deployment, podContainer, image } = service;
  return { ...common, deployment, podContainer, image: filled(image, common.release), cluster: clusterOf(site) };
}

const filled = (text: string, release: string) => text.replaceAll("{version}", release);

function containerSpec(site: Site, service: ContainerSettings, common: CommonSpec): ContainerSpec {
  const image = filled(service.image, common.release);
  return { ...common, container: service.container, image, engine: site.docker?.host ?? "" };
}

function commonSpec(
  placed: Pick<Site, "installation">,
  service: ServiceSettings,
  release: string,
  file: DotenvFile,
): CommonSpec {
  return {
    name: service.name,
    environment: expandedValues(file),
    port: service.port,
    health: service.health,
    release,
    stateFolder: join(recordFolder(placed), "services"),
    startTimeoutSeconds: service.startTimeout,
    stopTimeoutSeconds: service.stopTimeout,
  };
}

/** Where each service's log ends at this moment: what comes after it is new. */
export async function logMarks(site: Site, release: string): Promise<Record<string, LogMark>> {
  const specs = await serviceSpecs(site, release);
  const marks: Record<string, LogMark> = {};
  for (const spec of specs) marks[spec.name] = await runtime.markLog(spec);
  return marks;
}
