import { applicationPrefix, type Client } from "./connection";

/** A session of somebody else on the installation's database. */
export interface ForeignSession {
  readonly pid: number;
  readonly user: string;
  readonly application: string;
  /** IP address, or `local` for a Unix socket. */
  readonly clientAddress: string;
  /** Such as `idle in transaction`. */
  readonly state: string;
  /** When the session began, as PostgreSQL prints it. */
  readonly since: string;
}

/**
 * The client sessions on this database that are not this program's. Sessions of other roles show without state when
 * the role may not read them; they are listed all the same.
 */
export async function foreignSessions(client: Client): Promise<ForeignSession[]> {
  const { rows } = await client.query<ForeignSession>(
    `SELECT pid, coalesce(usename, '?') AS "user", application_name AS application,
            coalesce(host(client_addr), 'local') AS "clientAddress", coalesce(state, 'unknown') AS state,
            to_char(backend_start, 'YYYY-MM-DD HH24:MI:SS TZ') AS since
     FROM pg_catalog.pg_stat_activity
     WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
       AND NOT starts_with(coalesce(application_name, ''), $1)
     ORDER BY backend_start`,
    [applicationPrefix],
  );
  return rows;
}

/** A session for people: who it is, where from, since when. */
export function describeSession({ pid, user, application, clientAddress, state, since }: ForeignSession): string {
  const name = application === "" ? "unnamed client" : `'${application}'`;
  return `${name} of ${user} from ${clientAddress}, server process ${pid}, ${state}, since ${since}`;
}

/**
 * Ends sessions and waits until they are gone.
 *
 * @param pids - as `foreignSessions` lists them
 * @returns the pids that are still there after ten seconds
 */
export async function terminateSessions(client: Client, pids: readonly number[]): Promise<number[]> {
  // Only sessions of this database: a pid may have been given to another one since it was listed.
  await client.query(
    `SELECT pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
     WHERE pid = ANY ($1::int[]) AND datname = current_database() AND pid <> pg_backend_pid()`,
    [pids],
  );
  for (let tries = 0; ; tries++) {
    const { rows } = await client.query<{ pid: number }>(
      "SELECT pid FROM pg_catalog.pg_stat_activity WHERE pid = ANY ($1::int[]) AND datname = current_database() ORDER BY pid",
      [pids],
    );
    if (rows.length === 0 || tries >= 100) return rows.map((row) => row.pid);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Who is connected to a database, this program's own sessions too; from a session on any database of the server. */
export async function foreignSessionsOn(
  client: Client,
  database: string,
): Promise<Pick<ForeignSession, "pid" | "user" | "application">[]> {
  const { rows } = await client.query<Pick<ForeignSession, "pid" | "user" | "application">>(
    `SELECT pid, coalesce(usename, '?') AS "user", application_name AS application FROM pg_catalog.pg_stat_activity
     WHERE datname = $1 AND backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY backend_start`,
    [database],
  );
  return rows;
}

/**
 * Ends the sessions of other clients on a database; from a session on another one.
 *
 * @param ours - whether sessions of this program are ended too, as on a database that only this program knows
 * @returns how many were told to end
 */
export async function terminateSessionsOn(client: Client, database: string, ours = false): Promise<number> {
  const { rows } = await client.query(
    `SELECT pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
     WHERE datname = $1 AND pid <> pg_backend_pid() AND backend_type = 'client backend'
       AND ($3 OR NOT starts_with(coalesce(application_name, ''), $2))`,
    [database, applicationPrefix, ours],
  );
  return rows.length;
}
