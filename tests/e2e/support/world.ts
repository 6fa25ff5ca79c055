import { Client } from "pg";

import { type Fingerprint, fingerprint as takeFingerprint } from "../../../demo/installation";

export type { Fingerprint } from "../../../demo/installation";

/** What an installation is, as far as anybody could miss it. */
export interface World {
  readonly data: Fingerprint;
  readonly env: string;
  readonly revision: string;
  /** Release that answers on the port; null when nothing does. */
  readonly serves: string | null;
  /** Indexes and constraints, and the default of a priority. */
  readonly schema: readonly string[];
}

/** Rows of a query, in a session of nobody's. */
export async function query<T extends object>(databaseUrl: string, sql: string): Promise<T[]> {
  const client = new Client({ connectionString: databaseUrl, application_name: "e2e" });
  await client.connect();
  try {
    return (await client.query<T>(sql)).rows;
  } finally {
    await client.end();
  }
}

export async function revisionOf(databaseUrl: string): Promise<string> {
  const rows = await query<{ version_num: string }>(databaseUrl, "SELECT version_num FROM alembic_version");
  return rows.map((row) => row.version_num).join(",");
}

export async function fingerprintOf(databaseUrl: string): Promise<Fingerprint> {
  return takeFingerprint(databaseUrl);
}

export async function schemaOf(databaseUrl: string): Promise<string[]> {
  const rows = await query<{ line: string }>(
    databaseUrl,
    `SELECT indexdef AS line FROM pg_indexes WHERE schemaname = 'public'
     UNION ALL SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
     UNION ALL SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || coalesce(column_default, '-')
       FROM information_schema.columns WHERE table_schema = 'public'
     ORDER BY line`,
  );
  return rows.map((row) => row.line);
}

/** Release that answers on a port. */
export async function servedOn(port: number): Promise<string | null> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/health`, { signal: AbortSignal.timeout(2_000) });
    const { version } = (await response.json()) as { version?: string };
    return response.ok ? (version ?? "") : null;
  } catch {
    return null;
  }
}

/** One row of the ledger's attempts. */
export interface LedgerAttempt {
  readonly attempt: number;
  readonly from_version: string;
  readonly to_version: string;
  readonly direction: string;
  readonly status: string;
  readonly phase: string | null;
  readonly error: string | null;
  readonly backup_id: string | null;
}

export async function attemptsOf(databaseUrl: string): Promise<LedgerAttempt[]> {
  return query(
    databaseUrl,
    `SELECT attempt, from_version, to_version, direction, status, phase, error, backup_id
     FROM octollm_upgrade.attempts ORDER BY attempt`,
  );
}

/** The ledger's revisions: `+abc123 2` applied by attempt 2, `-abc123 3` undone by attempt 3; in order of their rows. */
export async function revisionRows(databaseUrl: string): Promise<string[]> {
  const rows = await query<{ revision: string; attempt: number | null; undone_attempt: number | null }>(
    databaseUrl,
    "SELECT revision, attempt, undone_attempt FROM octollm_upgrade.revisions ORDER BY id",
  );
  return rows.map(
    ({ revision, attempt, undone_attempt: undone }) => `+${revision} ${attempt}${undone === null ? "" : ` -${undone}`}`,
  );
}
