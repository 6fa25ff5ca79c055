import { type Client, type ClientOptions, closeClient, type DatabaseAddress, openClient } from "./connection";
import { DatabaseFault } from "./errors";

/** Databases of every cluster from which another one can be made, renamed and dropped. */
const candidates = ["postgres", "template1"];

/** The faults of one database; all others are those of the server, and every database of it has them. */
const ownFaults = new Set<DatabaseFault["kind"]>(["missing-database", "sql", "denied", "refused-login"]);

/**
 * Runs `use` with a session on another database of the same server: from there a database can be looked at, renamed and
 * dropped, also one that is missing or damaged.
 *
 * @throws DatabaseFault of the server, or of the last database that was tried when none takes this role
 */
export async function withMaintenance<T>(
  address: DatabaseAddress,
  options: ClientOptions,
  use: (client: Client) => Promise<T>,
): Promise<T> {
  const client = await openMaintenance(address, options);
  try {
    return await use(client);
  } finally {
    await closeClient(client);
  }
}

/** The same for a session that the caller closes. */
export async function openMaintenance(address: DatabaseAddress, options: ClientOptions): Promise<Client> {
  let fault: unknown;
  for (const database of candidates.filter((name) => name !== address.database)) {
    try {
      return await openClient({ ...address, database }, options);
    } catch (error) {
      if (!(error instanceof DatabaseFault) || !ownFaults.has(error.kind)) throw error;
      fault = error;
    }
  }
  throw fault;
}
