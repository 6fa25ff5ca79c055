import type { Client } from "./connection";
import { pause } from "./pause";

/** When batches wait for the rest of the server. */
export interface PressureLimits {
  /** Bytes of WAL that a standby or subscriber may be behind. */
  readonly lagBytes: number;
  /** Bytes of WAL that may be kept for a slot that nobody reads, or wait to be archived, beyond those at the start. */
  readonly backlogBytes: number;
  /** How long batches wait for any of it. */
  readonly pauseMs: number;
  /** How long they wait for autovacuum of their table; then they go on beside it. */
  readonly vacuumPauseMs: number;
  /** Least time between two looks. */
  readonly lookMs: number;
}

/** Why batches should wait, and how much there is of it. */
export interface Pressure {
  readonly kind: "lag" | "slot" | "archive" | "autovacuum";
  readonly text: string;
  readonly bytes: number;
}

/** Waiting was in vain: what was in the way is still there. */
export class PressureError extends Error {
  constructor(pressure: Pressure, waitedMs: number) {
    super(
      `${pressure.text}, and it did not get less in ${Math.round(waitedMs / 1000)} s. Batches would only add to it: ` +
        advice[pressure.kind],
    );
    this.name = "PressureError";
  }
}

const advice: Readonly<Record<Pressure["kind"], string>> = {
  lag: "let the standby catch up, or take it out of replication.",
  slot: "let its consumer read, or drop the slot: SELECT pg_drop_replication_slot('<name>');",
  archive: "put archive_command right.",
  autovacuum: "wait until it is done.",
};

/** Also what batches have made and nobody has written to the disk yet: their commits do not wait for that. */
const walBytes = "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END";

/** A role without pg_monitor sees no positions of others: what it cannot see is no reason. */
const pressures = `
  SELECT 'lag' AS kind, format('%s is %s behind', coalesce(nullif(application_name, ''), 'a standby'), pg_size_pretty(bytes)) AS text,
         bytes::float8 AS bytes
  FROM (SELECT application_name, pg_wal_lsn_diff(${walBytes}, replay_lsn) AS bytes FROM pg_catalog.pg_stat_replication
        WHERE state = 'streaming' OR state = 'catchup') AS standby
  WHERE bytes IS NOT NULL
  UNION ALL
  SELECT 'slot', format('replication slot %s holds back %s of WAL', slot_name, pg_size_pretty(bytes)), bytes::float8
  FROM (SELECT slot_name, pg_wal_lsn_diff(${walBytes}, restart_lsn) AS bytes FROM pg_catalog.pg_replication_slots
        WHERE NOT active) AS slot
  WHERE bytes IS NOT NULL
  UNION ALL
  SELECT 'autovacuum', format('autovacuum works on %s', relid::regclass), 0
  FROM pg_catalog.pg_stat_progress_vacuum AS v JOIN pg_catalog.pg_stat_activity AS a USING (pid)
  WHERE a.backend_type = 'autovacuum worker'
    AND (relid = $1 OR relid IN (SELECT p.relid FROM pg_catalog.pg_partition_tree($1) AS p))`;

const archive = `
  SELECT 'archive' AS kind, format('%s of WAL wait to be archived', pg_size_pretty(bytes)) AS text, bytes::float8 AS bytes
  FROM (SELECT count(*) * (SELECT setting::bigint FROM pg_catalog.pg_settings WHERE name = 'wal_segment_size') AS bytes
        FROM pg_catalog.pg_ls_archive_statusdir() WHERE name LIKE '%.ready') AS waiting
  WHERE bytes > 0`;

/** Everything that could make batches wait, whatever its size. @param table - OID of the batches' table */
export async function readPressures(client: Client, table: number): Promise<Pressure[]> {
  const { rows } = await client.query<Pressure>(pressures, [table]);
  const { rows: rights } = await client.query<{ may: boolean }>(
    "SELECT current_setting('archive_mode') <> 'off' AND has_function_privilege('pg_ls_archive_statusdir()', 'EXECUTE') AS may",
  );
  if (!rights[0]?.may) return rows;
  return [...rows, ...(await client.query<Pressure>(archive)).rows];
}

export interface CalmOptions {
  readonly client: Client;
  /** OID of the batches' table. */
  readonly table: number;
  readonly limits: PressureLimits;
  readonly progress: (line: string) => void;
  readonly signal: AbortSignal;
}

const pauseMs = 500;

/** Makes batches wait while others have trouble to keep up. */
export class Brake {
  readonly #options: CalmOptions;
  /** What slots and the archive had waiting before the batches began is not theirs. */
  #initial: ReadonlyMap<string, number> | undefined;
  #looked = 0;
  #patienceWithVacuum: number;

  constructor(options: CalmOptions) {
    this.#options = options;
    this.#patienceWithVacuum = options.limits.vacuumPauseMs;
  }

  /**
   * Returns once the next batch may begin.
   *
   * @returns how long it waited, in milliseconds
   * @throws PressureError when it waited as long as it may
   */
  async wait(): Promise<number> {
    if (Date.now() - this.#looked < this.#options.limits.lookMs) return 0;
    const { limits, progress, signal } = this.#options;
    const started = Date.now();
    for (let said = ""; ; await pause(pauseMs, signal)) {
      const pressure = await this.#worst();
      this.#looked = Date.now();
      const waited = this.#looked - started;
      if (!pressure) return waited;
      if (pressure.kind !== "autovacuum" && waited > limits.pauseMs) throw new PressureError(pressure, waited);
      const reason = `${pressure.kind} ${pressure.text.split(" is ")[0]}`;
      if (reason !== said) progress(`pauses: ${pressure.text}`);
      said = reason;
      if (pressure.kind === "autovacuum") this.#patienceWithVacuum -= pauseMs;
    }
  }

  async #worst(): Promise<Pressure | undefined> {
    const { client, table, limits } = this.#options;
    const found = await readPressures(client, table);
    this.#initial ??= new Map(found.map((pressure) => [nameOf(pressure), pressure.bytes]));
    return found.find((pressure) => {
      if (pressure.kind === "autovacuum") return this.#patienceWithVacuum > 0;
      if (pressure.kind === "lag") return pressure.bytes > limits.lagBytes;
      return pressure.bytes - (this.#initial?.get(nameOf(pressure)) ?? 0) > limits.backlogBytes;
    });
  }
}

/** A slot's name, or the archive: what stays the same while its size changes. */
function nameOf({ kind, text }: Pressure): string {
  return kind === "slot" ? (text.split(" holds back ")[0] ?? text) : kind;
}
