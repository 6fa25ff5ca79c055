import { setTimeout as sleep } from "node:timers/promises";

import { type Client, closeClient, type DatabaseAddress, openClient } from "../postgres/connection";
import { describeDuration, describeSize } from "./describe";

/** Size of a table in the database: with TOAST, without indexes. `rows` may be an estimate. */
export interface TableSize {
  readonly bytes: number;
  readonly rows: number;
}

/** Keyed `schema.table`, as pg_dump and pg_restore name them. */
export type TableSizes = Readonly<Record<string, TableSize>>;

/**
 * Sizes of all tables whose rows are in a dump, from statistics: the exact ones would wait behind whoever holds a table
 * exclusively, before the dump has begun.
 */
export async function readTableSizes(client: Client): Promise<TableSizes> {
  const { rows } = await client.query<{ name: string; bytes: string; rows: number }>(
    `SELECT n.nspname || '.' || c.relname AS name, c.relpages * current_setting('block_size')::bigint AS bytes, greatest(c.reltuples, 0)::float8 AS rows
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'`,
  );
  return Object.fromEntries(rows.map(({ name, bytes, rows: count }) => [name, { bytes: Number(bytes), rows: count }]));
}

export interface CopyWatchOptions {
  /** The database whose tables are read or filled. */
  readonly address: DatabaseAddress;
  readonly sizes: TableSizes;
  /** Starts each line: `backup`, `restore`. */
  readonly label: string;
  readonly progress: (line: string) => void;
}

const lookMs = 2_000;

/** Tells how far pg_dump or pg_restore is: size, tables, rate, time left. Begins at once; `end` ends it. */
export class CopyWatch {
  readonly #options: CopyWatchOptions;
  readonly #begun: string[] = [];
  readonly #started = Date.now();
  readonly #over = new AbortController();
  readonly #watching: Promise<void>;

  constructor(options: CopyWatchOptions) {
    this.#options = options;
    this.#watching = this.#watch();
  }

  /** Gets each line that the tool writes with --verbose. */
  readonly onLine = (line: string): void => {
    const table = /(?:dumping contents of|processing data for) table "(.+)"/.exec(line)?.[1];
    if (table !== undefined) this.#begun.push(table);
  };

  async end(): Promise<void> {
    this.#over.abort();
    await this.#watching;
  }

  async #watch(): Promise<void> {
    const { address, progress } = this.#options;
    const signal = this.#over.signal;
    let client: Client | undefined;
    try {
      await sleep(lookMs, undefined, { signal });
      client = await openClient(address, { name: "progress", readOnly: true });
      for (;;) {
        const line = describeProgress(this.#options, this.#begun, await readCopies(client), Date.now() - this.#started);
        if (!signal.aborted) progress(line);
        await sleep(lookMs, undefined, { signal });
      }
    } catch {
      // The tool has ended, or this session is gone: there is nothing more to say, and the tool goes on.
    } finally {
      if (client) await closeClient(client);
    }
  }
}

/** A table that a COPY of this moment reads or fills. */
interface ActiveCopy {
  readonly name: string;
  readonly rows: number;
}

async function readCopies(client: Client): Promise<ActiveCopy[]> {
  const { rows } = await client.query<ActiveCopy>(
    `SELECT n.nspname || '.' || c.relname AS name, p.tuples_processed::float8 AS rows
     FROM pg_catalog.pg_stat_progress_copy p JOIN pg_catalog.pg_class c ON c.oid = p.relid
       JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE p.datname = current_database()`,
  );
  return rows;
}

/**
 * One line of progress.
 *
 * @param begun - tables that the tool has begun with, in that order
 * @param milliseconds - since the tool was started
 */
export function describeProgress(
  { sizes, label }: Pick<CopyWatchOptions, "sizes" | "label">,
  begun: readonly string[],
  active: readonly ActiveCopy[],
  milliseconds: number,
): string {
  const total = Object.values(sizes).reduce((sum, { bytes }) => sum + bytes, 0);
  const tables = Object.keys(sizes).length;
  const known = [...new Set(begun)].filter((name) => sizes[name]);
  const whole = known.reduce((sum, name) => sum + (sizes[name]?.bytes ?? 0), 0);
  const ahead = active.reduce((sum, { name, rows }) => {
    const size = known.includes(name) ? sizes[name] : undefined;
    return size ? sum + size.bytes * Math.max(0, 1 - rows / Math.max(1, size.rows)) : sum;
  }, 0);
  const done = Math.max(0, whole - ahead);
  const current = active.map(({ name }) => name.replace(/^public\./, "")).join(", ");
  const share = total > 0 ? Math.min(100, Math.floor((100 * done) / total)) : 100;
  if (active.length === 0 && known.length === tables)
    return `${label}: the rows of all ${tables} tables are done${label === "backup" ? "" : ", now indexes and constraints"}`;
  const rate = done / (milliseconds / 1000);
  const left = rate > 0 ? `, ${describeSize(rate)}/s, ${describeDuration((total - done) / rate)} left` : "";
  return `${label}: ${describeSize(done)} of ${describeSize(total)} (${share} %), table ${known.length} of ${tables}${current && ` (${current})`}${left}`;
}
