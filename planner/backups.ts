import type { DotenvFile } from "../environment/dotenv-file";

/** What a restore can start from, and what it has to do with: read by Preflight, judged by the planner. */
export interface RestoreWorld {
  /** Why the database cannot be read; null when it can. */
  readonly damage: string | null;
  /** The backups of the folder, newest first. */
  readonly backups: readonly BackupFacts[];
  /** The setting `restoreFrom` that was fulfilled last; null when none ever was. */
  readonly fulfilled: string | null;
  /** A restore whose database is in place already, while its attempt did not reach its end. */
  readonly unfinished: { readonly attempt: number; readonly backup: string; readonly wish: string | null } | null;
  /** Why databases cannot be made and renamed; null when they can. */
  readonly noRename: string | null;
  /** Names of databases of the server that this program has made. */
  readonly databases: readonly string[];
}

/** A backup as Preflight sees it. */
export interface BackupFacts {
  readonly id: string;
  /** ISO time. */
  readonly created: string;
  readonly release: string;
  readonly revision: string | null;
  /** What its database took on its server's disk. */
  readonly databaseBytes: number;
  /** Why it cannot be used; null when nothing speaks against it. */
  readonly fault: string | null;
  /** Enough of the SHA-256 of its `.env` to tell whether that is in place. */
  readonly environmentDigest: string;
  /** Its copy of `.env`; null when it is encrypted. */
  readonly environment: DotenvFile | null;
  /** Whether it holds the compose file, and the config folder. */
  readonly hasCompose?: boolean;
  readonly hasConfig: boolean;
}

/** What a restore is about, in names: nothing that moves by itself. */
export interface RestorePlan {
  /** Id of the backup; null when nothing is restored. */
  readonly backup: string | null;
  /** The setting `restoreFrom` that is fulfilled by it; null when the version alone leads there. */
  readonly wish: string | null;
  /**
   * `swap`: loaded beside the database and renamed; `replace`: in one transaction in the place of what is in it; `done`:
   * its database is in place already; null when nothing is restored.
   */
  readonly way: "swap" | "replace" | "done" | null;
  /** Names of the databases of a swap: where the backup is loaded, and what the replaced one is called afterwards. */
  readonly incoming: string | null;
  readonly before: string | null;
  /** What is done, a line each. */
  readonly lines: readonly string[];
}

/** The plan of a change that restores nothing. */
export const noRestore: RestorePlan = {
  backup: null,
  wish: null,
  way: null,
  incoming: null,
  before: null,
  lines: [],
};
