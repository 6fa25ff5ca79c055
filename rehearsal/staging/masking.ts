import { parseSync } from "libpg-query";

import { findRelation, quoteIdentifier, relationName, strictIdentifier } from "../../postgres/identifiers";
import type { MaskColumn, MaskLeaf, MaskTable } from "../../postgres/mask-facts";
import type { MaskingRule } from "./settings";

/** One masked column, in SQL that is evaluated where the rows are read. */
export interface Mask {
  readonly column: string;
  /** `null`, `hash`, `email`, or `expression`. */
  readonly kind: "null" | "hash" | "email" | "expression";
  /** What is read in place of the column; nothing else of it ever leaves the server. */
  readonly expression: string;
  /** True of a value that the mask has left as it was, where the rows are read. */
  readonly unmasked: string;
  /** True of a value that this mask cannot have made, where the rows were written. */
  readonly foreign: string;
}

/** A table whose rows are read through masks. */
export interface MaskedTable extends MaskLeaf {
  readonly masks: readonly Mask[];
}

/** Names of the settings, of a session that reads, which hold the two keys of the hash, as hex. */
export const keySettings = { inner: "octollm.mask_inner", outer: "octollm.mask_outer" } as const;

/** Hex digits of a hash: 128 bits. Fewer only where a column holds no more. */
const digits = 32;
/** Fewer could collide in a table of many rows. */
const leastUnique = 16;
const emailLength = 16 + "@example.invalid".length;

const texts = new Set(["text", "varchar", "bpchar", "citext", "name"]);

/** HMAC-SHA-256 of a value's text, as 64 hex digits, by functions that every PostgreSQL has. */
function hmac(column: string): string {
  const key = (name: string) => `decode(current_setting('${name}'), 'hex')`;
  const inner = `sha256(${key(keySettings.inner)} || convert_to(${column}::text, 'UTF8'))`;
  return `encode(sha256(${key(keySettings.outer)} || ${inner}), 'hex')`;
}

/**
 * Turns the rules into what is read of each table, or says what is wrong with them.
 *
 * @param tables - of production's database, as it is now
 * @returns the tables whose rows are masked, partitions and heirs each by itself; and every fault, with its path
 */
export function planMasking(
  rules: readonly MaskingRule[],
  tables: readonly MaskTable[],
  searchPath: readonly string[],
): { readonly masked: readonly MaskedTable[]; readonly faults: readonly string[] } {
  const faults: string[] = [];
  const found = rules.flatMap((rule, index) => {
    const path = `octollm:rehearsal.masking[${index}]`;
    const place = resolve(rule, tables, searchPath);
    if (typeof place === "string") {
      faults.push(`${path}: ${place}`);
      return [];
    }
    return [{ path, rule, ...place }];
  });
  const kinds = new Map(
    found.map(({ rule, table, column }) => [`${table.schema}.${table.name}.${column.name}`, rule.as]),
  );
  const masked = new Map<string, MaskedTable>();
  for (const { path, rule, table, column } of found) {
    const others = found.filter((one) => one.table === table && one.column !== column).map((one) => one.column.name);
    const mask = maskOf(rule, { table, column, others, kinds });
    if (typeof mask === "string") faults.push(`${path}: ${mask}`);
    else
      for (const leaf of table.leaves) {
        const key = `${leaf.schema}.${leaf.name}`;
        const before = masked.get(key) ?? { ...leaf, masks: [] };
        if (before.masks.some(({ column: name }) => name === mask.column))
          faults.push(`${path}: column ${mask.column} of ${relationName(leaf)} has another rule already`);
        masked.set(key, { ...before, masks: [...before.masks, mask] });
      }
  }
  return { masked: [...masked.values()], faults };
}

type Place = { readonly table: MaskTable; readonly column: MaskColumn };

function resolve(rule: MaskingRule, tables: readonly MaskTable[], searchPath: readonly string[]): Place | string {
  const table =
    findRelation(rule.table, tables, searchPath) ??
    tables.find(({ schema, name }) => name === rule.table && searchPath.includes(schema));
  if (!table) return `production's database has no table '${rule.table}'`;
  const column = table.columns.find(({ name }) => name === rule.column || quoteIdentifier(name) === rule.column);
  if (!column) return `table ${relationName(table)} has no column '${rule.column}'`;
  if (column.generated) return `column ${column.name} of ${relationName(table)} is generated: mask what it is made of`;
  if (column.partitionKey)
    return `column ${column.name} of ${relationName(table)} decides in which partition a row is; it cannot be masked`;
  return { table, column };
}

interface Around extends Place {
  /** Other columns of the table that are masked. */
  readonly others: readonly string[];
  /** What each masked column is masked as, by `schema.table.column`. */
  readonly kinds: ReadonlyMap<string, string>;
}

function maskOf({ as }: MaskingRule, around: Around): Mask | string {
  const { column, kinds } = around;
  if (as !== "null" && !(as === "hash" && column.tied.every((other) => kinds.get(other) === "hash"))) {
    const [tied] = column.tied;
    if (tied !== undefined)
      return `a foreign key ties ${column.name} to ${tied}: mask both as 'hash', which keeps them equal`;
  }
  if (as === "null") return maskNull(around);
  if (as === "hash") return maskHash(around);
  if (as === "email") return maskEmail(around);
  return maskExpression(as, around);
}

function maskNull({ column }: Around): Mask | string {
  if (column.notNull) return `column ${column.name} is NOT NULL`;
  const name = strictIdentifier(column.name);
  return {
    column: column.name,
    kind: "null",
    expression: `NULL::${column.type}`,
    unmasked: "false",
    foreign: `${name} IS NOT NULL`,
  };
}

function maskHash({ column }: Around): Mask | string {
  const name = strictIdentifier(column.name);
  const whole = hmac(name);
  const same = (expression: string) => `${name} IS NOT NULL AND ${expression}::text = ${name}::text`;
  const made = (expression: string, foreign: string): Mask => {
    return { column: column.name, kind: "hash", expression, unmasked: same(expression), foreign };
  };
  if (texts.has(column.base)) {
    const length = Math.min(digits, column.length ?? digits);
    if (column.unique && length < leastUnique)
      return `column ${column.name} holds ${length} characters, too few for a hash to stay unique; write an SQL expression`;
    return made(`left(${whole}, ${length})`, `${name}::text !~ '^[0-9a-f]{${length}} *$'`);
  }
  switch (column.base) {
    case "uuid":
      return made(`left(${whole}, 32)::uuid`, "false");
    case "int8":
      return made(`(('x' || left(${whole}, 16))::bit(64)::int8 & 9223372036854775807)`, `${name} < 0`);
    case "int4":
      if (column.unique) break;
      return made(`(('x' || left(${whole}, 8))::bit(32)::int4 & 2147483647)`, `${name} < 0`);
    case "bytea":
      return made(`decode(${whole}, 'hex')`, `length(${name}) <> 32`);
    case "json":
    case "jsonb":
      return made(`to_json(left(${whole}, ${digits}))::${column.base}`, `${name}::text !~ '^"[0-9a-f]{${digits}}"$'`);
  }
  const unique = column.unique ? " and stay unique" : "";
  return `column ${column.name} is ${column.type}, which a hash cannot be${unique}; write an SQL expression`;
}

function maskEmail({ column }: Around): Mask | string {
  if (!texts.has(column.base)) return `column ${column.name} is ${column.type}, and no text`;
  if (column.length !== null && column.length < emailLength)
    return `column ${column.name} holds ${column.length} characters, and such an address has ${emailLength}`;
  const name = strictIdentifier(column.name);
  const expression = `left(${hmac(name)}, 16) || '@example.invalid'`;
  return {
    column: column.name,
    kind: "email",
    expression,
    unmasked: `${name} IS NOT NULL AND ${expression} = ${name}::text`,
    foreign: `${name}::text !~ '^[0-9a-f]{16}@example[.]invalid *$'`,
  };
}

function maskExpression(as: string, { table, column, others }: Around): Mask | string {
  const reads = columnsRead(as);
  if (typeof reads === "string") return reads;
  const leaks = reads.filter((name) => others.includes(name));
  if (leaks.length > 0) return `the expression reads ${leaks.join(", ")}, which is masked itself`;
  if (reads.includes("*") || reads.includes(table.name)) return "the expression reads the whole row";
  const unknown = reads.filter((name) => !table.columns.some((one) => one.name === name));
  if (unknown.length > 0) return `table ${relationName(table)} has no column '${unknown.join("', '")}'`;
  const name = strictIdentifier(column.name);
  const expression = `CAST((${as}) AS ${column.type})`;
  // What does not read the column can tell nothing of it, also where it happens to be the same.
  const unmasked = reads.includes(column.name)
    ? `${name} IS NOT NULL AND ${expression}::text IS NOT DISTINCT FROM ${name}::text`
    : "false";
  return { column: column.name, kind: "expression", expression, unmasked, foreign: "false" };
}

/** The columns that an expression reads, `*` for all of them; or why it is none. */
function columnsRead(expression: string): string[] | string {
  const wrong = "is no SQL expression over the row";
  let parsed: unknown;
  try {
    parsed = parseSync(`SELECT (${expression}\n) FROM t`);
  } catch (error) {
    return `'as' ${wrong}: ${error instanceof Error ? error.message.split("\n")[0] : String(error)}`;
  }
  const nodes = nodesOf(parsed);
  const selects = nodes.filter(({ kind }) => kind.endsWith("Stmt") && kind !== "RawStmt");
  const [select] = selects;
  const { targetList, ...rest } = (select?.node ?? {}) as { targetList?: unknown[] };
  const shape = ["fromClause", "limitOption", "op"];
  const isPlain = targetList?.length === 1 && Object.keys(rest).every((key) => shape.includes(key));
  if (selects.length !== 1 || !isPlain) return `'as' ${wrong}`;
  return nodes.flatMap(({ kind, node }) => {
    if (kind === "A_Star") return ["*"];
    if (kind !== "ColumnRef") return [];
    const fields = (node as { fields: { String?: { sval: string } }[] }).fields;
    return [fields.at(-1)?.String?.sval ?? "*", ...fields.slice(0, -1).flatMap((field) => field.String?.sval ?? [])];
  });
}

/** Every node of a syntax tree with its kind. */
function nodesOf(tree: unknown): { readonly kind: string; readonly node: unknown }[] {
  if (typeof tree !== "object" || tree === null) return [];
  if (Array.isArray(tree)) return tree.flatMap(nodesOf);
  return Object.entries(tree).flatMap(([kind, node]) => [
    ...(/^[A-Z]/.test(kind) ? [{ kind, node: node as unknown }] : []),
    ...nodesOf(node),
  ]);
}
