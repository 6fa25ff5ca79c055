import type { HazardName } from "../postgres/hazards/table";
import type { RestorePlan } from "./backups";

/**
 * The plan: made once, by Preflight, and handed to every phase as its inputs. Everything in it is JSON, and nothing in
 * it moves by itself: estimates, sizes and lock holders are not part of it. docs/plan.md describes each field.
 */
export interface Plan {
  /** First 12 hex digits of the SHA-256 of the plan without `attempt`. */
  readonly id: string;
  /** Number of the attempt in the ledger: part of every slice, so that a retry runs every phase again. */
  readonly attempt: number;
  /** Release that runs before; after an unfinished attempt, the release that was complete last. */
  readonly from: string;
  readonly to: string;
  readonly direction: Direction;
  /** The releases on the way, `from` excluded, in the order in which they are passed: `1.0.0 breaking`. */
  readonly path: readonly string[];
  /** What the releases on the way break for clients, a line each. */
  readonly breaks: readonly string[];
  readonly stops: StopPlan;
  readonly backup: BackupPlan;
  readonly restore: RestorePlan;
  readonly revisions: RevisionPlan;
  readonly environment: EnvironmentPlan;
  readonly deploy: DeployPlan;
  readonly checks: CheckPlan;
  readonly rollback: RollbackPlan;
  readonly loss: LossPlan;
}

/**
 * `adopt`: take over what runs, change nothing; `install`: make all of it where there is nothing; `none`: same release, its
 * services or settings put right; `restore`: a backup takes the place of what is there.
 */
export type Direction = "adopt" | "install" | "up" | "down" | "none" | "restore";

export interface StopPlan {
  /** Services to stop before the backup, in stopping order; empty when nothing has to stop. */
  readonly services: readonly string[];
  /** Why each of them has to stop, or why none has. */
  readonly reasons: readonly string[];
}

export interface BackupPlan {
  readonly required: boolean;
  /** What it will hold, a line each. */
  readonly contents: readonly string[];
  /** Containers that are stopped while their volumes are archived; absent for none. */
  readonly stores?: readonly string[];
}

export interface RevisionPlan {
  /** Applied before the new code starts; a downgrade is done whole here. */
  readonly pre: readonly RevisionStep[];
  /** Applied once the new code has been verified. */
  readonly post: readonly RevisionStep[];
}

/**
 * One revision applied or undone: exactly the SQL that will run. Where `before` and `after` are the same, batches of the
 * other direction had stopped half-way, and what they have done is undone.
 */
export interface RevisionStep {
  readonly revision: string;
  readonly direction: "up" | "down";
  readonly title: string;
  /** Version of the release that brought the revision. */
  readonly release: string;
  /** What alembic_version says before and after; null is the empty database. */
  readonly before: string | null;
  readonly after: string | null;
  /** `batched`: each batch of rows commits with the place that it has come to. */
  readonly transaction: "transactional" | "none" | "batched";
  /** Why this way where the file has several, or why there is none but this; a line each. */
  readonly why: readonly string[];
  /** The migration file, below the catalogue's folder, and its line on which the SQL begins. */
  readonly file: string;
  readonly line: number;
  /** The SQL, a line each. */
  readonly sql: readonly string[];
  /** `line 12: tasks ACCESS EXCLUSIVE: blocks reads and writes, rewrites the table`, one per statement and relation. */
  readonly facts: readonly string[];
  /** What has to be allowed before `up` does it. */
  readonly hazards: readonly PlannedHazard[];
  /** SHA-256 of the migration file. */
  readonly checksum: string;
  /** The SQL of the other direction, or null when there is none; kept in the ledger for the way back. */
  readonly undo: readonly string[] | null;
}

/** A hazard of a statement in this very plan: what only blocks others is none while they are stopped. */
export interface PlannedHazard {
  readonly hazard: HazardName;
  /** `2.0.0/migrations/abc_title.sql:12`. */
  readonly place: string;
  /** What it is about, where it is about something. */
  readonly relation: string | null;
  /** Why the file allows it; null when it does not. */
  readonly waived: string | null;
}

export interface EnvironmentPlan {
  /** Path of the file, as in the settings. */
  readonly file: string;
  /** Releases whose changes are taken back, newest first, and those whose changes are then made, oldest first. */
  readonly undo: readonly string[];
  readonly apply: readonly string[];
  /** The release behind which changes are made, where that is not the one that runs before. */
  readonly since?: string;
  /** The lines as a diff, secrets masked; empty when the file stays as it is. */
  readonly lines: readonly string[];
  /** Variables through which the compose file names images, with their new values; absent when there are none. */
  readonly variables?: Readonly<Record<string, string>>;
  /** What changes in the compose file beside it; absent when the settings name none. */
  readonly compose?: ComposePlan;
}

/** What changes in the operator's docker-compose.yml. */
export interface ComposePlan {
  /** Path of the file, as in the settings. */
  readonly file: string;
  /** The lines as a diff, secrets masked, below a line for each place; empty when the file stays as it is. */
  readonly lines: readonly string[];
  /** What is left to the operator, a line each. */
  readonly left: readonly string[];
}

export interface DeployPlan {
  readonly release: string;
  /** `orchestrator 0.1.0 -> 1.0.0`, a line each. */
  readonly services: readonly string[];
  /** The containers to declare; absent where there are none to declare. */
  readonly containers?: readonly ContainerPlan[];
  /** The Deployments to declare; absent where there are none to declare. */
  readonly deployments?: readonly DeploymentPlan[];
}

/** One service as a Deployment that the stack declares. */
export interface DeploymentPlan {
  readonly service: string;
  /** Its name. */
  readonly deployment: string;
  /** Reference of its image. */
  readonly image: string;
  /** Number of the attempt whose manifest stays; null when this attempt makes a new one. */
  readonly keeps: number | null;
  /** Whether the old pods go on until the new ones are ready. */
  readonly rolls: boolean;
  /** Why requests may fail although it rolls; null when none should. */
  readonly gap: string | null;
  /** Whether a PodDisruptionBudget is declared beside it. */
  readonly budget: boolean;
  /** Services that must be ready first. */
  readonly after: readonly string[];
}

/** One service as a container that the stack declares. */
export interface ContainerPlan {
  readonly service: string;
  /** Its name. */
  readonly container: string;
  /** Port of the host that it publishes; 0 when it publishes none. */
  readonly port: number;
  /** Reference and id of its image; the id pins it. */
  readonly image: string;
  readonly imageId: string;
  /** Number of the attempt whose container stays; null when this attempt makes a new one. */
  readonly keeps: number | null;
  /** Whether the old container goes on until the new one is ready. */
  readonly rolls: boolean;
  /** Services that must be healthy first. */
  readonly after: readonly string[];
}

export interface CheckPlan {
  /** Whether writers are stopped from count to verification, so that counts must be equal. */
  readonly countsMustMatch: boolean;
  /** Release whose smoke requests, invariants and indexes are checked. */
  readonly release: string;
  readonly revision: string;
  /** Whether a task is created and read back. */
  readonly task: boolean;
  /** The checks to come, a line each. */
  readonly lines: readonly string[];
}

export interface RollbackPlan {
  /** How the way back goes once this plan is done. */
  readonly class: RollbackClass;
  /** The way back, a line each. */
  readonly steps: readonly string[];
  /** What it loses, a line each; empty only when it loses nothing. */
  readonly loses: readonly string[];
}

/**
 * `schema-down`: every down is lossless; `image-only`: the old code runs on the new schema; `lossy-schema-down` and
 * `restore` lose data and need `acceptLoss`; `upgrade-again`: the way back from a downgrade is the upgrade.
 */
export type RollbackClass =
  "nothing-to-undo" | "schema-down" | "image-only" | "lossy-schema-down" | "restore" | "upgrade-again";

/** What this plan itself loses. */
export interface LossPlan {
  /** To be named by `acceptLoss`; null when nothing is lost. Hashes direction, target and kinds, no counts. */
  readonly id: string | null;
  /** The kinds of loss, a line each. */
  readonly kinds: readonly string[];
}
