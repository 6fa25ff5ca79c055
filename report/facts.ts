import type { Plan } from "../planner/plan";

/** One phase as it went. Times in milliseconds since the epoch. */
export interface PhaseSpan {
  /** As in the ledger. */
  readonly name: string;
  readonly startedAt: number;
  /** Null when its end was never noted. */
  readonly endedAt: number | null;
  readonly fate: "done" | "failed" | "cut short";
}

/** A stretch of time in which services were stopped; `to` is null when they were not seen to serve again. */
export interface Outage {
  readonly from: number;
  readonly to: number | null;
}

/** A revision that was applied or undone. */
export interface RevisionFact {
  readonly revision: string;
  readonly direction: "up" | "down";
  readonly outcome: "applied" | "already there";
  readonly milliseconds: number;
}

/** A check of the verification. */
export interface CheckFact {
  readonly check: string;
  readonly passed: boolean;
  /** It could not be judged, for a reason that is no fault. */
  readonly skipped?: boolean;
  readonly detail: string;
}

/** The backup, as its manifest tells. Sizes in bytes, times in seconds. */
export interface BackupFact {
  readonly id: string;
  readonly path: string;
  /** Null when its manifest could not be read. */
  readonly proof: {
    readonly verified: "checksums" | "restore";
    readonly files: number;
    readonly bytes: number;
    readonly seconds: number;
    readonly tool: string;
    readonly encrypted: boolean;
  } | null;
}

/**
 * How an attempt ended: `stopped` where `stopAfter` says; `killed` is one that a later run found unfinished. The text is
 * what its operator was told.
 */
export type Ending =
  { readonly kind: "succeeded" } | { readonly kind: "failed" | "stopped" | "killed"; readonly text: string };

/** What a run is called. */
export interface RunFacts {
  /** Version of this program. */
  readonly program: string;
  readonly stack: string;
  readonly host: string;
  readonly from: string;
  readonly to: string;
}

/** All that is known of an attempt at its end. Times in milliseconds since the epoch. */
export interface AttemptFacts extends RunFacts {
  readonly attempt: number;
  readonly planId: string;
  readonly direction: Plan["direction"];
  /** Null for an attempt that was killed: the ledger keeps its id only. */
  readonly plan: Plan | null;
  readonly ending: Ending;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly phases: readonly PhaseSpan[];
  readonly outages: readonly Outage[];
  readonly backup: BackupFact | null;
  readonly revisions: readonly RevisionFact[];
  /** Exact rows per table in the backup's snapshot. */
  readonly counts: Readonly<Record<string, number>> | null;
  readonly checks: readonly CheckFact[];
}

/** What a preview found. */
export interface PreviewFacts extends RunFacts {
  /** Milliseconds since the epoch. */
  readonly madeAt: number;
  /** Null when nothing can be planned: then `refusals` says why. */
  readonly plan: Plan | null;
  /** Whether there is nothing to do. */
  readonly settled: boolean;
  /** What stands in the way, a text each. */
  readonly refusals: readonly string[];
  /** What `up` is still refused for until it is accepted, a text each. */
  readonly gates: readonly string[];
  /** What moves by itself and so is in no plan: rows, sizes, tools, what retention lets go; name and text. */
  readonly estimates: readonly (readonly [string, string])[];
  /** What somebody else has changed since the last `up`. */
  readonly drift: readonly string[];
}
