import type { Client } from "./connection";

/** A table as far as masking has to know it. */
export interface MaskTable {
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly MaskColumn[];
  /** The tables that hold its rows: itself, its partitions, its heirs. */
  readonly leaves: readonly MaskLeaf[];
}

export interface MaskLeaf {
  readonly schema: string;
  readonly name: string;
  /** Columns in order, without generated ones. */
  readonly columns: readonly string[];
  /** Blocks on the disk, from which it is read in parts. */
  readonly pages: number;
}

export interface MaskColumn {
  readonly name: string;
  /** As in CREATE TABLE: `character varying(255)`. */
  readonly type: string;
  /** Name of the type below any domain: `varchar`. */
  readonly base: string;
  /** Characters that it can hold; null for any number. */
  readonly length: number | null;
  readonly notNull: boolean;
  readonly generated: boolean;
  /** Whether it belongs to a unique index, or to a partition key. */
  readonly unique: boolean;
  readonly partitionKey: boolean;
  /** Columns that a foreign key ties to it, in either direction: `schema.table.column`. */
  readonly tied: readonly string[];
}

interface ColumnRow extends Omit<MaskColumn, "tied"> {
  readonly table: number;
  readonly number: number;
}

interface TableRow {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly kind: string;
  readonly pages: number;
}

const userTables = `c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'`;

/** Reads every table of the database, the ledger's too; in the transaction that the session is in. */
export async function readMaskTables(client: Client): Promise<MaskTable[]> {
  const { rows: tables } = await client.query<TableRow>(
    `SELECT c.oid::int8::float8 AS oid, n.nspname AS schema, c.relname AS name, c.relkind AS kind,
            (pg_relation_size(c.oid) / current_setting('block_size')::bigint)::float8 AS pages
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE ${userTables} ORDER BY 2, 3`,
  );
  const { rows: columns } = await client.query<ColumnRow>(
    `SELECT c.oid::int8::float8 AS table, a.attnum AS number, a.attname AS name,
            format_type(a.atttypid, a.atttypmod) AS type, b.typname AS base,
            CASE WHEN b.typname IN ('varchar', 'bpchar') AND m.typmod > 4 THEN m.typmod - 4 END AS length,
            a.attnotnull OR t.typnotnull AS "notNull", a.attgenerated <> '' AS generated,
            EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND a.attnum = ANY (i.indkey)) AS unique,
            EXISTS (SELECT FROM pg_catalog.pg_partitioned_table p WHERE p.partrelid = c.oid AND a.attnum = ANY (p.partattrs)) AS "partitionKey"
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
       JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
       JOIN pg_catalog.pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
       CROSS JOIN LATERAL (SELECT CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END AS typmod) m
     WHERE ${userTables} ORDER BY 1, 2`,
  );
  const heirs = await readHeirs(client);
  const ties = await readTies(client);
  const byOid = new Map(tables.map((table) => [table.oid, table]));
  const ofTable = (oid: number) => columns.filter((column) => column.table === oid);
  return tables.map(({ oid, schema, name }) => ({
    schema,
    name,
    columns: ofTable(oid).map(
      ({ name: column, type, base, length, notNull, generated, unique, partitionKey, number }) => ({
        name: column,
        ...{ type, base, length, notNull, generated, unique, partitionKey },
        tied: (ties.get(`${oid}.${number}`) ?? []).flatMap(([other, attribute]) => {
          const found = byOid.get(other);
          const tied = columns.find((candidate) => candidate.table === other && candidate.number === attribute);
          return found && tied ? [`${found.schema}.${found.name}.${tied.name}`] : [];
        }),
      }),
    ),
    leaves: descendants(oid, heirs).flatMap((one) => {
      const leaf = byOid.get(one);
      if (leaf?.kind !== "r") return [];
      const names = ofTable(one).flatMap((column) => (column.generated ? [] : [column.name]));
      return [{ schema: leaf.schema, name: leaf.name, pages: leaf.pages, columns: names }];
    }),
  }));
}

async function readHeirs(client: Client): Promise<Map<number, number[]>> {
  const { rows } = await client.query<{ parent: number; child: number }>(
    "SELECT inhparent::int8::float8 AS parent, inhrelid::int8::float8 AS child FROM pg_catalog.pg_inherits",
  );
  const heirs = new Map<number, number[]>();
  for (const { parent, child } of rows) heirs.set(parent, [...(heirs.get(parent) ?? []), child]);
  return heirs;
}

function descendants(oid: number, heirs: ReadonlyMap<number, readonly number[]>): number[] {
  return [oid, ...(heirs.get(oid) ?? []).flatMap((child) => descendants(child, heirs))];
}

/** Pairs of columns of foreign keys, both ways, keyed `table.column` by number. */
async function readTies(client: Client): Promise<Map<string, [number, number][]>> {
  const { rows } = await client.query<{ from: number; fromKey: number; to: number; toKey: number }>(
    `SELECT conrelid::int8::float8 AS from, k.one AS "fromKey", confrelid::int8::float8 AS to, k.other AS "toKey"
     FROM pg_catalog.pg_constraint, unnest(conkey, confkey) AS k (one, other) WHERE contype = 'f' AND conparentid = 0`,
  );
  const ties = new Map<string, [number, number][]>();
  const tie = (from: string, to: [number, number]) => ties.set(from, [...(ties.get(from) ?? []), to]);
  for (const { from, fromKey, to, toKey } of rows) {
    tie(`${from}.${fromKey}`, [to, toKey]);
    tie(`${to}.${toKey}`, [from, fromKey]);
  }
  return ties;
}
