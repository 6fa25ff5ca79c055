import { type Client, closeClient, type DatabaseAddress, openClient } from "./connection";
import { pause } from "./pause";

/** Whom a statement of ours waits for. */
export interface Blocker {
  readonly pid: number;
  readonly text: string;
}

export interface Watch {
  /** Whom the statement waited for when we last looked. */
  readonly blockers: readonly Blocker[];
}

export interface WatchOptions {
  readonly address: DatabaseAddress;
  /** Server process of the session that runs the statement. */
  readonly pid: number;
  /** Starts each line, such as `e4f5a6: statement 1 of 4`. */
  readonly label: string;
  readonly progress: (line: string) => void;
  /** When it aborts, the statement is cancelled on the server. */
  readonly signal: AbortSignal;
}

const firstLookMs = 200;
const lookMs = 1_000;
const reportMs = 10_000;

/**
 * Runs a statement under observation: says who blocks it and how far an index build is, and cancels it on the server
 * when the signal aborts. No observing transaction stays open, since CREATE INDEX CONCURRENTLY would wait for it.
 *
 * @returns what `run` returns; `run` also gets the watch, to ask for the blockers once it failed
 */
export async function watched<T>(options: WatchOptions, run: (watch: Watch) => Promise<T>): Promise<T> {
  const watch = { blockers: [] as readonly Blocker[] };
  const over = new AbortController();
  const observing = observe(options, watch, over.signal);
  try {
    return await cancellable(options, () => run(watch));
  } finally {
    over.abort();
    await observing;
  }
}

/**
 * Runs queries of a session, and cancels them on the server once the signal aborts.
 *
 * @param options - the session's database and server process, and the signal
 * @returns what `run` returns; a cancelled query rejects with SQLSTATE 57014
 */
export async function cancellable<T>(
  options: Pick<WatchOptions, "address" | "pid" | "signal">,
  run: () => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  const cancelling = cancelOnAbort(options, over.signal);
  try {
    return await run();
  } finally {
    over.abort();
    // A cancel request under way must not hit the next statement of the session.
    await cancelling;
  }
}

async function observe(
  options: WatchOptions,
  watch: { blockers: readonly Blocker[] },
  over: AbortSignal,
): Promise<void> {
  let client: Client | undefined;
  try {
    await pause(firstLookMs, over);
    client = await openClient(options.address, { name: "watch", readOnly: true });
    const started = Date.now();
    for (let reported = Date.now(), said = ""; ; await pause(lookMs, over)) {
      watch.blockers = await readBlockers(client, options.pid);
      const waiting = watch.blockers.map((blocker) => blocker.text).join("; ");
      const built = await readIndexProgress(client, options.pid);
      const line = waiting ? `waits for ${waiting}` : built;
      const due = Date.now() - reported >= reportMs;
      if ((line === said || line === "") && !due) continue;
      options.progress(`${options.label}: ${line || "runs"}, ${Math.round((Date.now() - started) / 1000)} s`);
      [reported, said] = [Date.now(), line];
    }
  } catch {
    // The statement is over, or this session is gone: there is nothing more to say, and the statement goes on.
  } finally {
    if (client) await closeClient(client);
  }
}

/** Who blocks a server process, without the text of their statements. */
async function readBlockers(client: Client, pid: number): Promise<Blocker[]> {
  const { rows } = await client.query<Blocker>(
    `SELECT pid, format('session %s of %s (%s)%s', pid, coalesce(usename, backend_type), coalesce(nullif(application_name, ''), 'no name'),
              coalesce(', ' || state || ' since ' || to_char(coalesce(xact_start, query_start), 'HH24:MI:SS'), '')) AS text
     FROM pg_catalog.pg_stat_activity WHERE pid = ANY (pg_blocking_pids($1)) ORDER BY xact_start`,
    [pid],
  );
  return rows;
}

async function readIndexProgress(client: Client, pid: number): Promise<string> {
  const { rows } = await client.query<{ phase: string; done: string; total: string; locker: string | null }>(
    `SELECT phase, CASE WHEN blocks_total > 0 THEN blocks_done ELSE tuples_done END AS done,
            CASE WHEN blocks_total > 0 THEN blocks_total ELSE tuples_total END AS total,
            nullif(current_locker_pid, 0)::text AS locker
     FROM pg_catalog.pg_stat_progress_create_index WHERE pid = $1`,
    [pid],
  );
  const [row] = rows;
  if (!row) return "";
  const share = Number(row.total) > 0 ? ` ${Math.floor((100 * Number(row.done)) / Number(row.total))} %` : "";
  return `${row.phase}${share}${row.locker ? `, waits for session ${row.locker}` : ""}`;
}

/** Cancels what a server process runs, again and again until `over`, once the signal aborts. */
async function cancelOnAbort(
  { address, pid, signal }: Pick<WatchOptions, "address" | "pid" | "signal">,
  over: AbortSignal,
): Promise<void> {
  try {
    await aborted(signal, over);
    for (;;) {
      await cancelBackend(address, pid, over);
      await pause(500, over);
    }
  } catch {
    // The statement is over.
  }
}

function aborted(signal: AbortSignal, over: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true, signal: over });
    over.addEventListener("abort", () => reject(new Error("over")), { once: true });
  });
}

async function cancelBackend(address: DatabaseAddress, pid: number, over: AbortSignal): Promise<void> {
  const client = await openClient(address, { name: "cancel", readOnly: true });
  try {
    if (!over.aborted) await client.query("SELECT pg_cancel_backend($1)", [pid]);
  } finally {
    await closeClient(client);
  }
}
