import type { RelationKind } from "../releases/release";
import type { Client } from "./connection";
import { errorCode } from "./errors";
import { ledgerSchema } from "./ledger-schema";

/** What a preview needs to know of the database; reading it changes and locks nothing. */
export interface DatabaseFacts {
  readonly database: string;
  /** Tells one cluster from every other; null when this role may not read it, `systemIdentifierMissing` says why. */
  readonly systemIdentifier: string | null;
  readonly systemIdentifierMissing: string | null;
  /** Such as `15.18`. */
  readonly serverVersion: string;
  /** Such as `150018`. */
  readonly serverVersionNumber: number;
  readonly inRecovery: boolean;
  /** Whether transactions are read-only here unless they say otherwise. */
  readonly readOnlyByDefault: boolean;
  /** Where the server keeps its data, on its own host; null when this role may not know it. */
  readonly dataDirectory: string | null;
  /** Schemas in which unqualified names are looked for, in this order. */
  readonly searchPath: readonly string[];
  readonly hasAlembicVersion: boolean;
  /** The rows of `alembic_version`; more than one is a branched history. */
  readonly revisions: readonly string[];
  /** No table besides Alembic's, the ledger's and those of extensions. */
  readonly isEmpty: boolean;
  readonly relations: readonly RelationFacts[];
  /** `schema.name` of each index that PostgreSQL calls invalid. */
  readonly invalidIndexes: readonly string[];
  readonly role: RoleFacts;
}

export interface RelationFacts {
  readonly schema: string;
  readonly name: string;
  readonly kind: RelationKind;
  readonly owner: string;
  /** What this role may do with it: as its owner, with its rows. */
  readonly owned: boolean;
  readonly readable: boolean;
  readonly writable: boolean;
  /** The planner's statistics; null when the relation was never analyzed. */
  readonly estimatedRows: number | null;
  /** With indexes and TOAST; from statistics when somebody holds the relation exclusively. */
  readonly bytes: number;
}

export interface RoleFacts {
  readonly user: string;
  readonly isSuperuser: boolean;
  readonly ownsDatabase: boolean;
  /** `schema.name` of the tables and materialized views that this role does not own, so may not alter. */
  readonly notOwned: readonly string[];
  readonly mayCreateSchema: boolean;
  /** Schemas in which it may make relations and indexes. */
  readonly createsIn: readonly string[];
  /** Whether it may change `alembic_version`; true when there is none. */
  readonly mayStamp: boolean;
  /** Whether it may write the ledger; true when there is none. */
  readonly mayWriteLedger: boolean;
  /** Whether it may end sessions of other roles. */
  readonly maySignalOthers: boolean;
  /** Owner (by membership) of every table, or superuser. */
  readonly isOwnerOrSuperuser: boolean;
}

const kinds: Record<string, RelationKind> = {
  r: "table",
  p: "partitioned table",
  m: "materialized view",
  v: "view",
  f: "foreign table",
};

/** Relations of the installation: neither PostgreSQL's, nor an extension's, nor the ledger's. */
export const userRelations = `
  c.relnamespace = n.oid AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> '${ledgerSchema}'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')`;

/**
 * Reads all facts of the database that a preview shows. Safe in a READ ONLY session; takes no lock that blocks others.
 *
 * @param client - a session that is not in a transaction
 */
export async function readDatabaseFacts(client: Client): Promise<DatabaseFacts> {
  const { rows } = await client.query<Server>(
    `SELECT current_database() AS database, current_setting('server_version') AS version,
            current_setting('server_version_num')::int AS number, pg_is_in_recovery() AS recovery,
            (SELECT reset_val = 'on' FROM pg_catalog.pg_settings WHERE name = 'default_transaction_read_only') AS "readOnly",
            (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'data_directory') AS "dataDirectory",
            current_schemas(false)::text[] AS "searchPath"`,
  );
  const [server] = rows;
  if (!server) throw new Error("PostgreSQL answered no row about itself.");
  const alembic = await readAlembicVersion(client);
  const relations = await readRelations(client);
  const tables = relations.filter(({ kind, name }) => kind.includes("table") && name !== "alembic_version");
  return {
    database: server.database,
    ...(await readSystemIdentifier(client)),
    serverVersion: server.version.split(" ")[0] ?? server.version,
    serverVersionNumber: server.number,
    inRecovery: server.recovery,
    readOnlyByDefault: server.readOnly,
    dataDirectory: server.dataDirectory,
    searchPath: server.searchPath,
    hasAlembicVersion: alembic !== null,
    revisions: alembic ?? [],
    isEmpty: tables.length === 0,
    relations,
    invalidIndexes: await readInvalidIndexes(client),
    role: await readRole(client),
  };
}

interface Server {
  database: string;
  version: string;
  number: number;
  recovery: boolean;
  readOnly: boolean;
  dataDirectory: string | null;
  searchPath: string[];
}

/** The rows of `alembic_version`, sorted, or null when there is no such table. */
export async function readAlembicVersion(client: Client): Promise<string[] | null> {
  const { rows } = await client.query<{ present: boolean }>(
    "SELECT to_regclass('alembic_version') IS NOT NULL AS present",
  );
  if (!rows[0]?.present) return null;
  const versions = await client.query<{ version_num: string }>("SELECT version_num FROM alembic_version ORDER BY 1");
  return versions.rows.map((row) => row.version_num);
}

/** The cluster's system identifier, or why this role may not know it. */
export async function readSystemIdentifier(
  client: Client,
): Promise<Pick<DatabaseFacts, "systemIdentifier" | "systemIdentifierMissing">> {
  try {
    const { rows } = await client.query<{ id: string }>(
      "SELECT system_identifier::text AS id FROM pg_control_system()",
    );
    return { systemIdentifier: rows[0]?.id ?? null, systemIdentifierMissing: null };
  } catch (error) {
    if (errorCode(error) !== "42501") throw error;
    return { systemIdentifier: null, systemIdentifierMissing: "this role may not run pg_control_system()" };
  }
}

async function readRelations(client: Client): Promise<RelationFacts[]> {
  const select = (bytes: string) => `
    SELECT n.nspname AS schema, c.relname AS name, c.relkind AS kind, pg_get_userbyid(c.relowner) AS owner,
           pg_has_role(c.relowner, 'USAGE') AS owned, has_table_privilege(c.oid, 'SELECT') AS readable,
           has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE') AS writable,
           CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint END AS rows, ${bytes} AS bytes
    FROM pg_catalog.pg_class c, pg_catalog.pg_namespace n
    WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f') AND ${userRelations} ORDER BY 1, 2`;
  interface Row {
    schema: string;
    name: string;
    kind: string;
    owner: string;
    owned: boolean;
    readable: boolean;
    writable: boolean;
    rows: string | null;
    bytes: string;
  }
  // The exact size waits behind an exclusive lock, which a preview must not do.
  const exact = "BEGIN READ ONLY; SET LOCAL lock_timeout = '500ms'";
  let found: Row[];
  try {
    await client.query(exact);
    found = (await client.query<Row>(select("pg_total_relation_size(c.oid)"))).rows;
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK");
    if (errorCode(error) !== "55P03") throw error;
    found = (await client.query<Row>(select("c.relpages * current_setting('block_size')::bigint"))).rows;
  }
  return found.map(({ rows, bytes, kind, ...row }) => ({
    ...row,
    kind: kinds[kind] ?? "table",
    estimatedRows: rows === null ? null : Number(rows),
    bytes: Number(bytes),
  }));
}

async function readInvalidIndexes(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT format('%I.%I', n.nspname, c.relname) AS name
     FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid, pg_catalog.pg_namespace n
     WHERE NOT i.indisvalid AND ${userRelations} ORDER BY 1`,
  );
  return rows.map((row) => row.name);
}

/** SQL: whether this role may change the rows of a table; true when there is no such table. */
function mayWrite(condition: string): string {
  return `coalesce((SELECT bool_and(has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE'))
    FROM pg_catalog.pg_class c WHERE ${condition}), true)`;
}

const alembicTable = "c.oid = to_regclass('alembic_version')";
const ledgerTable = `c.relname = 'attempts' AND c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = '${ledgerSchema}')`;

async function readRole(client: Client): Promise<RoleFacts> {
  const { rows } = await client.query<Omit<RoleFacts, "isOwnerOrSuperuser">>(
    `SELECT r.rolname AS "user", r.rolsuper AS "isSuperuser",
            r.rolsuper OR pg_has_role(d.datdba, 'USAGE') AS "ownsDatabase",
            has_database_privilege(d.oid, 'CREATE') AS "mayCreateSchema",
            ARRAY(SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'
                    AND has_schema_privilege(oid, 'CREATE') ORDER BY 1)::text[] AS "createsIn",
            ${mayWrite(alembicTable)} AS "mayStamp", ${mayWrite(ledgerTable)} AS "mayWriteLedger",
            r.rolsuper OR pg_has_role('pg_signal_backend', 'USAGE') AS "maySignalOthers",
            ARRAY(SELECT format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c, pg_catalog.pg_namespace n
                  WHERE c.relkind IN ('r', 'p', 'm') AND ${userRelations}
                    AND NOT r.rolsuper AND NOT pg_has_role(c.relowner, 'USAGE') ORDER BY 1) AS "notOwned"
     FROM pg_catalog.pg_roles r, pg_catalog.pg_database d
     WHERE r.rolname = current_user AND d.datname = current_database()`,
  );
  const [role] = rows;
  if (!role) throw new Error("PostgreSQL answered no row about the current role.");
  return { ...role, isOwnerOrSuperuser: role.isSuperuser || role.notOwned.length === 0 };
}
