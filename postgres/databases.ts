import { hostname } from "node:os";

import { z } from "zod";

import type { RestoreNames } from "../planner/restore-names";
import { type Client, type DatabaseAddress, withClient } from "./connection";
import { createStatement, type DatabaseSettings, readDatabaseSettings, settingStatements } from "./database-settings";
import { errorCode } from "./errors";
import { userRelations } from "./facts";
import { strictIdentifier, textLiteral } from "./identifiers";
import { pause } from "./pause";
import { foreignSessionsOn, terminateSessionsOn } from "./sessions";
import { inTransaction } from "./transaction";

/** What this program writes as comment on the databases that it makes and keeps beside the installation's own. */
const markSchema = z.object({
  program: z.literal("octollm-upgrade"),
  /**
   * `verify`: proves a backup and goes again; `restore`: being filled; `checked`: filled, and as its backup says;
   * `before`: what a restore has replaced; `rehearse`: an upgrade is tried in it, and it goes again.
   */
  kind: z.enum(["verify", "restore", "checked", "before", "rehearse"]),
  /** The installation's database that it belongs to, and the backup. */
  database: z.string(),
  backup: z.string(),
  /** When it was made or renamed, and by which process. */
  at: z.string(),
  host: z.string(),
  pid: z.number().int(),
  /** The comment that the database had before. */
  comment: z.string().nullable(),
});
export type DatabaseMark = z.infer<typeof markSchema>;

/** The mark of a database that this process makes now. */
export function newMark(
  kind: DatabaseMark["kind"],
  of: { readonly database: string; readonly backup: string },
  comment: string | null = null,
): DatabaseMark {
  const at = new Date().toISOString();
  return { program: "octollm-upgrade", kind, ...of, at, host: hostname(), pid: process.pid, comment };
}

/** A database of the server, by name. */
export interface ListedDatabase {
  readonly name: string;
  /** Null when this program has not made it. */
  readonly mark: DatabaseMark | null;
  readonly bytes: number | null;
}

/** A database, and all that this program has made on its server; from a session on any database of it. */
export async function listRelatedDatabases(client: Client, database: string): Promise<ListedDatabase[]> {
  const { rows } = await client.query<{ name: string; comment: string | null; bytes: string | null }>(
    `SELECT datname AS name, shobj_description(oid, 'pg_database') AS comment,
            CASE WHEN has_database_privilege(oid, 'CONNECT') THEN pg_database_size(oid) END AS bytes
     FROM pg_catalog.pg_database
     WHERE datname = $1 OR shobj_description(oid, 'pg_database') LIKE '{"program":"octollm-upgrade"%' ORDER BY 1`,
    [database],
  );
  return rows.map(({ name, comment, bytes }) => {
    return { name, mark: readMark(comment), bytes: bytes === null ? null : Number(bytes) };
  });
}

/** The mark in a database's comment; null when the comment is somebody else's. */
export function readMark(comment: string | null): DatabaseMark | null {
  try {
    return markSchema.parse(JSON.parse(comment ?? ""));
  } catch {
    return null;
  }
}

/** Whether this role may make, rename and drop databases, this one among them; from any database of the server. */
export async function readDatabaseRights(
  client: Client,
  database: string,
): Promise<{ readonly mayCreate: boolean; readonly mayRename: boolean; readonly roles: readonly string[] }> {
  const { rows } = await client.query<{ create: boolean; owns: boolean | null; roles: string[] }>(
    `SELECT r.rolsuper OR r.rolcreatedb AS create,
            (SELECT r.rolsuper OR pg_has_role(d.datdba, 'USAGE') FROM pg_catalog.pg_database d WHERE d.datname = $1) AS owns,
            ARRAY(SELECT rolname::text FROM pg_catalog.pg_roles ORDER BY 1) AS roles
     FROM pg_catalog.pg_roles r WHERE r.rolname = current_user`,
    [database],
  );
  const [role] = rows;
  if (!role) throw new Error("PostgreSQL answered no row about the current role.");
  return { mayCreate: role.create, mayRename: role.create && role.owns !== false, roles: role.roles };
}

/** Makes an empty database with the mark of this program. */
export async function createMarkedDatabase(
  client: Client,
  { name, settings, mark }: { name: string; settings: DatabaseSettings; mark: DatabaseMark },
): Promise<void> {
  await client.query(createStatement(name, settings));
  await markDatabase(client, name, mark);
}

/** Writes the mark as the database's comment. */
export async function markDatabase(client: Client, name: string, mark: DatabaseMark): Promise<void> {
  await client.query(`COMMENT ON DATABASE ${strictIdentifier(name)} IS ${textLiteral(JSON.stringify(mark))}`);
}

/** Whether the server has a database of that name. */
export async function isKnownDatabase(client: Client, name: string): Promise<boolean> {
  return (await client.query("SELECT FROM pg_catalog.pg_database WHERE datname = $1", [name])).rows.length > 0;
}

/** Gives a database its own comment in place of this program's mark. */
export async function removeMark(client: Client, name: string, comment: string | null): Promise<void> {
  const text = comment === null ? "NULL" : textLiteral(comment);
  await client.query(`COMMENT ON DATABASE ${strictIdentifier(name)} IS ${text}`);
}

/** Gives a database the limits, rights and settings of another one. */
export async function applyDatabaseSettings(client: Client, name: string, settings: DatabaseSettings): Promise<void> {
  for (const statement of settingStatements(name, settings)) await client.query(statement);
}

/** Drops a database and ends the sessions on it. */
export async function dropDatabase(client: Client, name: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    await terminateSessionsOn(client, name, true);
    try {
      await client.query(`DROP DATABASE IF EXISTS ${strictIdentifier(name)}`);
      return;
    } catch (error) {
      if (errorCode(error) !== "55006" || tries >= 10) throw error;
    }
  }
}

/**
 * Whether nothing was ever put into a database: then it is one that a run of this program had made when it was killed,
 * before it could leave its mark.
 */
export async function isEmptyDatabase(address: DatabaseAddress, name: string): Promise<boolean> {
  return withClient({ ...address, database: name }, { name: "restore", readOnly: true }, async (client) => {
    const { rows } = await client.query(
      `SELECT FROM pg_catalog.pg_class c, pg_catalog.pg_namespace n WHERE ${userRelations} LIMIT 1`,
    );
    return rows.length === 0;
  });
}

export interface Swap extends RestoreNames {
  /** The installation's database; the one of `incoming` gets this name. */
  readonly database: string;
  /** Id of the backup. */
  readonly backup: string;
  readonly progress: (line: string) => void;
  readonly signal: AbortSignal;
}

const swapTries = 20;

/**
 * Renames the database to `before` and `incoming` to the database's name, in one transaction: whoever is killed here, and
 * whenever, leaves either both done or neither. Sessions of other clients are ended; where there is no database of that
 * name, only the second is done.
 *
 * @param client - a session on neither of the two
 * @throws Error that names who stays connected, after some tries; nothing was renamed then
 */
export async function swapDatabases(client: Client, swap: Swap): Promise<void> {
  const { database, incoming, before, progress, signal } = swap;
  const settings = await readDatabaseSettings(client, database);
  const original = await readDatabaseSettings(client, incoming);
  const comment = readMark(original?.comment ?? null)?.comment ?? null;
  for (let tries = 1; ; tries++) {
    signal.throwIfAborted();
    const ended = (await terminateSessionsOn(client, database)) + (await terminateSessionsOn(client, incoming));
    if (ended > 0) progress(`restore: ended ${ended} sessions of other clients`);
    try {
      await inTransaction(client, "", async () => {
        if (settings) {
          await client.query(`ALTER DATABASE ${strictIdentifier(database)} RENAME TO ${strictIdentifier(before)}`);
          await markDatabase(client, before, newMark("before", { database, backup: swap.backup }, settings.comment));
        }
        await client.query(`ALTER DATABASE ${strictIdentifier(incoming)} RENAME TO ${strictIdentifier(database)}`);
        await removeMark(client, database, comment);
      });
      return;
    } catch (error) {
      // Somebody has connected again since.
      if (errorCode(error) !== "55006") throw error;
      if (tries >= swapTries) throw new Error(await describeStayers(client, database), { cause: error });
      await pause(200, signal);
    }
  }
}

async function describeStayers(client: Client, database: string): Promise<string> {
  const stayers = await foreignSessionsOn(client, database);
  const names = stayers.map(
    ({ pid, user, application }) => `'${application || "unnamed client"}' of ${user}, server process ${pid}`,
  );
  return `Clients connect to '${database}' again as soon as they are ended: ${names.join("; ") || "who, this role may not see"}. Stop them.`;
}
