import { z } from "zod";

import type { Client } from "./connection";
import { strictIdentifier, textLiteral } from "./identifiers";

/** What belongs to a database and is in no dump of it: how it was made, who may what, and its settings. */
export const databaseSettingsSchema = z.strictObject({
  owner: z.string(),
  encoding: z.string(),
  collate: z.string(),
  ctype: z.string(),
  /** `c`, `i` (ICU) or `b` (builtin). */
  localeProvider: z.string(),
  /** Of ICU or the builtin provider. */
  locale: z.string().nullable(),
  tablespace: z.string(),
  connectionLimit: z.number().int(),
  comment: z.string().nullable(),
  /** ALTER DATABASE ... SET, and ALTER ROLE ... IN DATABASE ... SET when there is a role. */
  settings: z.array(z.strictObject({ role: z.string().nullable(), name: z.string(), value: z.string() })),
  /** Rights on the database; null is PUBLIC. */
  grants: z.array(z.strictObject({ role: z.string().nullable(), privilege: z.string(), grantable: z.boolean() })),
});

export type DatabaseSettings = z.infer<typeof databaseSettingsSchema>;

/**
 * Reads the settings of a database, from a session on any database of its server.
 *
 * @returns null when there is no such database
 */
export async function readDatabaseSettings(client: Client, database: string): Promise<DatabaseSettings | null> {
  // Columns differ between versions: what one has not is missing from its JSON.
  const { rows } = await client.query<{ settings: DatabaseSettings }>(
    `SELECT jsonb_build_object(
       'owner', pg_get_userbyid(d.datdba), 'encoding', pg_encoding_to_char(d.encoding), 'collate', d.datcollate,
       'ctype', d.datctype, 'localeProvider', coalesce(to_jsonb(d) ->> 'datlocprovider', 'c'),
       'locale', coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'), 'tablespace', t.spcname,
       'connectionLimit', d.datconnlimit, 'comment', shobj_description(d.oid, 'pg_database'),
       'settings', coalesce((
          SELECT jsonb_agg(jsonb_build_object('role', r.rolname, 'name', split_part(line, '=', 1),
                                              'value', substr(line, strpos(line, '=') + 1)) ORDER BY r.rolname, line)
          FROM pg_catalog.pg_db_role_setting s LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole, unnest(s.setconfig) line
          WHERE s.setdatabase = d.oid), '[]'),
       'grants', coalesce((
          SELECT jsonb_agg(jsonb_build_object('role', r.rolname, 'privilege', a.privilege_type, 'grantable', a.is_grantable)
                           ORDER BY r.rolname, a.privilege_type)
          FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.grantee),
          '[]')) AS settings
     FROM pg_catalog.pg_database d JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace WHERE d.datname = $1`,
    [database],
  );
  return rows[0]?.settings ?? null;
}

/** Every role that the settings name. */
export function rolesOf({ owner, settings, grants }: DatabaseSettings): string[] {
  const named = [owner, ...settings.map(({ role }) => role), ...grants.map(({ role }) => role)];
  return [...new Set(named.filter((role) => role !== null))].sort();
}

/** CREATE DATABASE with these settings' encoding and locale, from the empty template. */
export function createStatement(database: string, settings: DatabaseSettings): string {
  const { encoding, collate, ctype, localeProvider, locale, tablespace, owner } = settings;
  const provider = { i: "icu", b: "builtin" }[localeProvider];
  return [
    `CREATE DATABASE ${strictIdentifier(database)} TEMPLATE template0 OWNER ${strictIdentifier(owner)}`,
    `ENCODING ${textLiteral(encoding)} LC_COLLATE ${textLiteral(collate)} LC_CTYPE ${textLiteral(ctype)}`,
    ...(provider && locale !== null ? [`LOCALE_PROVIDER ${provider} ${provider}_LOCALE ${textLiteral(locale)}`] : []),
    ...(tablespace === "pg_default" ? [] : [`TABLESPACE ${strictIdentifier(tablespace)}`]),
  ].join(" ");
}

/** Settings whose value is a list of names, each quoted for itself. */
const lists = new Set([
  "local_preload_libraries",
  "search_path",
  "session_preload_libraries",
  "shared_preload_libraries",
  "temp_tablespaces",
  "unix_socket_directories",
]);

/** The statements that give a new database limits, rights and settings; the owner's own rights come with ownership. */
export function settingStatements(database: string, settings: DatabaseSettings): string[] {
  const name = strictIdentifier(database);
  const grantee = (role: string | null) => (role === null ? "PUBLIC" : strictIdentifier(role));
  return [
    ...(settings.connectionLimit === -1 ? [] : [`ALTER DATABASE ${name} CONNECTION LIMIT ${settings.connectionLimit}`]),
    `REVOKE ALL ON DATABASE ${name} FROM PUBLIC`,
    ...settings.grants
      .filter(({ role }) => role !== settings.owner)
      .map(({ role, privilege, grantable }) => {
        return `GRANT ${privilege} ON DATABASE ${name} TO ${grantee(role)}${grantable ? " WITH GRANT OPTION" : ""}`;
      }),
    ...settings.settings.map(({ role, name: key, value }) => {
      const target = role === null ? `DATABASE ${name}` : `ROLE ${strictIdentifier(role)} IN DATABASE ${name}`;
      return `ALTER ${target} SET ${key.split(".").map(strictIdentifier).join(".")} TO ${valueOf(key, value)}`;
    }),
  ];
}

function valueOf(key: string, value: string): string {
  if (!lists.has(key.toLowerCase()) || value === "") return textLiteral(value);
  const names = value.match(/"(?:[^"]|"")*"|[^,\s][^,]*/g) ?? [];
  return names
    .map((name) => (name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name.trim()))
    .map(textLiteral)
    .join(", ");
}
