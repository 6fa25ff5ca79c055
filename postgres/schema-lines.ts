import { createHash } from "node:crypto";

import type { Client } from "./connection";
import { userRelations } from "./facts";
import { ledgerSchema } from "./ledger-schema";

/** Namespaces of the installation, whose `oid` and `nspname` a query joins as `n`. */
const userNamespaces = `n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> '${ledgerSchema}'`;

const notOfExtension = (catalogue: string, oid: string) =>
  `NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.${catalogue}'::regclass AND d.objid = ${oid} AND d.deptype = 'e')`;

const grants = (kind: string, acl: string, owner: string) =>
  `(SELECT string_agg(coalesce(r.rolname, 'PUBLIC') || '=' || a.privilege_type, ' ' ORDER BY r.rolname, a.privilege_type)
    FROM aclexplode(coalesce(${acl}, acldefault('${kind}', ${owner}))) a LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.grantee)`;

/** Each answers lines of one kind: `table public.tasks owner octollm, octollm=SELECT ...`. No ids, nothing that moves. */
const queries = [
  `SELECT format('schema %I owner %s, %s', n.nspname, pg_get_userbyid(n.nspowner), ${grants("n", "n.nspacl", "n.nspowner")})
   FROM pg_catalog.pg_namespace n WHERE ${userNamespaces} AND ${notOfExtension("pg_namespace", "n.oid")}`,
  `SELECT format('extension %I', extname) FROM pg_catalog.pg_extension`,
  `SELECT format('%s %I.%I owner %s, %s', CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view'
            WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'foreign table' END, n.nspname, c.relname,
          pg_get_userbyid(c.relowner), ${grants("r", "c.relacl", "c.relowner")})
     || CASE WHEN c.relrowsecurity THEN ', row security' ELSE '' END
     || CASE WHEN c.relkind IN ('v', 'm') THEN ' AS ' || pg_get_viewdef(c.oid) ELSE '' END
     || coalesce(' ' || pg_get_partkeydef(c.oid), '') || coalesce(' ' || pg_get_expr(c.relpartbound, c.oid), '')
   FROM pg_catalog.pg_class c, pg_catalog.pg_namespace n WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND ${userRelations}`,
  `SELECT format('column %I.%I.%I %s %s', n.nspname, c.relname, a.attname,
            row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), format_type(a.atttypid, a.atttypmod))
     || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END || coalesce(' default ' || pg_get_expr(v.adbin, v.adrelid), '')
     || CASE WHEN a.attidentity <> '' THEN ' identity ' || a.attidentity::text ELSE '' END
     || CASE WHEN a.attgenerated <> '' THEN ' generated' ELSE '' END
   FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     LEFT JOIN pg_catalog.pg_attrdef v ON v.adrelid = c.oid AND v.adnum = a.attnum, pg_catalog.pg_namespace n
   WHERE c.relkind IN ('r', 'p', 'f') AND ${userRelations}`,
  // A dump leaves out what PostgreSQL calls invalid.
  `SELECT 'index ' || pg_get_indexdef(i.indexrelid) FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid,
     pg_catalog.pg_namespace n WHERE i.indisvalid AND ${userRelations}`,
  `SELECT format('constraint %I.%I.%I %s', n.nspname, c.relname, o.conname, pg_get_constraintdef(o.oid))
   FROM pg_catalog.pg_constraint o JOIN pg_catalog.pg_class c ON c.oid = o.conrelid, pg_catalog.pg_namespace n
   WHERE o.contype <> 'n' AND ${userRelations}`,
  `SELECT format('trigger on %I.%I %s %s', n.nspname, c.relname, t.tgenabled, pg_get_triggerdef(t.oid))
   FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid, pg_catalog.pg_namespace n
   WHERE NOT t.tgisinternal AND ${userRelations}`,
  `SELECT format('policy %I on %I.%I %s %s %s %s', p.polname, n.nspname, c.relname, p.polcmd, p.polpermissive,
            pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
   FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = p.polrelid, pg_catalog.pg_namespace n WHERE ${userRelations}`,
  `SELECT format('function %I.%I(%s) %s owner %s, %s', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid), md5(p.prosrc),
            pg_get_userbyid(p.proowner), ${grants("f", "p.proacl", "p.proowner")})
   FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
   WHERE ${userNamespaces} AND ${notOfExtension("pg_proc", "p.oid")}`,
  `SELECT format('type %I.%I owner %s %s', n.nspname, t.typname, pg_get_userbyid(t.typowner),
            CASE t.typtype WHEN 'e' THEN (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder) FROM pg_catalog.pg_enum
                                          WHERE enumtypid = t.oid)
                           WHEN 'd' THEN format_type(t.typbasetype, t.typtypmod) ELSE '' END)
   FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
   WHERE t.typtype IN ('e', 'd', 'r') AND ${userNamespaces} AND ${notOfExtension("pg_type", "t.oid")}`,
  `SELECT 'statistics ' || pg_get_statisticsobjdef(s.oid) FROM pg_catalog.pg_statistic_ext s
     JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace WHERE ${userNamespaces}`,
];

/**
 * Every object of the installation as a line, sorted: tables, columns, indexes, constraints, views, functions, rights and
 * what else a dump restores. The ledger is left out.
 *
 * @param client - a session in a transaction, whose snapshot is described
 */
export async function readSchemaLines(client: Client): Promise<string[]> {
  // So that every name is written with its schema, whatever this role's search_path is.
  await client.query("SET LOCAL search_path = ''");
  const { rows } = await client.query<{ line: string }>(
    queries.map((query) => `SELECT line FROM (${query}) AS lines(line)`).join("\nUNION ALL\n"),
  );
  return rows.map(({ line }) => line.replace(/\s+/g, " ")).sort();
}

/** Lines of one side that the other has not: how two schemas differ. */
export interface SchemaDifference {
  readonly missing: readonly string[];
  readonly added: readonly string[];
}

/** Compares two schemas as `readSchemaLines` gives them. */
export function compareSchemas(expected: readonly string[], actual: readonly string[]): SchemaDifference {
  const [wanted, found] = [new Set(expected.map(comparable)), new Set(actual.map(comparable))];
  return {
    missing: expected.filter((line) => !found.has(comparable(line))),
    added: actual.filter((line) => !wanted.has(comparable(line))),
  };
}

/** SHA-256 of a schema; equal exactly when `compareSchemas` finds no difference. */
export function schemaFingerprint(lines: readonly string[]): string {
  return createHash("sha256").update(lines.map(comparable).sort().join("\n")).digest("hex");
}

/**
 * PostgreSQL prints an expression that was restored with other casts and parentheses than the original: a `varchar IN
 * (...)` gets its casts per element then. The rest of the line tells enough.
 */
function comparable(line: string): string {
  return line
    .replace(
      /::(?:character varying|[a-z_]+(?: without time zone| with time zone| precision)?)(?:\(\d+\))?(?:\[\])?/g,
      "",
    )
    .replace(/[()]/g, "");
}

const kinds =
  "partitioned table|materialized view|foreign table|table|view|sequence|column|constraint|function|type|schema|extension|statistics";

/** What a line is about, such as `table public.tasks`: without definition, owner and rights. */
export function objectName(line: string): string {
  const index = /^index CREATE (?:UNIQUE )?INDEX (\S+)/.exec(line);
  return index ? `index ${index[1]}` : (new RegExp(`^(?:${kinds}) \\S+`).exec(line)?.[0] ?? line.slice(0, 60));
}
