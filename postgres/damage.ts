import type { DatabaseAddress } from "./connection";
import { type ListedDatabase, listRelatedDatabases, readDatabaseRights } from "./databases";
import { DatabaseFault } from "./errors";
import { type DatabaseFacts, readSystemIdentifier } from "./facts";
import { withMaintenance } from "./maintenance";

/**
 * Whether a fault is the database's own, so that another database of its server may still answer: it is missing, its
 * catalogue is damaged, or reading it ends the session.
 */
export function isDamage(error: unknown): error is DatabaseFault {
  return error instanceof DatabaseFault && ["missing-database", "sql", "lost", "terminated"].includes(error.kind);
}

/** What can be told of a database that cannot be read, from another one of its server. */
export async function readDamagedDatabase(
  address: DatabaseAddress,
  options: { readonly connectTimeoutMs: number },
): Promise<{
  readonly database: DatabaseFacts;
  readonly rights: Awaited<ReturnType<typeof readDatabaseRights>>;
  readonly related: readonly ListedDatabase[];
}> {
  return withMaintenance(address, { name: "preview", readOnly: true, ...options }, async (client) => {
    const { rows } = await client.query<{ version: string; number: number; recovery: boolean }>(
      `SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number,
              pg_is_in_recovery() AS recovery`,
    );
    const [server] = rows;
    const rights = await readDatabaseRights(client, address.database);
    const role = {
      user: address.user,
      isSuperuser: false,
      ownsDatabase: rights.mayRename,
      notOwned: [],
      createsIn: [],
      mayStamp: false,
      mayWriteLedger: false,
      mayCreateSchema: false,
      maySignalOthers: false,
      isOwnerOrSuperuser: false,
    };
    const database: DatabaseFacts = {
      database: address.database,
      ...(await readSystemIdentifier(client)),
      serverVersion: server?.version.split(" ")[0] ?? "",
      serverVersionNumber: server?.number ?? 0,
      inRecovery: server?.recovery ?? false,
      hasAlembicVersion: false,
      revisions: [],
      isEmpty: false,
      relations: [],
      readOnlyByDefault: false,
      dataDirectory: null,
      searchPath: [],
      invalidIndexes: [],
      role,
    };
    return { database, rights, related: await listRelatedDatabases(client, address.database) };
  });
}
