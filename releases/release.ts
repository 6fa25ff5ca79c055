import type { HazardName } from "../postgres/hazards/table";

/** What one release of OctoLLM asks of an installation, as read from `releases/<version>/`. Data only. */
export interface Release {
  readonly version: string;
  /** ISO date of the release. */
  readonly date: string;
  readonly type: "initial" | "minor" | "breaking";
  readonly notes: readonly string[];
  /** Image reference per service, for targets that run images. */
  readonly images: Readonly<Record<string, string>>;
  /** The schema revision that this release's code needs. */
  readonly revision: string;
  /** Whether the code refuses every other revision, older and newer ones alike. */
  readonly strictHead: boolean;
  /** Whether an upgrade that passes this release must stop at it. */
  readonly requiredStop: boolean;
  readonly environment: readonly EnvironmentChange[];
  readonly api: readonly ApiChange[];
  /** Null when the release adds nothing to what earlier ones say. */
  readonly clients: ClientHints | null;
  readonly smoke: readonly SmokeRequest[];
  /** How a task is created and read back; null when the release says nothing of it. */
  readonly task: SmokeTask | null;
  /** What the release's services log without meaning trouble, and what means trouble besides the usual words. */
  readonly logs: LogPatterns;
  readonly invariants: readonly Invariant[];
  /** A query that answers whether a schema is this release's; null when nothing tells. Stamps are not looked at. */
  readonly recognisedBy: string | null;
  /** Indexes that must exist and be valid once this release serves, besides those of earlier releases. */
  readonly indexes: readonly string[];
  /** In chain order. */
  readonly migrations: readonly Migration[];
}

/** One change that a release makes to `.env`. */
export type EnvironmentChange =
  /**
   * A new variable: the value of `from` when that key is set, else `default`. `services` are those that read it, for
   * installations that name each service's variables.
   */
  | {
      readonly kind: "add";
      readonly key: string;
      readonly from?: string;
      readonly default: string;
      readonly services?: readonly string[];
    }
  /** A variable that this release no longer reads: its line is commented out. */
  | { readonly kind: "deprecate"; readonly key: string }
  /** A variable that this release no longer reads, and that nobody shall find in the file: its line goes. */
  | { readonly kind: "remove"; readonly key: string }
  /** A variable with another name: value and place stay. Where the new name is set already, nothing happens. */
  | { readonly kind: "rename"; readonly key: string; readonly to: string }
  /** A variable that the release needs, and for which nobody but the operator knows the value. */
  | { readonly kind: "require"; readonly key: string; readonly text: string; readonly services?: readonly string[] }
  /** A URL whose path ends in `suffix` and gets another ending; an absent or empty value is left alone. */
  | { readonly kind: "url-path"; readonly key: string; readonly suffix: string; readonly replacement: string };

/** What client programs have to do about a release; `octollm codemod` does it to their code. */
export type ApiChange = {
  readonly breaking: boolean;
  /** One sentence for operators and client authors. */
  readonly text: string;
} & (
  | { readonly kind: "path"; readonly from: string; readonly to: string }
  | { readonly kind: "removed"; readonly path: string }
  /** Numbers from `from[0]` to `from[1]` in a field of requests and answers become `factor` times as large. */
  | {
      readonly kind: "scale";
      readonly field: string;
      readonly from: readonly [number, number];
      readonly factor: number;
    }
  | SdkChange
);

/** Programs that use the SDK take another version of it, whose client has another base URL. */
export interface SdkChange {
  readonly kind: "sdk";
  /** Its name in requirements files, pyproject.toml and package.json. */
  readonly package: string;
  readonly version: string;
  /** Names of modules that programs import it by. */
  readonly modules: readonly string[];
  /** The class whose `base_url` changes. */
  readonly client: string;
  /** What is put behind the base URL. */
  readonly basePath: string;
}

/** How client programs show that it is OctoLLM that they speak to. */
export interface ClientHints {
  /** `host` or `host:port`; a host stands for the names that begin with it and a dot, too. */
  readonly addresses: readonly string[];
  /** Parts of names of variables, in lower case. */
  readonly names: readonly string[];
}

/** A read-only request that the release must answer as described. */
export interface SmokeRequest {
  readonly service: string;
  readonly method: "GET" | "HEAD" | "POST";
  readonly path: string;
  readonly status: number;
  /** What it asks for, the same words in every release: its errors and times are compared with those of the release before. */
  readonly measure?: string;
}

/** A task that a verification creates, reads back, and removes again where the API can. */
export interface SmokeTask {
  readonly service: string;
  /** Path that a POST of `body` creates the task at, and the status of its answer. */
  readonly path: string;
  readonly status: number;
  /** JSON; `{mark}` in its texts becomes words by which the task can be told from all others. */
  readonly body: Readonly<Record<string, unknown>>;
  /** The field of the answer that holds the task's id. */
  readonly id: string;
  /** Path that reads the task, with `{id}`; a DELETE of it removes the task where the API knows that. */
  readonly read: string;
  /** How the task tells that it is done, well or badly; null when that is not waited for. */
  readonly done: { readonly field: string; readonly well: readonly string[]; readonly badly: readonly string[] } | null;
  /** The field of `body` that takes the URL of a webhook of the task's own; null when the API has none. */
  readonly webhook: string | null;
  /** A query for the ids of such tasks that an earlier, killed verification has left; null when nothing tells. */
  readonly leftovers: string | null;
}

/** Regular expressions for lines of a log. */
export interface LogPatterns {
  readonly errors: readonly string[];
  readonly allow: readonly string[];
}

/** A statement about the data: the query counts violations, so 0 is right. */
export interface Invariant {
  readonly name: string;
  readonly violations: string;
}

/** One revision: a file of `releases/<version>/migrations/`. */
export interface Migration {
  readonly revision: string;
  readonly downRevision: string | null;
  readonly title: string;
  /** Version of the release that brought it. */
  readonly release: string;
  /** Path below the catalogue's folder. */
  readonly file: string;
  /** `transactional`: one transaction with its stamp; `none`: each statement commits by itself (CONCURRENTLY). */
  readonly transaction: "transactional" | "none";
  /** `pre`: before the new code starts; `post`: once it has been verified. */
  readonly phase: "pre" | "post";
  /** Whether the release before this one still works on the schema after this revision. */
  readonly previousCode: "runs" | "breaks";
  /** For data revisions: whether other sessions may write meanwhile. */
  readonly writers: "stopped" | "online";
  /** How it is done where nothing asks for batches; where batches are the only way, their script. */
  readonly up: Script;
  readonly down: Script | null;
  /** The same in batches, for tables that cannot or should not be changed in one go; null when the file has none. */
  readonly upBatched: BatchedScript | null;
  readonly downBatched: BatchedScript | null;
  /**
   * `exact`: down is the inverse; `kept`: what down cannot express is kept in the ledger and comes back on the next up;
   * `lossy`: data is lost, named in `downLoss`; `none`: there is no down, `downLoss` says why.
   */
  readonly downClass: "exact" | "kept" | "lossy" | "none";
  readonly downLoss: string | null;
  /** For `lossy`: a query that counts the rows that would be lost. */
  readonly downLossCount: string | null;
  /** SHA-256 of the file, in hex. */
  readonly checksum: string;
}

/** SQL with the facts that a reviewer needs of each statement. */
export interface Script {
  /** The section as it stands in the file, without header and blank lines at the ends. */
  readonly sql: readonly string[];
  /** Line of the file on which it begins. */
  readonly firstLine: number;
  readonly statements: readonly Statement[];
}

/** A section `-- up batched` or `-- down batched`: what is done to the rows of one table, some at a time. */
export interface BatchedScript extends Script {
  /** Whether the file has no other way in this direction. */
  readonly only: boolean;
  /** The table whose rows are taken, named as in the file. */
  readonly relation: string;
  /** Its columns that the batches set. */
  readonly columns: readonly string[];
  /** A condition that holds for the rows still to be changed, and for none that was; null when the file gives none. */
  readonly predicate: string | null;
}

export interface Statement {
  readonly sql: string;
  /** 1-based line of the statement in its file. */
  readonly line: number;
  /** What it takes of each relation it names. */
  readonly locks: readonly StatementLock[];
  /** What must be there for it to run. */
  readonly needs: readonly StatementNeed[];
  /** Relations and indexes that it makes, named as in `needs`. */
  readonly creates: readonly string[];
  /** Of these, what is new and not only renamed: nobody waits for it. */
  readonly fresh: readonly string[];
  /** What takes the longer the more rows there are. */
  readonly work: readonly StatementWork[];
  /** What has to be allowed by name, as far as the statement itself tells. */
  readonly hazards: readonly StatementHazard[];
  /** What its file allows, with the reason. */
  readonly waivers: readonly Waiver[];
}

export interface StatementLock {
  readonly relation: string;
  /** PostgreSQL's name of the lock mode, such as `ACCESS EXCLUSIVE`. */
  readonly mode: string;
  /** At worst: `work` says when it does not. */
  readonly rewrites: boolean;
  /** Of an index: the lock that its table gets with it. */
  readonly ofTable?: string;
}

/** `rewrites` the table; `builds` an index; `scans` every row; `changes` rows. */
export type WorkKind = "rewrites" | "builds" | "scans" | "changes";

export interface StatementWork {
  readonly kind: WorkKind;
  readonly relation: string;
  /** Facts of the catalogue with any of which there is no such work. */
  readonly unless: readonly SafeWhen[];
}

/** A fact of the catalogue that the statement itself does not tell. */
export type SafeWhen =
  /** The column has a type already whose values need not change to become of this one. */
  | { readonly kind: "same-storage"; readonly column: string; readonly type: ColumnType }
  /** No CHECK names the column, which would have to be proven again. */
  | { readonly kind: "unchecked"; readonly column: string }
  /** Every one of these columns is NOT NULL, or a valid CHECK says so. */
  | { readonly kind: "no-nulls"; readonly columns: readonly string[] }
  /** The same for the columns of an index. */
  | { readonly kind: "no-nulls-in"; readonly index: string }
  /** No domain of that name has a constraint. */
  | { readonly kind: "no-constrained-domain"; readonly type: string }
  /** The partitioned table has no default partition whose rows would have to be looked at. */
  | { readonly kind: "no-default-partition" };

export interface ColumnType {
  /** PostgreSQL's own name, such as `varchar` or `int4`; with `[]` for arrays. */
  readonly name: string;
  /** As in `numeric(10, 2)`; empty for none. */
  readonly modifiers: readonly number[];
}

export interface StatementHazard {
  readonly hazard: HazardName;
  /** What it is about, which is no hazard when the same upgrade has made it; null when nothing exempts it. */
  readonly relation: string | null;
  /** Facts of the catalogue with any of which it is none. */
  readonly unless: readonly SafeWhen[];
}

/** `-- allow: <hazard>: <reason>` before a statement. */
export interface Waiver {
  readonly hazard: HazardName;
  readonly reason: string;
}

export type RelationKind = "table" | "partitioned table" | "materialized view" | "view" | "foreign table";

/** A relation that a statement cannot do without. */
export interface StatementNeed {
  /** Name as the statement has it, quoted where it must be. */
  readonly relation: string;
  /** `own`: only its owner may do this; `read` and `write`: the privilege on its rows. */
  readonly right: "own" | "read" | "write";
  /** What it may be; empty for anything. */
  readonly kinds: readonly RelationKind[];
  /** The statement says IF EXISTS. */
  readonly optional: boolean;
}

/** All releases, oldest first, and their revisions as one chain, base first. */
export interface Catalogue {
  readonly releases: readonly Release[];
  readonly chain: readonly Migration[];
}
