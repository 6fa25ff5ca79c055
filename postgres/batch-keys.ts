import type { Client } from "./connection";
import { strictIdentifier, textLiteral } from "./identifiers";

/** A column of the key, with its type as SQL names it. */
export interface KeyColumn {
  readonly name: string;
  readonly type: string;
}

/** The order in which the rows of a table are taken. */
export interface WalkKey {
  /** OID of the table. */
  readonly table: number;
  /** The table, qualified and quoted. */
  readonly relation: string;
  readonly columns: readonly KeyColumn[];
}

/** A row's place in that order: its key's values as text. */
export type Place = readonly string[];

/** Rows after `after` (null: from the first) up to and including `to`. */
export interface Range {
  readonly after: Place | null;
  readonly to: Place;
}

/**
 * Unique indexes in whose order all rows of a table can be taken: the primary key, else one without nulls, conditions or
 * expressions. Placeholder: the table's OID.
 */
export const walkableIndexes = `
  SELECT i.indisprimary AS "isPrimary", array_agg(a.attname::text ORDER BY k.ord) AS names,
         array_agg(format_type(a.atttypid, a.atttypmod) ORDER BY k.ord) AS types
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_am m ON m.oid = c.relam AND m.amname = 'btree'
  CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (attnum, ord)
  JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
  JOIN pg_catalog.pg_opclass o ON o.oid = i.indclass[k.ord - 1]
  WHERE i.indrelid = $1 AND k.ord <= i.indnkeyatts AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
    AND i.indexprs IS NULL
  GROUP BY i.indexrelid, i.indisprimary
  HAVING bool_and(a.attnotnull AND o.opcdefault AND i.indcollation[k.ord - 1] = a.attcollation)
     AND count(DISTINCT i.indoption[k.ord - 1] & 1) = 1
  ORDER BY i.indisprimary DESC, count(*), i.indexrelid`;

/**
 * The key by which the rows of a table are walked.
 *
 * @param wanted - the columns that a walk has begun with; null to choose
 * @returns null when the table has no such key
 * @throws Error when there is no such table
 */
export async function findWalkKey(
  client: Client,
  relation: string,
  wanted: readonly string[] | null,
): Promise<WalkKey | null> {
  const { rows: tables } = await client.query<{ table: number; name: string }>(
    `SELECT c.oid::int8::float8 AS table, format('%I.%I', n.nspname, c.relname) AS name
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1)`,
    [relation],
  );
  const [found] = tables;
  if (!found) throw new Error(`there is no table ${relation}`);
  const { rows } = await client.query<{ names: string[]; types: string[] }>(walkableIndexes, [found.table]);
  const index = wanted === null ? rows[0] : rows.find(({ names }) => names.join("\0") === wanted.join("\0"));
  if (!index) return null;
  const columns = index.names.map((name, place) => ({ name, type: index.types[place] ?? "text" }));
  return { table: found.table, relation: found.name, columns };
}

/** SQL condition that holds for the rows of a range, in a query where the table is called `alias`. */
export function inRange({ columns }: WalkKey, { after, to }: Range, alias: string): string {
  const key = tuple(columns.map(({ name }) => `${strictIdentifier(alias)}.${strictIdentifier(name)}`));
  const place = (values: Place) =>
    tuple(columns.map(({ type }, index) => `${textLiteral(values[index] ?? "")}::${type}`));
  const upper = `${key} <= ${place(to)}`;
  return after === null ? `(${upper})` : `(${key} > ${place(after)} AND ${upper})`;
}

function tuple(values: readonly string[]): string {
  return values.length === 1 ? (values[0] ?? "") : `(${values.join(", ")})`;
}

interface Step {
  readonly range: Range;
  readonly rows: number;
}

/**
 * The next rows in key order.
 *
 * @param cursor - the last row that is done; null for none
 * @param size - how many rows at most
 * @returns null when there is none left
 */
export async function nextRange(
  client: Client,
  key: WalkKey,
  cursor: Place | null,
  size: number,
): Promise<Step | null> {
  const beyond = cursor === null ? "true" : `${keyOf(key)} > ${valuesOf(key, cursor)}`;
  const rows = await lastOf(client, key, { condition: beyond, order: "ASC", size });
  return rows && { range: { after: cursor, to: rows.place }, rows: rows.count };
}

/**
 * The last rows that are done, to be undone: the range ends at `cursor`, and what is before it stays.
 *
 * @returns null when nothing is done
 */
export async function previousRange(
  client: Client,
  key: WalkKey,
  cursor: Place | null,
  size: number,
): Promise<Step | null> {
  if (cursor === null) return null;
  const done = `${keyOf(key)} <= ${valuesOf(key, cursor)}`;
  const rows = await lastOf(client, key, { condition: done, order: "DESC", size: size + 1 });
  if (!rows) return { range: { after: null, to: cursor }, rows: 0 };
  const isLast = rows.count <= size;
  return { range: { after: isLast ? null : rows.place, to: cursor }, rows: Math.min(rows.count, size) };
}

/**
 * Keys of a random part of the rows beyond the cursor, in the order of the walk.
 *
 * @param options - `percent`: of the table's pages; `undoing`: the rows before the cursor, the last ones first
 */
export async function placesOf(
  client: Client,
  key: WalkKey,
  { cursor, percent, undoing }: { cursor: Place | null; percent: number; undoing: boolean },
): Promise<Place[]> {
  const names = key.columns.map(({ name }) => strictIdentifier(name));
  const beyond = cursor === null ? "true" : `${keyOf(key)} ${undoing ? "<" : ">"} ${valuesOf(key, cursor)}`;
  const order = names.map((name) => `${name} ${undoing ? "DESC" : "ASC"}`).join(", ");
  const { rows } = await client.query<{ place: string[] }>(
    `SELECT ARRAY[${names.map((name) => `${name}::text`).join(", ")}] AS place
     FROM ${key.relation} TABLESAMPLE SYSTEM (${percent}) WHERE ${beyond} ORDER BY ${order}`,
  );
  return rows.map(({ place }) => place);
}

/** Whether a place comes before another one. */
export async function isBefore(client: Client, key: WalkKey, one: Place, other: Place): Promise<boolean> {
  const { rows } = await client.query<{ before: boolean }>(
    `SELECT ${valuesOf(key, one)} < ${valuesOf(key, other)} AS before`,
  );
  return rows[0]?.before ?? false;
}

function keyOf({ columns }: WalkKey): string {
  return tuple(columns.map(({ name }) => strictIdentifier(name)));
}

function valuesOf({ columns }: WalkKey, values: Place): string {
  return tuple(columns.map(({ type }, index) => `${textLiteral(values[index] ?? "")}::${type}`));
}

/** The last of so many rows, and how many there were. */
async function lastOf(
  client: Client,
  { relation, columns }: WalkKey,
  { condition, order, size }: { condition: string; order: "ASC" | "DESC"; size: number },
): Promise<{ place: Place; count: number } | null> {
  const names = columns.map(({ name }) => strictIdentifier(name));
  const sorted = (direction: string) => names.map((name) => `${name} ${direction}`).join(", ");
  const opposite = order === "ASC" ? "DESC" : "ASC";
  const { rows } = await client.query<{ place: string[]; count: number }>(
    `SELECT ARRAY[${names.map((name) => `${name}::text`).join(", ")}] AS place, count(*) OVER ()::float8 AS count
     FROM (SELECT ${names.join(", ")} FROM ${relation} WHERE ${condition} ORDER BY ${sorted(order)} LIMIT ${size}) AS batch
     ORDER BY ${sorted(opposite)} LIMIT 1`,
  );
  return rows[0] ?? null;
}
