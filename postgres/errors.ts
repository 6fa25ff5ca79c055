import { type DatabaseAddress, describeAddress } from "./address";

/** What went wrong, for callers that act on it; `sql` is an error of a statement, not of the connection. */
export type DatabaseFaultKind =
  | "unreachable"
  | "refused-login"
  | "missing-database"
  | "starting"
  | "too-many-connections"
  | "timeout"
  | "terminated"
  | "lost"
  | "denied"
  | "disk-full"
  | "cancelled"
  | "sql";

/** A fault of the database or of the way to it, in words for the operator. Holds no password. */
export class DatabaseFault extends Error {
  readonly kind: DatabaseFaultKind;
  /** SQLSTATE or the system's error name, when there is one. */
  readonly code: string | null;

  constructor({
    kind,
    code,
    message,
    cause,
  }: {
    kind: DatabaseFaultKind;
    code?: string | null;
    message: string;
    cause?: unknown;
  }) {
    super(message, { cause });
    this.name = "DatabaseFault";
    this.kind = kind;
    this.code = code ?? null;
  }
}

/** The code of an error of `pg` or of Node's sockets, or null. */
export function errorCode(error: unknown): string | null {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : null;
}

/** The message of whatever was thrown. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const lostCodes = new Set(["57P01", "57P02", "57P03", "57P05", "25P03", "25P04", "08000", "08003", "08006"]);
const lostSystemCodes = new Set(["ECONNRESET", "EPIPE", "ETIMEDOUT", "ENOTCONN"]);
const driverMessages = /timeout expired|does not support SSL|password must be a string/i;
const lostMessages = /Connection terminated|not queryable|Query read timeout|Client was closed|connection error/i;

/**
 * Whether the connection is gone, so that the outcome of the statement is unknown. `pg` reports most of these
 * without a code.
 */
export function isConnectionLoss(error: unknown): boolean {
  if (error instanceof DatabaseFault) return error.kind === "lost" || error.kind === "terminated";
  const code = errorCode(error);
  if (code) return lostCodes.has(code) || lostSystemCodes.has(code);
  return error instanceof Error && lostMessages.test(error.message);
}

/** Takes a secret out of a text; one shorter than four characters would make every text unreadable. */
export function redact(text: string, secret: string): string {
  return secret.length < 4 ? text : text.split(secret).join("***");
}

interface Sentence {
  readonly kind: DatabaseFaultKind;
  readonly text: string;
}

interface Circumstances {
  /** The address, described. */
  readonly where: string;
  readonly said: string;
  readonly address: DatabaseAddress;
}

const sentences: readonly [codes: readonly string[], kind: DatabaseFaultKind, text: (c: Circumstances) => string][] = [
  [
    ["ECONNREFUSED", "ENOENT"],
    "unreachable",
    ({ where }) => `Nobody answers at ${where}. Start PostgreSQL, or correct host and port in DATABASE_URL.`,
  ],
  [
    ["ENOTFOUND", "EAI_AGAIN"],
    "unreachable",
    ({ where }) => `The host name of ${where} is not known here. Correct the host in DATABASE_URL.`,
  ],
  [
    ["EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT"],
    "unreachable",
    ({ where }) => `There is no way through the network to ${where}. Check host, port and firewall.`,
  ],
  [["28P01"], "refused-login", ({ where }) => `The password for ${where} is wrong. Correct it in DATABASE_URL.`],
  [
    ["28000"],
    "refused-login",
    ({ where, said }) =>
      `PostgreSQL refuses this login to ${where} (pg_hba.conf).${/no encryption|SSL off/i.test(said) ? " It wants an encrypted connection: add '?sslmode=require' to DATABASE_URL." : ""}`,
  ],
  [
    ["3D000"],
    "missing-database",
    ({ where, address }) =>
      `There is no database '${address.database}' on the server of ${where}. Correct the name in DATABASE_URL, or make it: createdb ${address.database}`,
  ],
  [
    ["53300"],
    "too-many-connections",
    ({ where }) =>
      `${where} takes no further connection (max_connections). Close idle clients, then run the command again.`,
  ],
  [
    ["57P03"],
    "starting",
    ({ where }) =>
      `PostgreSQL at ${where} is starting up, recovering or shutting down. Run the command again in a minute.`,
  ],
  [
    ["57P01", "57P02", "57P05", "25P03"],
    "terminated",
    ({ where, said }) => `The server ended our session on ${where} (${said}). What was not committed is rolled back.`,
  ],
  [["42501"], "denied", ({ where, said, address }) => `${address.user} lacks a right on ${where}: ${said}.`],
  [["53100"], "disk-full", ({ where, said }) => `The disk of the server of ${where} is full: ${said}.`],
  [["57014"], "cancelled", ({ where, said }) => `A statement on ${where} was cancelled: ${said}.`],
];

function explain(code: string | null, said: string, address: DatabaseAddress): Sentence {
  const where = describeAddress(address);
  const sentence = code === null ? undefined : sentences.find(([codes]) => codes.includes(code));
  if (!sentence) return explainWithoutCode(code, said, where);
  const [, kind, text] = sentence;
  return { kind, text: text({ where, said, address }) };
}

function explainWithoutCode(code: string | null, said: string, where: string): Sentence {
  if (/timeout expired|read timeout/i.test(said))
    return {
      kind: "timeout",
      text: `${where} did not answer in time (${said}). Check host, port and firewall, then run the command again.`,
    };
  if (/does not support SSL/i.test(said))
    return {
      kind: "refused-login",
      text: `The server of ${where} offers no encryption, but its URL asks for it (sslmode).`,
    };
  if (/password must be a string|no password/i.test(said))
    return { kind: "refused-login", text: `${where} asks for a password, and DATABASE_URL has none.` };
  if (lostMessages.test(said) || (code !== null && lostSystemCodes.has(code)))
    return { kind: "lost", text: `The connection to ${where} broke (${said}). What was not committed is rolled back.` };
  return { kind: "sql", text: `${said}${code ? ` (SQLSTATE ${code})` : ""}, on ${where}.` };
}

/**
 * Turns an error of `pg` or of a socket into one for the operator; errors of this program pass unchanged.
 *
 * @param error - whatever was thrown
 * @param address - the database it is about
 * @param doing - what was being done, such as `count the rows`; it starts the text
 */
export function translateError({
  error,
  address,
  doing,
}: {
  error: unknown;
  address: DatabaseAddress;
  doing: string;
}): Error {
  if (error instanceof Error && !isDriverError(error)) return error;
  const code = errorCode(error);
  const { kind, text } = explain(code, errorText(error), address);
  const next =
    kind === "sql" || kind === "lost" || kind === "terminated" ? " See where things stand: npx octollm status" : "";
  return new DatabaseFault({
    kind,
    code,
    message: redact(`Cannot ${doing}. ${text}${next}`, address.password),
    cause: withoutDetail(error),
  });
}

/** The same error without `detail`, `where` and `query`, which may hold rows of the installation. */
function withoutDetail(error: unknown): unknown {
  if (error instanceof Error)
    for (const key of ["detail", "where", "internalQuery", "dataType"]) Reflect.deleteProperty(error, key);
  return error;
}

/** `pg` and Node throw plain errors; those of this program have names of their own. */
function isDriverError(error: Error): boolean {
  if (error.name === "error") return true;
  if (error.name !== "Error" && error.name !== "AggregateError") return false;
  return errorCode(error) !== null || lostMessages.test(error.message) || driverMessages.test(error.message);
}
