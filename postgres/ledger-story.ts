import type { Client } from "./connection";
import { ledgerSchema } from "./ledger-schema";

/** An attempt's phases and revisions as the ledger has them. Times in milliseconds since the epoch. */
export interface LedgerStory {
  readonly phases: readonly LedgerSpan[];
  readonly revisions: readonly {
    readonly revision: string;
    readonly direction: "up" | "down";
    readonly outcome: "applied";
    readonly milliseconds: number;
  }[];
}

export interface LedgerSpan {
  readonly name: string;
  readonly startedAt: number;
  /** Null when the run died within it. */
  readonly endedAt: number | null;
  readonly fate: "done" | "failed" | "cut short";
}

interface EventRow {
  readonly phase: string;
  readonly status: "started" | "done" | "failed";
  readonly at: number;
}

/** Reads what became of an attempt; one phase is under way at a time. */
export async function readStory(client: Client, attempt: number): Promise<LedgerStory> {
  const { rows: events } = await client.query<EventRow>(
    `SELECT phase, status, extract(epoch FROM at)::float8 * 1000 AS at FROM ${ledgerSchema}.events
     WHERE attempt = $1 AND status <> 'note' ORDER BY id`,
    [attempt],
  );
  const { rows: revisions } = await client.query<LedgerStory["revisions"][number]>(
    `SELECT revision, 'up' AS direction, 'applied' AS outcome, duration_ms::float8 AS milliseconds, applied_at AS at
     FROM ${ledgerSchema}.revisions WHERE attempt = $1 AND applied_at IS NOT NULL
     UNION ALL
     SELECT revision, 'down', 'applied', undone_duration_ms::float8, undone_at
     FROM ${ledgerSchema}.revisions WHERE undone_attempt = $1
     ORDER BY at`,
    [attempt],
  );
  return {
    phases: spansOf(events),
    revisions: revisions.map(({ revision, direction, outcome, milliseconds }) => {
      return { revision, direction, outcome, milliseconds };
    }),
  };
}

function spansOf(events: readonly EventRow[]): LedgerSpan[] {
  return events.flatMap(({ phase, status, at }, index): LedgerSpan[] => {
    if (status !== "started") return [];
    const end = events.slice(index + 1).find((event) => event.phase === phase);
    if (!end || end.status === "started") return [{ name: phase, startedAt: at, endedAt: null, fate: "cut short" }];
    return [{ name: phase, startedAt: at, endedAt: end.at, fate: end.status }];
  });
}
