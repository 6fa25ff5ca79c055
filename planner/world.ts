import type { ComposeFile } from "../compose/compose-file";
import type { DotenvFile } from "../environment/dotenv-file";
import type { UnfinishedBatches } from "../postgres/batch-state";
import type { RelationFacts } from "../postgres/facts";
import type { IndexTable, TableColumns } from "../postgres/table-columns";
import type { Invariant, SmokeRequest } from "../releases/release";
import type { ContainerFacts } from "../runtimes/docker/facts";
import type { RestoreWorld } from "./backups";
import type { TableFacts } from "./tables";

/** What an installation is like: read by Preflight, judged by the planner. No secrets but those in `.env`. */
export interface World {
  /** Volumes that backups are to hold besides the database; absent for none. */
  readonly volumes?: readonly VolumeWorld[];
  /** Name of the database, for the lines of the plan. */
  readonly database: string;
  /** Release that was complete last; null when nothing tells. */
  readonly release: string | null;
  /** Rows of alembic_version; more than one is two heads. */
  readonly revisions: readonly string[];
  /** Without any revision: the release whose schema this looks like; null when nothing tells. */
  readonly looksLike: string | null;
  readonly server: ServerFacts;
  readonly disk: DiskFacts;
  readonly dumpTool: DumpTool;
  readonly openAttempt: OpenAttempt | null;
  /** Number that the next attempt will have. */
  readonly nextAttempt: number;
  /** What the last attempt left behind; null when it did not succeed. Fields that nobody noted are null. */
  readonly lastOutcome: LastOutcome | null;
  readonly services: readonly ServiceFacts[];
  /** The operator's `.env` as it is, and enough of its digest to tell whether it was edited. */
  readonly environment: DotenvFile;
  readonly environmentDigest: string;
  /** The operator's compose file; absent when the settings name none. */
  readonly compose?: ComposeWorld;
  /** Absent for an installation that is not on Kubernetes. */
  readonly cluster?: ClusterWorld;
  /** Applied revisions as the ledger knows them; those that Alembic applied are missing. */
  readonly applied: readonly AppliedRevision[];
  /** The tables that the catalogue's batched sections are about, as far as they are there. */
  readonly tables: readonly TableFacts[];
  /** Releases that the catalogue's folder lacks, and whose files come from the ledger. */
  readonly keptReleases: readonly string[];
  /** Batches that stopped half-way. */
  readonly halfDone: HalfDone | null;
  readonly restore: RestoreWorld;
}

/** The operator's compose file as it was found. */
export interface ComposeWorld {
  readonly file: ComposeFile;
  /** The files that `env_file` names and that are there, by path as the compose file has it, without `.env` itself. */
  readonly files: ReadonlyMap<string, DotenvFile>;
  /** The paths by which the compose file names `.env` itself. */
  readonly environmentPaths: readonly string[];
  /** Names of files beside it that compose reads as well. */
  readonly overrides: readonly string[];
}

/** An attempt that did not reach its end. */
export interface OpenAttempt {
  readonly attempt: number;
  readonly from: string;
  readonly to: string;
  readonly planId: string;
  /** The plan id that its operator had reviewed, when `reviewedPlan` was set. */
  readonly reviewedPlan: string | null;
  /** Whether it was to install OctoLLM where there was none, so that nothing leads back. */
  readonly installs?: boolean;
}

/** What the database takes from us. */
export interface ServerFacts {
  /** The role, for texts. */
  readonly user: string;
  readonly isReplica: boolean;
  readonly isReadOnly: boolean;
  readonly mayCreateSchema: boolean;
  /** Null when there is no ledger yet. */
  readonly mayWriteLedger: boolean | null;
  readonly mayStamp: boolean;
  /** Schemas in which the role may make relations, and those in which unqualified names are looked for. */
  readonly createsIn: readonly string[];
  readonly searchPath: readonly string[];
  readonly relations: readonly Relation[];
  /** Columns and indexes of the tables on which it depends whether a pending statement is a hazard. */
  readonly columns: readonly TableColumns[];
  /** The indexes that statements name. */
  readonly indexes: readonly IndexTable[];
}

/** A relation as the planner knows it; `bytes` are those with its indexes. */
export type Relation = Omit<RelationFacts, "estimatedRows">;

/** Free space where something is going to be written, in bytes; null where it cannot be known from here. */
export interface DiskFacts {
  /** Why the folder of backups cannot be read; null when it can, or is not there yet. */
  readonly backupsFault: string | null;
  readonly backups: { readonly path: string; readonly free: number; readonly lastBackup: number | null } | null;
  readonly data: { readonly path: string; readonly free: number } | null;
}

/** The pg_dump that a backup would be made with, or why there is none. */
export type DumpTool = { readonly found: string } | { readonly fault: string };

export interface LastOutcome {
  readonly release: string;
  readonly revision: string | null;
  readonly environmentDigest: string | null;
}

export interface ServiceFacts {
  readonly name: string;
  /** Whether it runs, healthy, as the release and settings that were asked for. */
  readonly current: boolean;
  readonly running: boolean;
  /** False when it was started with other settings, or another `.env`, than there are now. */
  readonly asSpecified: boolean;
  /** What it says it is, when it says so. */
  readonly release: string | null;
  /** Why its port cannot be had: who else holds it; null when nobody does. */
  readonly obstructed: string | null;
  /** Only of a service that is a container. */
  readonly container?: ServiceContainer;
  /** Only of a service that is a Deployment. */
  readonly deployment?: ServiceDeployment;
}

/** A service's Deployment as it is. */
export interface ServiceDeployment {
  readonly name: string;
  /** Whether there is one. */
  readonly exists: boolean;
  /** Reference of the image of the wanted release. */
  readonly image: string;
  /** Number of the attempt that has written its manifest, and the release that it was for; null when none has. */
  readonly attempt: number | null;
  readonly release: string | null;
  /** Whether its pods were started with the variables that ConfigMap and Secret hold now; null when nothing tells. */
  readonly followsVariables: boolean | null;
  /** Variables that its pods are given beside ConfigMap and Secret as a whole. */
  readonly ownVariables: readonly string[];
  readonly paused: boolean;
  /** Whether it has several replicas, and no PodDisruptionBudget but perhaps this stack's. */
  readonly wantsBudget: boolean;
  /** Who else writes it. */
  readonly owners: ObjectOwners;
  /** Why requests may fail while its pods are replaced; null when none should. */
  readonly gap: string | null;
  /** Services that must be ready before it is started. */
  readonly dependsOn: readonly string[];
}

/** Who besides the operator and this program writes an object. */
export interface ObjectOwners {
  /** The tool that puts it back as its repository has it: `Argo CD`; null for none. */
  readonly gitops: string | null;
  /** Fields that this program changes and that another field manager owns: `helm: .spec.template...image`. */
  readonly foreign: readonly string[];
}

/** The cluster of an installation on Kubernetes, as far as the plan depends on it. */
export interface ClusterWorld {
  /** For texts: `context 'production', namespace 'octollm'`. */
  readonly name: string;
  /** Rights that are missing: `patch deployments.apps`. */
  readonly missingRights: readonly string[];
  /** ConfigMap and Secret: `ConfigMap octollm-config`. */
  readonly variables: readonly { readonly name: string; readonly immutable: boolean; readonly owners: ObjectOwners }[];
}

/** A service's container as it is, and the image that it is to have. */
export interface ServiceContainer extends Pick<
  ContainerFacts,
  "attempt" | "release" | "imageId" | "wordless" | "besides"
> {
  readonly name: string;
  /** Port of the host that it publishes; 0 when it publishes none. */
  readonly port: number;
  /** Reference of the image of the wanted release, and what the engine has for it; null when it has nothing. */
  readonly image: string;
  readonly imageWanted: { readonly id: string } | null;
  /** Whether its variables are those that `.env` and compose file give it now. */
  readonly followsFiles: boolean;
  /** Services that must be healthy before it starts. */
  readonly dependsOn: readonly string[];
}

/** Batches of a revision that have begun and not ended. */
export type HalfDone = Pick<UnfinishedBatches, "revision" | "direction" | "checksum">;

export interface AppliedRevision {
  readonly revision: string;
  readonly checksum: string;
}

/** What the operator asks for. */
export interface Goal {
  readonly version: string;
  /** Whether the stack has no state yet: then it can only adopt what runs. */
  readonly emptyStack: boolean;
  /** `<id>` or `<id>#2`: the backup that is to be restored; empty for none. */
  readonly restoreFrom: string;
  /** Paths as in the settings, for the lines of the plan. */
  readonly environmentFile: string;
  readonly configFolder: string;
  /** Absent when the settings name none. */
  readonly composeFile?: string;
  /** Whether fields of other field managers are taken over; only of an installation on Kubernetes. */
  readonly forceConflicts?: boolean;
  /** Images of services as the settings have them, `{version}` in the place of the release. */
  readonly images?: Readonly<Record<string, string>>;
  readonly backupFolder: string;
  readonly backupJobs: number;
  /** Whether a backup is made before the services stop already. */
  readonly backupEarly: boolean;
  /** Services in starting order, with what the checks ask of them. */
  readonly services: readonly CheckedService[];
  readonly verification: WantedChecks;
}

/** A volume of the engine that backups are to hold. */
export interface VolumeWorld {
  readonly name: string;
  /** Those that have it; null when there is no such volume. */
  readonly containers: readonly string[] | null;
  /** Whether the database is in it. */
  readonly isDatabase: boolean;
}

/** A service with what the checks ask of it. */
export interface CheckedService {
  readonly name: string;
  readonly health: string;
  /** 0 when it serves none, or a container publishes none. */
  readonly port?: number;
  /** Name of its container, which may answer without a published port. */
  readonly container?: string;
}

/** What of the settings adds to the checks of the release, or takes from them. */
export interface WantedChecks {
  /** Whether a task is created, read back and removed. */
  readonly task: boolean;
  /** How many requests a measurement makes; 0 for no measurements. */
  readonly requests: number;
  readonly smoke: readonly SmokeRequest[];
  readonly invariants: readonly Invariant[];
  readonly indexes: readonly string[];
}
