import { createHash } from "node:crypto";
import { hostname } from "node:os";

import {
  applicationName,
  type Client,
  closeClient,
  type DatabaseAddress,
  describeAddress,
  openClient,
  withClient,
} from "./connection";
import { isConnectionLoss, translateError } from "./errors";
import { readLedger } from "./ledger";
import { openMaintenance } from "./maintenance";
import { pause } from "./pause";

/**
 * Key of the advisory lock: the bytes of `octollmu` as a bigint. Documented in docs/ledger.md; never change it, or two
 * versions of this program could upgrade at once.
 */
export const lockKey = "8026386982813592949";

export interface LockHolder {
  readonly stack: string;
  readonly host?: string;
  readonly pid?: number;
}

/** The right to change this database's schema, held by a session of its own. */
export interface UpgradeLock {
  /** Server process of the session that holds it. */
  readonly backend: number;
  /** Aborts when the lock is lost (its reason is the error): stop at once, somebody else may take it. */
  readonly lost: AbortSignal;
  /** Gives the lock back; harmless when called twice. */
  release(): Promise<void>;
}

/** Somebody else upgrades this database. */
export class UpgradeLockedError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "UpgradeLockedError";
  }
}

const heartbeatMs = 15_000;

/**
 * Takes the lock that allows one upgrade of a database at a time. The server ends the session of a holder whose host
 * is gone after about a minute, which frees the lock.
 *
 * @param address - the installation's database
 * @param options - `holder` goes into application_name, for the text that others get
 * @throws UpgradeLockedError that says who holds it and what to do
 */
export async function acquireUpgradeLock(
  address: DatabaseAddress,
  options: { holder: LockHolder },
): Promise<UpgradeLock> {
  return takeLock(address, lockKey, await openClient(address, { name: holderName(options.holder) }));
}

/**
 * Takes the lock of a database that cannot hold one itself: it is missing, damaged or being renamed. The lock is one of the
 * server's maintenance database, and a database's own name is part of its key.
 *
 * @throws UpgradeLockedError that says who holds it and what to do
 */
export async function acquireServerLock(
  address: DatabaseAddress,
  options: { holder: LockHolder },
): Promise<UpgradeLock> {
  const digest = createHash("sha256").update(address.database).digest().readBigInt64BE();
  const key = BigInt.asIntN(64, digest ^ BigInt(lockKey)).toString();
  return takeLock(address, key, await openMaintenance(address, { name: holderName(options.holder) }));
}

async function takeLock(address: DatabaseAddress, key: string, client: Client): Promise<UpgradeLock> {
  try {
    await client.query("SET tcp_keepalives_idle = 20; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3");
    // A holder that ends between our try and our look leaves nobody to name: try again.
    for (let tries = 0; !(await tryLock(client, key)); tries++) {
      const holder = await describeHolder(client, address, key);
      if (holder !== null || tries >= 5)
        throw new UpgradeLockedError(
          holder ??
            `${describeAddress(address)} is locked by another upgrade. Nothing was changed. Run the command again.`,
        );
    }
    const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
    return holdLock(client, address, rows[0]?.pid ?? 0);
  } catch (error) {
    await closeClient(client);
    throw translateError({ error, address, doing: "take the upgrade lock" });
  }
}

/** How long a lock that was lost is tried to be had again: a server that was restarted needs some seconds. */
const retakeForMs = 20_000;

/**
 * Takes a lock again that this process has lost, once the database answers. A session of ours that the server still
 * holds for alive, since the network swallowed its end, is ended.
 *
 * @throws what `acquireUpgradeLock` throws, after twenty seconds of trying; at once when somebody else holds the lock
 */
export async function retakeUpgradeLock(
  address: DatabaseAddress,
  options: { holder: LockHolder; lost: UpgradeLock; progress: (line: string) => void },
): Promise<UpgradeLock> {
  const { holder, lost, progress } = options;
  for (const deadline = Date.now() + retakeForMs; ;) {
    try {
      await endSession(address, { backend: lost.backend, name: applicationName(holderName(holder)) });
      return await acquireUpgradeLock(address, { holder });
    } catch (error) {
      if (error instanceof UpgradeLockedError || Date.now() > deadline) throw error;
      progress(`waiting for ${describeAddress(address)} to answer again`);
      await pause(1_000);
    }
  }
}

async function endSession(address: DatabaseAddress, session: { backend: number; name: string }): Promise<void> {
  await withClient(address, { name: "retake lock" }, async (client) => {
    const ours = "FROM pg_catalog.pg_stat_activity WHERE pid = $1 AND application_name = $2";
    const parameters = [session.backend, session.name];
    await client.query(`SELECT pg_terminate_backend(pid) ${ours}`, parameters);
    for (let tries = 0; tries < 50 && (await client.query(`SELECT ${ours}`, parameters)).rows.length > 0; tries++)
      await pause(100);
  });
}

/** `stack@host pid`, cut so that the pid survives the 63 bytes of application_name. */
function holderName({ stack, host = hostname(), pid = process.pid }: LockHolder): string {
  const tail = ` ${pid}`;
  let place = `${stack}@${host}`;
  while (!applicationName(place + tail).endsWith(tail)) place = place.slice(0, -1);
  return place + tail;
}

async function tryLock(client: Client, key: string): Promise<boolean> {
  const { rows } = await client.query<{ taken: boolean }>(`SELECT pg_try_advisory_lock(${key}) AS taken`);
  return rows[0]?.taken ?? false;
}

async function describeHolder(client: Client, address: DatabaseAddress, key: string): Promise<string | null> {
  const { rows } = await client.query<{ pid: number; application: string; client: string; since: string }>(
    `SELECT a.pid, a.application_name AS application, coalesce(host(a.client_addr), 'this server''s socket') AS client,
            to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS TZ') AS since
     FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid)
     WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
       AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
       AND (l.classid::bigint << 32) | l.objid::bigint = ${key}`,
  );
  const [holder] = rows;
  if (!holder) return null;
  const open = await readOpenAttempt(client);
  return [
    `Another upgrade of ${describeAddress(address)} is under way; nothing was changed.`,
    `  Held by session '${holder.application}' from ${holder.client}, server process ${holder.pid}, since ${holder.since}.`,
    ...(open ? [`  Its attempt in the ledger: ${open}.`] : []),
    `Wait until it ends and run the command again. If nothing runs there any more, end the session and try again:`,
    `  SELECT pg_terminate_backend(${holder.pid});`,
  ].join("\n");
}

async function readOpenAttempt(client: Client): Promise<string | null> {
  try {
    const { openAttempt: open } = await readLedger(client);
    if (!open) return null;
    return `attempt ${open.attempt}, stack '${open.stack}', host '${open.host}', pid ${open.pid}, ${open.fromVersion} -> ${open.toVersion}, since ${open.startedAt}`;
  } catch (error) {
    // Being unable to read the ledger must not hide who holds the lock.
    if (isConnectionLoss(error)) throw error;
    return null;
  }
}

function holdLock(client: Client, address: DatabaseAddress, backend: number): UpgradeLock {
  const lost = new AbortController();
  const lose = (reason: string) =>
    lost.abort(
      new UpgradeLockedError(
        `The session that held the upgrade lock of ${describeAddress(address)} is gone (${reason}). The work was stopped; see where it stands: npx octollm status`,
      ),
    );
  let released = false;
  const onEnd = () => (released ? undefined : lose("its connection ended"));
  client.on("end", onEnd);
  // A network that swallows packets ends no connection: only an unanswered question shows it.
  const heartbeat = setInterval(() => {
    client.query({ text: "SELECT 1", query_timeout: heartbeatMs } as { text: string }).catch((error: unknown) => {
      if (!released && isConnectionLoss(error)) lose("the server does not answer");
    });
  }, heartbeatMs);
  heartbeat.unref();
  const release = async () => {
    if (released) return;
    released = true;
    clearInterval(heartbeat);
    await closeClient(client);
  };
  return { backend, lost: lost.signal, release };
}
