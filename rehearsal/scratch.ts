import { randomBytes } from "node:crypto";

import { type Client, type DatabaseAddress, describeAddress, parseDatabaseUrl } from "../postgres/connection";
import { isKnownDatabase, readDatabaseRights } from "../postgres/databases";
import { readSystemIdentifier } from "../postgres/facts";
import { withMaintenance } from "../postgres/maintenance";

/** The database that an upgrade is tried on would be one that must not be touched, or cannot be made. */
export class ScratchError extends Error {
  constructor(message: string) {
    super(`${message} Nothing was touched.`);
    this.name = "ScratchError";
  }
}

/** The installation's own database. */
export interface LiveDatabase {
  readonly address: DatabaseAddress;
  /** Null when the role may not read it. */
  readonly systemIdentifier: string | null;
}

/**
 * Where a rehearsal is to take place: a database of the installation's own server, or one of another server.
 *
 * @param wish - a name, or a URL without a password, which PGPASSWORD has; empty for a new name on the own server
 */
export function scratchAddress(wish: string, { address }: LiveDatabase): DatabaseAddress {
  if (wish === "") return { ...address, database: `octollm_rehearse_${randomBytes(6).toString("hex")}` };
  if (!wish.includes("://")) return { ...address, database: wish };
  const scratch = parseDatabaseUrl(wish);
  if (scratch.password !== "")
    throw new ScratchError(
      "A password in a command line can be read by everybody on this host. Leave it out of the URL, and set PGPASSWORD.",
    );
  return { ...scratch, password: process.env.PGPASSWORD ?? "" };
}

/**
 * Refuses a scratch that is the installation's own database, by whatever name or address it is reached; one that exists;
 * and one that this role may not make.
 */
export async function judgeScratch(scratch: DatabaseAddress, live: LiveDatabase): Promise<void> {
  await withMaintenance(scratch, { name: "rehearse", readOnly: true }, async (client) => {
    await refuseLive(client, scratch, live);
    if (await isKnownDatabase(client, scratch.database))
      throw new ScratchError(
        `There is a database '${scratch.database}' already on the server of ${describeAddress(scratch)}. A rehearsal makes a ` +
          "new one: name another.",
      );
    if (!(await readDatabaseRights(client, scratch.database)).mayCreate)
      throw new ScratchError(
        `The role '${scratch.user}' may not make the scratch database. Allow it: ALTER ROLE "${scratch.user}" CREATEDB; or ` +
          "name a database of another server: --scratch postgresql://user@host:5432/name",
      );
  });
}

async function refuseLive(client: Client, scratch: DatabaseAddress, live: LiveDatabase): Promise<void> {
  if (scratch.database !== live.address.database) return;
  const { systemIdentifier: there } = await readSystemIdentifier(client);
  const here = live.systemIdentifier;
  if (there === null || here === null)
    throw new ScratchError(
      `'${scratch.database}' is what the installation's own database is called, and its server cannot be told from this one ` +
        `(role '${scratch.user}' may not read the system identifier). Name another database.`,
    );
  if (there !== here) return;
  throw new ScratchError(
    `'${scratch.database}' is the installation's own database (cluster ${here}): nothing is ever tried on it. Name another one.`,
  );
}
