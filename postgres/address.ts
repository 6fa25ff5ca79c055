/** How to reach one database; a plain value. Show it with `describeAddress`, never as JSON: it holds the password. */
export interface DatabaseAddress {
  /** Host name, IP address, or the folder of a Unix socket (begins with `/`). */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** Absent: not encrypted. */
  readonly ssl?: SslSettings;
}

export interface SslSettings {
  readonly mode: "require" | "verify-ca" | "verify-full";
  /** Paths of PEM files. */
  readonly rootCertificate?: string;
  readonly certificate?: string;
  readonly key?: string;
}

/** A database URL that cannot be used. The text never quotes the URL, which may hold a password. */
export class DatabaseUrlError extends Error {
  /** Why, without any part of the URL. */
  readonly reason: string;

  constructor(reason: string) {
    super(`The database URL cannot be used: ${reason}. It should read postgresql://user:password@host:5432/database`);
    this.name = "DatabaseUrlError";
    this.reason = reason;
  }
}

// The grammar of SQLAlchemy's make_url, which reads the same line in the installation: a raw '/' or '#' in a password is fine.
const urlPattern =
  /^(?<scheme>[\w+]+):\/\/(?:(?<user>[^:/@]*)(?::(?<password>[^@]*))?@)?(?:\[(?<ipv6>[^/?\]]+)\]|(?<host>[^/:?]+))?(?::(?<port>[^/?]*))?(?:\/(?<database>[^?]*))?(?:\?(?<query>.*))?$/su;

/** Percent-decoding that leaves a stray `%` alone, as SQLAlchemy does. */
function decode(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (run) => {
    try {
      return decodeURIComponent(run);
    } catch {
      return run;
    }
  });
}

/** A port of a URL or a setting; 5432 when there is none. @throws DatabaseUrlError */
export function parsePort(text: string | undefined): number {
  if (!text) return 5432;
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > 65_535)
    throw new DatabaseUrlError("the port is not a number from 1 to 65535");
  return port;
}

function parseSsl(query: Map<string, string>): SslSettings | undefined {
  const mode = query.get("sslmode") ?? query.get("ssl");
  switch (mode) {
    case undefined:
    case "":
    case "disable":
    case "allow":
    case "prefer":
    case "false":
    case "0":
      return undefined;
    case "require":
    case "true":
    case "1":
    case "verify-ca":
    case "verify-full": {
      const paths = {
        rootCertificate: query.get("sslrootcert"),
        certificate: query.get("sslcert"),
        key: query.get("sslkey"),
      };
      const given = Object.fromEntries(Object.entries(paths).filter(([, path]) => path !== undefined));
      return { mode: mode === "verify-ca" || mode === "verify-full" ? mode : "require", ...given };
    }
    default:
      throw new DatabaseUrlError("its sslmode is not one of disable, prefer, require, verify-ca, verify-full");
  }
}

/**
 * Reads a database URL as found in an installation's `.env`: `postgres://`, `postgresql://`, and SQLAlchemy's
 * `postgresql+asyncpg://` and its like. Percent-encoded parts are decoded; `host`, `port`, `user`, `password`,
 * `sslmode` (or asyncpg's `ssl`), `sslrootcert`, `sslcert` and `sslkey` are read from the query, other keys ignored.
 *
 * @throws DatabaseUrlError without any part of the URL in its text
 */
export function parseDatabaseUrl(url: string): DatabaseAddress {
  const parts = urlPattern.exec(url.trim())?.groups;
  if (!parts) throw new DatabaseUrlError("it is not of the form scheme://user:password@host:port/database");
  if (!/^postgres(ql)?(\+\w+)?$/.test(parts.scheme ?? "")) throw new DatabaseUrlError("its scheme is not postgresql");
  const query = new Map<string, string>();
  for (const pair of (parts.query ?? "").split("&").filter(Boolean)) {
    const equals = pair.indexOf("=");
    if (equals > 0) query.set(decode(pair.slice(0, equals)), decode(pair.slice(equals + 1)));
  }
  const host = query.get("host") ?? decode(parts.ipv6 ?? parts.host ?? "");
  const user = decode(parts.user ?? "") || (query.get("user") ?? "");
  const database = decode(parts.database ?? "") || (query.get("dbname") ?? "");
  if (host === "") throw new DatabaseUrlError("it names no host");
  if (host.includes("@")) throw new DatabaseUrlError("an '@' in user or password must be written as '%40'");
  if (host.includes(",")) throw new DatabaseUrlError("it names several hosts; name the primary");
  if (user === "") throw new DatabaseUrlError("it names no user");
  if (database === "") throw new DatabaseUrlError("it names no database");
  const ssl = parseSsl(query);
  const port = parsePort(parts.port ?? query.get("port"));
  const password = decode(parts.password ?? query.get("password") ?? "");
  return { host, port, database, user, password, ...(ssl ? { ssl } : {}) };
}

/** The address for humans, without the password: `octollm on 127.0.0.1:5432 as octollm`. */
export function describeAddress({ host, port, database, user }: DatabaseAddress): string {
  const place = host.startsWith("/")
    ? `socket ${host} (port ${port})`
    : `${host.includes(":") ? `[${host}]` : host}:${port}`;
  return `${database} on ${place} as ${user}`;
}
