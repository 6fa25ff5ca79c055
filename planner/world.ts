import type { DotenvFile } from "../environment/dotenv-file";
import type { RestoreWorld } from "./backups";

/** What an installation is like: read by Preflight, judged by the planner. No secrets but those in `.env`. */
export interface World {
  /** Name of the database, for the lines of the plan. */
  readonly database: string;
  /** Release that was complete last; null when nothing tells. */
  readonly release: string | null;
  /** Rows of alembic_version; more than one is two heads. */
  readonly revisions: readonly string[];
  readonly openAttempt: OpenAttempt | null;
  /** Number that the next attempt will have. */
  readonly nextAttempt: number;
  readonly services: readonly ServiceFacts[];
  /** The operator's `.env` as it is. */
  readonly environment: DotenvFile;
  /** Applied revisions as the ledger knows them; those that Alembic applied are missing. */
  readonly applied: readonly AppliedRevision[];
  readonly restore: RestoreWorld;
}

/** An attempt that did not reach its end. */
export interface OpenAttempt {
  readonly attempt: number;
  readonly from: string;
  readonly to: string;
  readonly planId: string;
  /** The plan id that its operator had reviewed, when `reviewedPlan` was set. */
  readonly reviewedPlan: string | null;
}

export interface ServiceFacts {
  readonly name: string;
  /** Whether it runs, healthy, as the release and settings that were asked for. */
  readonly current: boolean;
  readonly running: boolean;
  /** What it says it is, when it says so. */
  readonly release: string | null;
}

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
  readonly backupFolder: string;
  readonly backupJobs: number;
  /** Services in starting order, with what the checks ask of them. */
  readonly services: readonly { readonly name: string; readonly health: string }[];
}
