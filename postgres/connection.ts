import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import type { ConnectionOptions } from "node:tls";

import pg from "pg";

import { type DatabaseAddress, describeAddress, type SslSettings } from "./address";
import { translateError } from "./errors";

export { type DatabaseAddress, DatabaseUrlError, describeAddress, parseDatabaseUrl, type SslSettings } from "./address";
export { DatabaseFault, type DatabaseFaultKind, isConnectionLoss } from "./errors";

export type Client = pg.Client;

/** Every session of this program bears a name that begins so; `foreignSessions` goes by it. */
export const applicationPrefix = "octollm-upgrade: ";

/** PostgreSQL cuts application_name at 63 bytes. */
const longestName = 63;

export interface ClientOptions {
  /** What the session is for; shown to DBAs in application_name. */
  readonly name: string;
  /** Every transaction of the session is READ ONLY: what a preview may use. */
  readonly readOnly?: boolean;
  readonly connectTimeoutMs?: number;
}

/** `application_name` of a session with this purpose, cut at 63 bytes between characters. */
export function applicationName(purpose: string): string {
  let name = applicationPrefix + purpose;
  while (Buffer.byteLength(name) > longestName) name = [...name].slice(0, -1).join("");
  return name;
}

function tlsOptions({ mode, rootCertificate, certificate, key }: SslSettings): ConnectionOptions {
  const read = (path: string | undefined) => (path === undefined ? undefined : readFileSync(path, "utf8"));
  return {
    ca: read(rootCertificate),
    cert: read(certificate),
    key: read(key),
    rejectUnauthorized: mode !== "require",
    // verify-ca trusts every name that the authority has signed, as libpq does.
    ...(mode === "verify-ca" ? { checkServerIdentity: () => undefined } : {}),
  };
}

/** Timestamps and dates stay text: a Date loses microseconds and shifts dates by the time zone. */
const textTypes = new Set<number>([
  pg.types.builtins.TIMESTAMPTZ,
  pg.types.builtins.TIMESTAMP,
  pg.types.builtins.DATE,
  pg.types.builtins.INTERVAL,
]);
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: "text" | "binary") =>
    textTypes.has(oid)
      ? (value: string) => value
      : (pg.types.getTypeParser(oid, format) as unknown)) as typeof pg.types.getTypeParser,
};

const noTimeouts = `SELECT set_config(name, '0', false) FROM pg_catalog.pg_settings WHERE name IN
  ('statement_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout')`;

function newClient(address: DatabaseAddress, { name, connectTimeoutMs = 10_000 }: ClientOptions): Client {
  const { host, port, database, user, password, ssl } = address;
  const client = new pg.Client({
    host,
    port,
    database,
    user,
    password,
    ssl: ssl ? tlsOptions(ssl) : false,
    application_name: applicationName(name),
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types,
  });
  // Without a listener, a connection that dies while idle ends the process; the next query reports the loss.
  client.on("error", () => undefined);
  return client;
}

/** Opens a session and sets nothing in it, as `openClient` does; the caller closes it. */
export async function openPlainClient(address: DatabaseAddress, options: ClientOptions): Promise<Client> {
  const client = newClient(address, options);
  try {
    await client.connect();
    return client;
  } catch (error) {
    await closeClient(client);
    throw translateError({ error, address, doing: `connect to ${describeAddress(address)}` });
  }
}

/**
 * Opens a session that the caller closes with `closeClient`; prefer `withClient`.
 *
 * @throws DatabaseFault that says what to do about it
 */
export async function openClient(address: DatabaseAddress, options: ClientOptions): Promise<Client> {
  const client = await openPlainClient(address, options);
  try {
    // Server-side defaults of the role or database must not cut long work short.
    await client.query(noTimeouts);
    if (options.readOnly) await client.query("SET default_transaction_read_only = on");
    return client;
  } catch (error) {
    await closeClient(client);
    throw translateError({ error, address, doing: `connect to ${describeAddress(address)}` });
  }
}

/** Ends a session at once, whatever it is at: a COPY cannot be left half-way. It still has to be closed. */
export function breakConnection(client: Client): void {
  socketOf(client)?.destroy();
}

function socketOf(client: Client): Socket | undefined {
  return (client as unknown as { connection?: { stream?: Socket } }).connection?.stream;
}

/** Closes a session, also one whose server no longer answers. */
export async function closeClient(client: Client): Promise<void> {
  const socket = socketOf(client);
  const patience = setTimeout(() => socket?.destroy(), 2_000);
  try {
    await client.end();
  } catch {
    socket?.destroy();
  } finally {
    clearTimeout(patience);
  }
}

/**
 * Runs `use` with a session of its own, and closes the session whatever happens.
 *
 * @param address - the database
 * @param options - name and kind of the session
 * @param use - gets the connected client
 * @returns what `use` returns
 * @throws DatabaseFault for faults of connection and server; errors of this program pass unchanged
 */
export async function withClient<T>(
  address: DatabaseAddress,
  options: ClientOptions,
  use: (client: Client) => Promise<T>,
): Promise<T> {
  const client = await openClient(address, options);
  try {
    return await use(client);
  } catch (error) {
    throw translateError({ error, address, doing: options.name });
  } finally {
    await closeClient(client);
  }
}
