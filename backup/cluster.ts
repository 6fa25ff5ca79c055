import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { z } from "zod";

import type { Client } from "../postgres/connection";
import { databaseSettingsSchema, readDatabaseSettings } from "../postgres/database-settings";
import { clusterFile } from "./manifest";

const roleSchema = z.strictObject({
  name: z.string(),
  login: z.boolean(),
  superuser: z.boolean(),
  createDatabase: z.boolean(),
  createRole: z.boolean(),
  connectionLimit: z.number().int(),
  memberOf: z.array(z.string()),
});

const schema = z.strictObject({ database: databaseSettingsSchema, roles: z.array(roleSchema) });

/** What a dump of one database does not hold: its own settings, and the roles of its server, without passwords. */
export type Cluster = z.infer<typeof schema>;

/** Reads roles and database-level settings, in the transaction that the session is in. */
export async function readCluster(client: Client, database: string): Promise<Cluster> {
  const settings = await readDatabaseSettings(client, database);
  if (!settings) throw new Error(`pg_database has no row of '${database}'.`);
  const { rows } = await client.query<Cluster["roles"][number]>(
    `SELECT rolname AS name, rolcanlogin AS login, rolsuper AS superuser, rolcreatedb AS "createDatabase",
            rolcreaterole AS "createRole", rolconnlimit AS "connectionLimit",
            ARRAY(SELECT g.rolname::text FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles g ON g.oid = m.roleid
                  WHERE m.member = r.oid ORDER BY 1) AS "memberOf"
     FROM pg_catalog.pg_roles r WHERE rolname NOT LIKE 'pg\\_%' ORDER BY 1`,
  );
  return { database: settings, roles: rows };
}

/** @param folder - of a backup, decrypted. @throws when the file is not what this program writes */
export async function loadCluster(folder: string): Promise<Cluster> {
  return schema.parse(JSON.parse(await readFile(join(folder, clusterFile), "utf8")));
}
