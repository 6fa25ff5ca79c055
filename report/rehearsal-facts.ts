import type { Plan } from "../planner/plan";
import type { CheckFact, Outage, PhaseSpan, RevisionFact, RunFacts } from "./facts";

/** One `up` of a rehearsal as its ledger tells it. Times in milliseconds since the epoch. */
export interface TrialRun {
  readonly attempt: number;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly phases: readonly PhaseSpan[];
  readonly outages: readonly Outage[];
  readonly revisions: readonly RevisionFact[];
  readonly plan: Plan | null;
  /** What the engine said last; empty when it ended well. */
  readonly failure: readonly string[];
}

/** What a masked column came to. */
export interface MaskFact {
  readonly table: string;
  readonly column: string;
  readonly kind: string;
  readonly rows: number;
  readonly values: number;
}

/** How production's database was cloned. Times in milliseconds, sizes in bytes. */
export interface CloneFact {
  readonly bytes: number;
  readonly rows: number;
  readonly tables: number;
  readonly masked: readonly MaskFact[];
  readonly taking: number;
  readonly loading: number;
  /** Name of the database that it has replaced; null when that was a clone, and is gone. */
  readonly kept: string | null;
  /** Exact rows per table when it was taken. */
  readonly counts: Readonly<Record<string, number>>;
}

/** What a load test measured. Latencies in milliseconds; null when nothing was answered. */
export interface LoadFact {
  readonly tool: string;
  readonly seconds: number;
  readonly requests: number;
  readonly perSecond: number;
  /** Connection errors, timeouts and answers other than 2xx. */
  readonly errors: number;
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  /** What was asked: `GET /tasks of orchestrator`. */
  readonly paths: readonly string[];
}

/** How the operator's own test ended. */
export interface TestFact {
  readonly command: string;
  readonly passed: boolean;
  /** `exit code 1`, `cut short after 1800 s`. */
  readonly ending: string;
  readonly milliseconds: number;
  /** The end of its output, without secrets. */
  readonly tail: readonly string[];
}

/** All that is known of a rehearsal at its end. Times in milliseconds since the epoch. */
export interface RehearsalFacts extends RunFacts {
  /** The stack whose database was cloned. */
  readonly production: string;
  readonly startedAt: number;
  readonly endedAt: number;
  /** What went wrong, a text each; empty when all went well. */
  readonly faults: readonly string[];
  readonly clone: CloneFact | null;
  /** What production's stack will have to accept, a text each. */
  readonly asked: readonly string[];
  readonly up: TrialRun | null;
  readonly checks: readonly CheckFact[];
  readonly test: TestFact | null;
  readonly before: LoadFact | null;
  readonly after: LoadFact | null;
  readonly loadChecks: readonly CheckFact[];
  readonly back: TrialRun | null;
  readonly backChecks: readonly CheckFact[];
  /** How staging stands now, and what to type next. */
  readonly stands: readonly string[];
}
