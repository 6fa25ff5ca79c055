import { DotenvFile } from "../../environment/dotenv-file";
import type { Moment } from "../../planner/gates";
import { makePlan } from "../../planner/make-plan";
import type { Plan } from "../../planner/plan";
import type { Refusal } from "../../planner/refusals";
import type { Goal, Relation, ServerFacts, World } from "../../planner/world";
import type { Catalogue, Migration, Release, Statement } from "../../releases/release";

/** No attempt is open, and no clock matters. */
export const quiet: Moment = { open: null, halfDone: false, now: new Date(0) };

/** A goal with one service, as small as it can be. */
export function goal(version: string, changes: Partial<Goal> = {}): Goal {
  return {
    version,
    emptyStack: false,
    restoreFrom: "",
    environmentFile: ".env",
    configFolder: "config",
    backupFolder: "backups",
    backupJobs: 2,
    backupEarly: false,
    services: [{ name: "orchestrator", health: "/health" }],
    verification: { task: true, requests: 30, smoke: [], invariants: [], indexes: [] },
    ...changes,
  };
}

/** An installation that serves a release, all well. */
export function world(release: string, revision: string, changes: Partial<World> = {}): World {
  return {
    database: "octollm",
    release,
    revisions: [revision],
    looksLike: null,
    server,
    disk: { backupsFault: null, backups: null, data: null },
    dumpTool: { found: "pg_dump 15.18 (/usr/bin/pg_dump)" },
    openAttempt: null,
    nextAttempt: 2,
    lastOutcome: null,
    services: [{ ...service, release }],
    environment: DotenvFile.parse("CACHE_TTL=7200\n"),
    environmentDigest: "0123456789ab",
    applied: [],
    tables: [],
    keptReleases: [],
    halfDone: null,
    restore: { damage: null, backups: [], fulfilled: null, unfinished: null, noRename: null, databases: [] },
    ...changes,
  };
}

/** A service that is as it should be. */
export const service = {
  name: "orchestrator",
  current: true,
  running: true,
  asSpecified: true,
  release: "0.1.0",
  obstructed: null,
};

/** The same service, stopped. */
export const stopped = { ...service, current: false, running: false, release: null };

/** A table that belongs to our role. */
export function table(name: string, changes: Partial<Relation> = {}): Relation {
  const rights = { owner: "octollm", owned: true, readable: true, writable: true };
  return { schema: "public", name, kind: "table", ...rights, bytes: 1_000_000, ...changes };
}

/** A server on which our role owns everything. */
export const server: ServerFacts = {
  user: "octollm",
  isReplica: false,
  isReadOnly: false,
  mayCreateSchema: true,
  mayWriteLedger: true,
  mayStamp: true,
  createsIn: ["public"],
  searchPath: ["public"],
  relations: [table("tasks"), table("task_history")],
  columns: [],
  indexes: [],
};

/** The plan, or a failed assertion that shows the refusals. */
export function planned(from: World, to: Goal, catalogue: Catalogue): Plan {
  const outcome = makePlan(from, to, catalogue);
  if (outcome.kind === "refused") throw new Error(outcome.reasons.map((reason) => reason.text).join("\n"));
  return outcome.plan;
}

/** The refusals, or a failed assertion. */
export function refused(from: World, to: Goal, catalogue: Catalogue): readonly Refusal[] {
  const outcome = makePlan(from, to, catalogue);
  if (outcome.kind === "plan") throw new Error(`planned ${outcome.plan.id} where a refusal was expected`);
  return outcome.reasons;
}

/** `+abc123 -def456`: the steps of a plan in one line, a bar between before and after the new code. */
export function steps({ revisions }: Plan): string {
  const line = (list: Plan["revisions"]["pre"]) =>
    list.map(({ direction, revision }) => `${direction === "up" ? "+" : "-"}${revision}`).join(" ");
  return revisions.post.length > 0 ? `${line(revisions.pre)} | ${line(revisions.post)}` : line(revisions.pre);
}

/** What an invented revision is like, in a word: `pre`, `post`, and how its way back is. */
export interface Invented extends Partial<
  Pick<
    Migration,
    | "phase"
    | "previousCode"
    | "writers"
    | "downClass"
    | "downLoss"
    | "down"
    | "upBatched"
    | "downBatched"
    | "downLossCount"
  >
> {
  readonly revision: string;
}

/** A catalogue of invented releases `1.0.0`, `2.0.0`, ... with these revisions each. */
export function invent(
  releases: readonly (Partial<Pick<Release, "strictHead" | "requiredStop" | "type">> & {
    readonly revisions: readonly Invented[];
  })[],
): Catalogue {
  const chain: Migration[] = [];
  const made = releases.map(({ revisions, ...rest }, index): Release => {
    const version = `${index + 1}.0.0`;
    const migrations = revisions.map((invented) => {
      const migration = inventMigration(invented, version, chain.at(-1)?.revision ?? null);
      chain.push(migration);
      return migration;
    });
    return {
      version,
      date: "2026-01-01",
      type: "minor",
      notes: [],
      images: {},
      revision: migrations.findLast((migration) => migration.phase === "pre")?.revision ?? "",
      strictHead: false,
      requiredStop: false,
      environment: [],
      api: [],
      clients: null,
      smoke: [],
      task: null,
      logs: { errors: [], allow: [] },
      invariants: [],
      recognisedBy: null,
      indexes: [],
      migrations,
      ...rest,
    };
  });
  return { releases: made, chain };
}

/** A statement that does nothing. */
export const plain: Statement = {
  sql: "",
  line: 1,
  locks: [],
  needs: [],
  creates: [],
  fresh: [],
  work: [],
  hazards: [],
  waivers: [],
};

function inventMigration(invented: Invented, release: string, downRevision: string | null): Migration {
  const { revision, downClass = "exact" } = invented;
  const script = (word: string) => {
    const sql = `${word} ${revision}`;
    return {
      sql: [sql],
      firstLine: 1,
      statements: [{ ...plain, sql, locks: [{ relation: "tasks", mode: "SHARE", rewrites: false }] }],
    };
  };
  return {
    downRevision,
    title: `title of ${revision}`,
    release,
    file: `${release}/migrations/${revision}_x.sql`,
    transaction: "transactional",
    phase: "pre",
    previousCode: "runs",
    writers: "online",
    up: script("do"),
    down: downClass === "none" ? null : script("undo"),
    upBatched: null,
    downBatched: null,
    downClass,
    downLoss: downClass === "lossy" || downClass === "none" ? "the notes" : null,
    downLossCount: null,
    checksum: revision.repeat(8),
    ...invented,
  };
}
