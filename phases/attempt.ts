import type { BackupResult } from "../backup/backup";
import type { Load } from "../planner/load";
import type { Plan } from "../planner/plan";
import { type Client, type DatabaseAddress, withClient } from "../postgres/connection";
import type { Counts } from "../postgres/counts";
import { type NewAttempt, recordPhase } from "../postgres/ledger";
import type { RevisionResult } from "../postgres/runner";
import type { Catalogue } from "../releases/release";
import type { Outage, PhaseSpan } from "../report/facts";
import type { Maintenance } from "../runtimes/maintenance";
import type { LogMark } from "../runtimes/runtime";
import type { Check } from "./checks/check";
import type { Site } from "./site";
import type { Telling } from "./telling";

/** What is being done, from the moment at which Preflight opened it in the ledger. */
export interface Attempt {
  readonly number: number;
  readonly plan: Plan;
  /** As it stands in the ledger. */
  readonly opened: NewAttempt;
  readonly site: Site;
  readonly address: DatabaseAddress;
  readonly catalogue: Catalogue;
  /** Where the operator wants to have a look; empty for nowhere. */
  readonly stopAfter: StopAfter;
  readonly progress: AttemptProgress;
  readonly telling: Telling;
}

export type StopAfter = "" | "backup" | "migrate";

/** How far an attempt has come: what later phases and the way back from a failure need to know. */
export interface AttemptProgress {
  /** This attempt's backup, once it is complete and verified. */
  backup: { readonly id: string; readonly path: string } | null;
  /** One that was made before the services stopped, and counts only if it is of the state after that. */
  early: BackupResult | null;
  /** Exact rows per table in the backup's snapshot, before the first revision. */
  counts: Counts | null;
  /** When the first service was stopped and when all served again, in milliseconds since the epoch. */
  stoppedAt: number | null;
  servingAt: number | null;
  /** Where each service's log ended before the new release wrote to it. */
  logMarks: Readonly<Record<string, LogMark>>;
  /** How the services answered before they were stopped; empty when that could not be measured. */
  loadBefore: readonly Load[];
  /** Whether anything but the ledger has been touched. */
  touched: boolean;
  /** `none` while the database that holds it cannot be read, until a restore has brought another one. */
  ledger: "there" | "none";
  /** Whether a backup has taken the database's place. */
  restored: boolean;
  readonly story: Story;
  /** Who answers in the place of stopped services; null while nobody does. */
  maintenance: Maintenance | null;
}

/** What is told of an attempt afterwards; nothing is decided by it. */
export interface Story {
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly phases: PhaseSpan[];
  readonly outages: Outage[];
  readonly revisions: RevisionResult[];
  checks: readonly Check[];
}

/** A new attempt has done nothing yet. */
export function noProgress(): AttemptProgress {
  return {
    backup: null,
    early: null,
    counts: null,
    stoppedAt: null,
    servingAt: null,
    logMarks: {},
    loadBefore: [],
    touched: false,
    ledger: "there",
    restored: false,
    maintenance: null,
    story: { startedAt: Date.now(), phases: [], outages: [], revisions: [], checks: [] },
  };
}

/** What the phases need of their caller. */
export interface Activity {
  readonly signal: AbortSignal;
  /** One line for people who wait. */
  readonly progress: (line: string) => void;
}

/** A phase could not do its work. The text says what happened; what state things are in is added by the caller. */
export class PhaseError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "PhaseError";
  }
}

/** A session for the ledger of the attempt's database. */
export async function withLedger<T>(
  attempt: Pick<Attempt, "address">,
  use: (client: Client) => Promise<T>,
): Promise<T> {
  return withClient(attempt.address, { name: "ledger" }, use);
}

/** Runs a phase's work with its start and its fate noted in the ledger; a failure is noted and thrown on. */
export async function inLedger<T>(attempt: Attempt, phase: string, work: () => Promise<T>): Promise<T> {
  const note = async (status: "started" | "done" | "failed", detail?: string) => {
    if (attempt.progress.ledger === "none") return;
    await withLedger(attempt, (client) => recordPhase(client, { attempt: attempt.number, phase, status, detail }));
  };
  await note("started");
  try {
    const result = await inStory(attempt, phase, work);
    await note("done");
    return result;
  } catch (error) {
    // The database may be what failed: then the ledger cannot be told, and the first error is the one that counts.
    await note("failed", error instanceof Error ? error.message : String(error)).catch(() => undefined);
    throw error;
  }
}

/** Runs work whose time and fate the attempt's report tells. */
export async function inStory<T>({ progress }: Attempt, name: string, work: () => Promise<T>): Promise<T> {
  const startedAt = Date.now();
  const end = (fate: PhaseSpan["fate"]) => progress.story.phases.push({ name, startedAt, endedAt: Date.now(), fate });
  try {
    const result = await work();
    end("done");
    return result;
  } catch (error) {
    end("failed");
    throw error;
  }
}
