import type { Direction } from "../planner/plan";
import type { UnfinishedBatches } from "./batch-state";
import type { AttemptLoad } from "./ledger-load";

/** `superseded`: a run died with it open, and a later attempt took over. */
export type AttemptStatus = "open" | "succeeded" | "failed" | "superseded";

/** `schema`: only revisions were applied or undone, no release deployed; its `fromVersion` and `toVersion` are revisions. */
export type AttemptScope = "installation" | "schema";

/** One row of `attempts`; docs/ledger.md describes each column. */
export interface Attempt {
  readonly attempt: number;
  readonly stack: string;
  readonly host: string;
  readonly pid: number;
  readonly programVersion: string;
  readonly planId: string;
  /** The plan id that the operator had reviewed, when the stack asks for one. */
  readonly reviewedPlan: string | null;
  readonly fromVersion: string;
  readonly toVersion: string;
  readonly direction: Direction;
  readonly status: AttemptStatus;
  /** The last phase that began. */
  readonly phase: string | null;
  /** Timestamps are PostgreSQL's text, with microseconds and time zone. */
  readonly startedAt: string;
  readonly finishedAt: string | null;
  readonly error: string | null;
  readonly backupId: string | null;
  /** Rows per table once writers were stopped. */
  readonly counts: Readonly<Record<string, number>> | null;
  /** How the services answered before and after; null when nobody measured. */
  readonly load: Partial<AttemptLoad> | null;
  /** What it left behind when it succeeded; null otherwise, and for attempts of older programs. */
  readonly revision: string | null;
  /** First digits of the SHA-256 of `.env`. */
  readonly environmentDigest: string | null;
  /** The setting `restoreFrom` that this attempt fulfils; null when it had none to fulfil. */
  readonly restoreWish: string | null;
  /** The backup that this attempt has put in the database's place. */
  readonly restoredBackup: string | null;
  readonly scope: AttemptScope;
}

type Opening = "stack" | "host" | "pid" | "programVersion" | "planId" | "reviewedPlan";

/** What a new attempt is opened with. */
export interface NewAttempt extends Pick<Attempt, Opening | "fromVersion" | "toVersion" | "direction"> {
  /** The number that the plan was made with; another one is refused. */
  readonly expected?: number;
  /** A restore whose database an earlier attempt has put in place already. */
  readonly restored?: { readonly backup: string; readonly wish: string | null };
  /** `installation` unless given. */
  readonly scope?: AttemptScope;
}

/** A revision that stands, as far as the ledger knows; `alembic_version` is the authority. */
export interface AppliedRevision {
  readonly revision: string;
  readonly downRevision: string | null;
  readonly release: string;
  /** SHA-256 of the migration file when it ran. */
  readonly checksum: string;
  readonly attempt: number;
  readonly appliedAt: string;
  readonly durationMs: number;
  /** The SQL of the way back; null when there is none. */
  readonly downSql: string | null;
}

/** One step of an attempt's story; `note` is a remark that changes no phase. */
export interface LedgerPhase {
  readonly attempt: number;
  readonly phase: string;
  readonly status: "started" | "done" | "failed" | "note";
  readonly at: string;
  /** Must hold no secret. */
  readonly detail?: string | null;
}

export interface Ledger {
  /** 0 when the database has no ledger. */
  readonly schemaVersion: number;
  /** The last one of whatever scope. */
  readonly lastAttempt: Attempt | null;
  readonly openAttempt: Attempt | null;
  /** Of those that deal with the whole installation: the last one, and the last one that succeeded. */
  readonly lastInstallation: Attempt | null;
  readonly lastSucceeded: Attempt | null;
  /** The last one that put a backup in the database's place because `restoreFrom` asked for it. */
  readonly lastWished: Attempt | null;
  /** In the order in which they were applied. */
  readonly appliedRevisions: readonly AppliedRevision[];
  /** Batches that have begun and not ended. */
  readonly unfinishedBatches: UnfinishedBatches | null;
}

/** SQL: the scope of a row of `attempts`, also in a ledger of a program that knew only one. */
export const scopeColumn = "coalesce(to_jsonb(attempts) ->> 'scope', 'installation')";

/** The select list that reads a row of `attempts` as an `Attempt`; a ledger of an older program lacks the last columns. */
export const attemptColumns = `attempt, stack, host, pid, program_version AS "programVersion", plan_id AS "planId",
  reviewed_plan AS "reviewedPlan", from_version AS "fromVersion", to_version AS "toVersion", direction, status, phase,
  started_at AS "startedAt", finished_at AS "finishedAt", error, backup_id AS "backupId", counts,
  to_jsonb(attempts) -> 'load' AS load, to_jsonb(attempts) ->> 'revision' AS revision, to_jsonb(attempts) ->> 'environment_digest' AS "environmentDigest",
  to_jsonb(attempts) ->> 'restore_wish' AS "restoreWish", to_jsonb(attempts) ->> 'restored_backup' AS "restoredBackup",
  ${scopeColumn} AS scope`;
