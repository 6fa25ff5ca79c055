import { type DatabaseAddress, DatabaseUrlError, parseDatabaseUrl, parsePort } from "../postgres/address";
import { type DotenvFile, expandedValue } from "./dotenv-file";

/** Where to look, and what to put in place of a host name that only containers can resolve. */
export interface AddressOptions {
  /** The variable with the URL; `DATABASE_URL` unless given. */
  readonly key?: string;
  readonly host?: string;
  readonly port?: number;
  /** Path of the file, for error texts. */
  readonly path?: string;
}

/** The `.env` file does not say how to reach the database. The text names key and file, never a value. */
export class DatabaseAddressError extends Error {
  constructor(reason: string) {
    super(`${reason} Nothing was touched. Correct the .env file, then run the preview again.`);
    this.name = "DatabaseAddressError";
  }
}

/**
 * The database's address from an installation's `.env`: the URL if there is one, else POSTGRES_HOST, POSTGRES_PORT,
 * POSTGRES_DB, POSTGRES_USER and POSTGRES_PASSWORD, by default `localhost:5432`. `${NAME}` in values is expanded.
 *
 * @throws DatabaseAddressError when neither is there, or one cannot be read
 */
export function databaseAddress(file: DotenvFile, options: AddressOptions = {}): DatabaseAddress {
  const { key = "DATABASE_URL", path = ".env" } = options;
  const url = expandedValue(file, key);
  const address = url ? inFile(`${key} in '${path}'`, () => parseDatabaseUrl(url)) : addressFromParts(file, key, path);
  return { ...address, host: options.host ?? address.host, port: options.port ?? address.port };
}

function addressFromParts(file: DotenvFile, key: string, path: string): DatabaseAddress {
  const value = (part: string) => expandedValue(file, `POSTGRES_${part}`) || undefined;
  const user = value("USER");
  if (!user) throw new DatabaseAddressError(`Neither ${key} nor POSTGRES_USER is set in '${path}'.`);
  return {
    host: value("HOST") ?? "localhost",
    port: inFile(`POSTGRES_PORT in '${path}'`, () => parsePort(value("PORT"))),
    database: value("DB") ?? user,
    user,
    password: value("PASSWORD") ?? "",
  };
}

/** Says where a value stands that cannot be read. */
function inFile<T>(place: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof DatabaseUrlError ? new DatabaseAddressError(`${place}: ${error.reason}.`) : error;
  }
}
