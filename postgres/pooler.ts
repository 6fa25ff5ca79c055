import { type DatabaseAddress, describeAddress } from "./address";
import { type Client, closeClient, openPlainClient } from "./connection";
import { DatabaseFault, translateError } from "./errors";

const rounds = 3;

/**
 * Refuses a pooler in transaction mode (pgbouncer and its like) between us and the server: two sessions that are open at
 * once must have two server processes, and each its own for good. Behind such a pooler there are no session locks, and
 * what one of our sessions is set to would reach other clients; so these two set nothing.
 *
 * @throws DatabaseFault when there is one, or the server cannot be reached
 */
export async function refusePooler(address: DatabaseAddress, connectTimeoutMs: number): Promise<void> {
  const clients: Client[] = [];
  try {
    for (let session = 0; session < 2; session++)
      clients.push(await openPlainClient(address, { name: "pooler?", connectTimeoutMs }));
    const seen = clients.map(() => new Set<number>());
    for (let round = 0; round < rounds; round++)
      for (const [index, client] of clients.entries()) seen[index]?.add(await backendOf(client));
    const own = seen.every(({ size }) => size === 1);
    if (!own || new Set(seen.flatMap((pids) => [...pids])).size < clients.length) throw pooled(address);
  } catch (error) {
    throw translateError({ error, address, doing: "look for a connection pooler" });
  } finally {
    await Promise.all(clients.map(closeClient));
  }
}

function pooled(address: DatabaseAddress): DatabaseFault {
  return new DatabaseFault({
    kind: "denied",
    message:
      `${describeAddress(address)} is reached through a connection pooler in transaction mode: two sessions share one ` +
      "server process, so that locks cannot be held and settings would reach other clients. Lead this program to the " +
      "server itself: octollm config set --path database.host <host>, and database.port",
  });
}

async function backendOf(client: Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
  return rows[0]?.pid ?? 0;
}
