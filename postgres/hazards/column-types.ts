import type { ColumnDef, Node, TypeName } from "libpg-query";

import type { ColumnType, SafeWhen } from "../../releases/release";

/** The type that a statement names; null when its modifiers are no plain numbers. */
export function columnType({ names, typmods, arrayBounds }: TypeName): ColumnType | null {
  const last = names?.at(-1);
  const name = last && "String" in last ? (last.String.sval ?? "") : "";
  const modifiers = (typmods ?? []).map(integerOf);
  if (modifiers.some((modifier) => modifier === null)) return null;
  return { name: name + "[]".repeat(arrayBounds?.length ? 1 : 0), modifiers: modifiers as number[] };
}

function integerOf(node: Node): number | null {
  if (!("A_Const" in node)) return null;
  const { ival } = node.A_Const as { ival?: { ival?: number } };
  // The parser leaves out zeros.
  return ival ? (ival.ival ?? 0) : null;
}

/** When ALTER COLUMN TYPE changes nothing that is stored: an expression in USING other than the column itself always does. */
export function sameStorage(column: string, { typeName, raw_default, collClause }: ColumnDef): SafeWhen | null {
  const type = typeName ? columnType(typeName) : null;
  if (!type || collClause || (raw_default && !isColumn(raw_default, column, type))) return null;
  return { kind: "same-storage", column, type };
}

/** `column` or `column::type`. */
function isColumn(node: Node, column: string, type: ColumnType): boolean {
  if ("TypeCast" in node) {
    const { arg, typeName } = node.TypeCast;
    const cast = typeName ? columnType(typeName) : null;
    return cast?.name === type.name && haveEqual(cast, type) && !!arg && isColumn(arg, column, type);
  }
  if (!("ColumnRef" in node)) return false;
  const last = node.ColumnRef.fields?.at(-1);
  return last !== undefined && "String" in last && last.String.sval === column;
}

function haveEqual(one: ColumnType, other: ColumnType): boolean {
  return one.modifiers.join() === other.modifiers.join();
}

/** Types that the grammar does not qualify itself, and that are no domain. */
const builtIn =
  /^(text|uuid|jsonb?|xml|date|timestamp(tz)?|timetz|bytea|inet|cidr|macaddr8?|money|name|oid|reg\w+|pg_lsn|ts(vector|query)|point|line|lseg|box|path|polygon|circle|(small|big)?serial[248]?|(int4|int8|num|ts|tstz|date)(multi)?range|citext|hstore|ltree|vector)$/;

/** Whether a column's type surely is no domain; of any other name only the database knows. */
export function isBuiltIn({ typeName }: ColumnDef): boolean {
  const parts = (typeName?.names ?? []).map((node) => ("String" in node ? (node.String.sval ?? "") : ""));
  return parts[0] === "pg_catalog" || (typeName?.arrayBounds?.length ?? 0) > 0 || builtIn.test(parts.at(-1) ?? "");
}

/** Types whose one modifier may grow, or go, without any value changing. */
const widening = new Set(["varchar", "varbit", "timestamp", "timestamptz", "time", "timetz"]);

/** Whether every stored value of a type is, byte for byte, one of another. False wherever it is not known. */
export function storesAlike(from: ColumnType, to: ColumnType): boolean {
  if (from.name !== to.name) {
    if (to.modifiers.length > 0) return false;
    return ["varchar>text", "text>varchar", "cidr>inet"].includes(`${from.name}>${to.name}`);
  }
  if (haveEqual(from, to)) return true;
  const [length = Infinity, scale = 0] = from.modifiers;
  const [newLength = Infinity, newScale = 0] = to.modifiers;
  if (widening.has(from.name)) return newLength >= length;
  if (from.name === "numeric") return newLength === Infinity || (newScale === scale && newLength >= length);
  return false;
}
