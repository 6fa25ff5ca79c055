import { join } from "node:path";

import { exists } from "../backup/files";
import { databaseAddress } from "../environment/database-address";
import { readDotenv } from "../environment/write";
import { type DatabaseAddress, parseDatabaseUrl } from "../postgres/connection";

/** Where the operator says that the database is. */
export interface DatabaseWish {
  /** An installation's `.env`. */
  readonly env?: string;
  /** The variable of that file with the URL; DATABASE_URL unless given. */
  readonly key?: string;
  /** In place of what the URL says. */
  readonly host?: string;
  readonly port?: number;
}

/** A database, and the file that leads to it; null when the environment does. */
export interface FoundDatabase {
  readonly address: DatabaseAddress;
  readonly environmentFile: string | null;
}

/**
 * Finds the database without a stack: the `.env` that is named, else DATABASE_URL of the environment, else `.env` of the
 * working folder.
 *
 * @throws Error that says what to name
 */
export async function findDatabase({ env, key, host, port }: DatabaseWish): Promise<FoundDatabase> {
  const { DATABASE_URL: url } = process.env;
  const instead = { ...(host === undefined ? {} : { host }), ...(port === undefined ? {} : { port }) };
  if (env === undefined && url) return { address: { ...parseDatabaseUrl(url), ...instead }, environmentFile: null };
  const path = env ?? ".env";
  if (env === undefined && !(await exists(join(process.cwd(), path))))
    throw new Error(
      "No database is named: there is no .env here, and DATABASE_URL is not set. Nothing was touched. Name the " +
        "installation's .env:\n  octollm migrate ... --env /srv/octollm/.env",
    );
  const { file } = await readDotenv(path);
  return {
    address: databaseAddress(file, { path, ...(key === undefined ? {} : { key }), ...instead }),
    environmentFile: path,
  };
}
