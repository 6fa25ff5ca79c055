import { type DotenvFile, expandedValue } from "./dotenv-file";

/** How to reach the installation's database. Holds the password: not for logs, plans or error texts. */
export interface DatabaseAddress {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** Parameters of the URL's query, such as `sslmode`. */
  readonly parameters: Readonly<Record<string, string>>;
}

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

// SQLAlchemy's own reading of a URL, as OctoLLM uses it: a password may hold '/', '#', ':' and '?' unescaped.
const databaseUrl =
  /^postgres(?:ql)?(?:\+\w+)?:\/\/(?:([^:/@]*)(?::([^@]*))?@)?(?:(?:\[([^\]]+)\]|([^/:?@]*))(?::([^/?@]*))?)(?:\/([^?]*))?(?:\?(.*))?$/;

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function portOf(text: string | undefined, origin: string): number {
  const port = text === undefined || text === "" ? 5432 : Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new DatabaseAddressError(`The port in ${origin} is no number from 1 to 65535.`);
}

/**
 * Reads a URL such as `postgresql+asyncpg://user:password@host:5432/octollm?sslmode=require`.
 *
 * @param url - the URL; the driver's name behind `+` is ignored
 * @param origin - where it stands, for error texts
 * @throws DatabaseAddressError that names the origin, and no part of the URL
 */
export function parseDatabaseUrl(url: string, origin = "the database URL"): DatabaseAddress {
  const match = databaseUrl.exec(url.trim());
  if (!match)
    throw new DatabaseAddressError(
      `What ${origin} says is no PostgreSQL URL like 'postgresql://user:password@host:5432/database'; ` +
        `an '@' in user or password must be written as '%40'.`,
    );
  const [, user = "", password = "", ipv6, host = "", port, path = "", query = ""] = match;
  if (!user) throw new DatabaseAddressError(`The URL in ${origin} names no user.`);
  const { host: socket, ...parameters } = Object.fromEntries(new URLSearchParams(query));
  return {
    host: ipv6 ?? (decoded(host) || socket || "localhost"),
    port: portOf(port, origin),
    database: decoded(path) || decoded(user),
    user: decoded(user),
    password: decoded(password),
    parameters,
  };
}

/**
 * The database's address from an installation's `.env`: the URL if there is one, else POSTGRES_HOST, POSTGRES_PORT,
 * POSTGRES_DB, POSTGRES_USER and POSTGRES_PASSWORD, by default `localhost:5432`. `${NAME}` in values is expanded.
 *
 * @throws DatabaseAddressError when neither is there, or one cannot be read
 */
export function databaseAddress(file: DotenvFile, options: AddressOptions = {}): DatabaseAddress {
  const key = options.key ?? "DATABASE_URL";
  const path = options.path ?? ".env";
  const url = expandedValue(file, key);
  const address = url ? parseDatabaseUrl(url, `${key} in '${path}'`) : addressFromParts(file, key, path);
  return { ...address, host: options.host ?? address.host, port: options.port ?? address.port };
}

function addressFromParts(file: DotenvFile, key: string, path: string): DatabaseAddress {
  const value = (part: string) => expandedValue(file, `POSTGRES_${part}`) || undefined;
  const user = value("USER");
  if (!user) throw new DatabaseAddressError(`Neither ${key} nor POSTGRES_USER is set in '${path}'.`);
  return {
    host: value("HOST") ?? "localhost",
    port: portOf(value("PORT"), `POSTGRES_PORT in '${path}'`),
    database: value("DB") ?? user,
    user,
    password: value("PASSWORD") ?? "",
    parameters: {},
  };
}
