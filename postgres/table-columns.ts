import type { ColumnType } from "../releases/release";
import type { Client } from "./connection";
import { relationName } from "./identifiers";

/** What decides whether a change of a table has to look at its rows. */
export interface TableColumns {
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly ColumnFacts[];
  readonly indexes: readonly { readonly name: string; readonly columns: readonly string[] }[];
  /** Names of all domains of this database that have a constraint: a column of one cannot be added without a look at it. */
  readonly domains: readonly string[];
  readonly defaultPartition: string | null;
}

export interface ColumnFacts {
  readonly name: string;
  readonly type: ColumnType;
  /** NOT NULL, or a valid CHECK that says just that. */
  readonly hasNoNulls: boolean;
  /** Whether some CHECK names it. */
  readonly isChecked: boolean;
}

/** Names a relation as the catalogue has it. */
export interface RelationKey {
  readonly schema: string;
  readonly name: string;
}

/** An index, and its table as humans name it. */
export interface IndexTable extends RelationKey {
  readonly table: string;
}

/** Finds the tables of indexes by the indexes' names, as statements have them. Safe in a READ ONLY session. */
export async function readIndexTables(client: Client, names: readonly string[]): Promise<IndexTable[]> {
  if (names.length === 0) return [];
  const { rows } = await client.query<RelationKey & { tableSchema: string; tableName: string }>(
    `SELECT DISTINCT n.nspname AS schema, x.relname AS name, m.nspname AS "tableSchema", c.relname AS "tableName"
     FROM unnest($1::text[]) AS wanted JOIN pg_catalog.pg_class x ON x.oid = to_regclass(wanted)
     JOIN pg_catalog.pg_namespace n ON n.oid = x.relnamespace JOIN pg_catalog.pg_index i ON i.indexrelid = x.oid
     JOIN pg_catalog.pg_class c ON c.oid = i.indrelid JOIN pg_catalog.pg_namespace m ON m.oid = c.relnamespace
     ORDER BY 1, 2`,
    [names],
  );
  return rows.map(({ schema, name, tableSchema, tableName }) => {
    return { schema, name, table: relationName({ schema: tableSchema, name: tableName }) };
  });
}

const columnsSql = `
  SELECT n.nspname AS schema, c.relname AS name, a.attname AS column,
         CASE WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN e.typname || '[]' ELSE t.typname END AS type,
         coalesce(string_to_array(substring(format_type(a.atttypid, a.atttypmod) FROM '\\(([0-9, ]+)\\)'), ','), '{}')::int[] AS modifiers,
         (a.attnotnull AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'n'
            AND NOT k.convalidated AND a.attnum = ANY (k.conkey)))
         OR EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c' AND k.convalidated
            AND pg_get_expr(k.conbin, k.conrelid) = format('(%I IS NOT NULL)', a.attname)) AS "hasNoNulls",
         EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c'
            AND a.attnum = ANY (k.conkey)) AS "isChecked"
  FROM unnest($1::text[], $2::text[]) AS wanted (schema, name)
  JOIN pg_catalog.pg_namespace n ON n.nspname = wanted.schema
  JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.name
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_catalog.pg_type t ON t.oid = a.atttypid LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem
  ORDER BY 1, 2, a.attnum`;

const indexesSql = `
  SELECT n.nspname AS schema, c.relname AS name, x.relname AS index,
         ARRAY(SELECT a.attname FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY (i.indkey::int2[]))::text[] AS columns
  FROM unnest($1::text[], $2::text[]) AS wanted (schema, name)
  JOIN pg_catalog.pg_namespace n ON n.nspname = wanted.schema
  JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.name
  JOIN pg_catalog.pg_index i ON i.indrelid = c.oid JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
  ORDER BY 1, 2, 3`;

const domainsSql = `
  SELECT t.typname AS name FROM pg_catalog.pg_type t
  WHERE t.typtype = 'd' AND (t.typnotnull OR EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.contypid = t.oid))
  ORDER BY 1`;

const defaultsSql = `
  SELECT n.nspname AS schema, c.relname AS name, d.relname AS "default"
  FROM unnest($1::text[], $2::text[]) AS wanted (schema, name)
  JOIN pg_catalog.pg_namespace n ON n.nspname = wanted.schema
  JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.name
  JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = c.oid JOIN pg_catalog.pg_class d ON d.oid = p.partdefid`;

/**
 * Reads columns and indexes of some tables. Safe in a READ ONLY session; takes no lock that blocks others.
 *
 * @returns what is there of them, in the order of their names
 */
export async function readTableColumns(client: Client, wanted: readonly RelationKey[]): Promise<TableColumns[]> {
  if (wanted.length === 0) return [];
  const keys = [wanted.map(({ schema }) => schema), wanted.map(({ name }) => name)];
  const columns = await client.query<ColumnRow>(columnsSql, keys);
  const indexes = await client.query<RelationKey & { index: string; columns: string[] }>(indexesSql, keys);
  const domains = (await client.query<{ name: string }>(domainsSql)).rows.map(({ name }) => name);
  const defaults = (await client.query<RelationKey & { default: string }>(defaultsSql, keys)).rows;
  const tables = new Map(columns.rows.map(({ schema, name }) => [`${schema}\n${name}`, { schema, name }]));
  return [...tables.values()].map((table) => {
    const isOf = (row: RelationKey) => row.schema === table.schema && row.name === table.name;
    return {
      ...table,
      columns: columns.rows.filter(isOf).map(({ column, type, modifiers, hasNoNulls, isChecked }) => {
        return { name: column, type: { name: type, modifiers }, hasNoNulls, isChecked };
      }),
      indexes: indexes.rows.filter(isOf).map(({ index, columns: names }) => ({ name: index, columns: names })),
      domains,
      defaultPartition: defaults.find(isOf)?.default ?? null,
    };
  });
}

interface ColumnRow extends RelationKey {
  readonly column: string;
  readonly type: string;
  readonly modifiers: number[];
  readonly hasNoNulls: boolean;
  readonly isChecked: boolean;
}
