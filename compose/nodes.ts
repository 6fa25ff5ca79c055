import { type Document, isAlias, isMap, isScalar, isSeq, type Node, type Pair, type Scalar, type YAMLMap } from "yaml";

/** One key of a mapping with all that is merged into it. */
export interface MergedEntry {
  readonly key: string;
  /** The value; an alias is followed. Null where nothing stands. */
  readonly value: Node | null;
  /** The pair as it stands, and the mapping that it stands in: another one when it was merged. */
  readonly pair: Pair;
  readonly owner: YAMLMap;
}

/** How deep aliases and merges may lead: more is a file that was made to hang its readers. */
const deepest = 50;

/** A node's value as a key is written; a number's or a word's own text. */
export function keyOf(node: Scalar): string {
  return typeof node.value === "string" ? node.value : (node.source ?? String(node.value));
}

/** What an alias stands for; other nodes as they are. */
export function resolved(document: Document, node: unknown): Node | null {
  let found = node as Node | null | undefined;
  for (let hops = 0; isAlias(found) && hops < deepest; hops++) found = found.resolve(document);
  return isAlias(found) ? null : (found ?? null);
}

/** Keys of a mapping, and those that `<<` merges into it: its own come first and count before the others. */
export function entriesOf(document: Document, map: YAMLMap): MergedEntry[] {
  return entriesBeside(document, map, new Set());
}

/** @param seen - mappings that count already: each is merged once, also where they lead in a circle */
function entriesBeside(document: Document, map: YAMLMap, seen: Set<YAMLMap>): MergedEntry[] {
  seen.add(map);
  const found = new Map<string, MergedEntry>();
  const merged: MergedEntry[] = [];
  for (const pair of map.items) {
    const keyNode = resolved(document, pair.key);
    if (!isScalar(keyNode)) continue;
    const key = keyOf(keyNode);
    if (key === "<<" && keyNode.type === "PLAIN") merged.push(...mergedInto(document, pair, seen));
    else found.set(key, { key, value: resolved(document, pair.value), pair, owner: map });
  }
  for (const entry of merged) if (!found.has(entry.key)) found.set(entry.key, entry);
  return [...found.values()];
}

function mergedInto(document: Document, pair: Pair, seen: Set<YAMLMap>): MergedEntry[] {
  const source = resolved(document, pair.value);
  const maps = isSeq(source) ? source.items.map((item) => resolved(document, item)) : [source];
  return maps.flatMap((map) => (isMap(map) && !seen.has(map) ? entriesBeside(document, map, seen) : []));
}

/** The value of a mapping's key, merged or its own. */
export function valueAt(document: Document, map: YAMLMap, key: string): Node | null | undefined {
  return entriesOf(document, map).find((entry) => entry.key === key)?.value;
}

/** A scalar as compose puts it into text; null for none. */
export function scalarText(node: Scalar): string | null {
  const { value, source, type } = node;
  if (value === null || value === undefined) return null;
  if (type === "PLAIN" && source !== undefined && typeof value !== "boolean") {
    const whole = /^\+?(-?\d[\d_]*)$/.exec(source)?.[1]?.replaceAll("_", "");
    // Compose's YAML readers take a number with a leading zero as octal, as YAML 1.1 did; a long one stays exact.
    if (whole !== undefined) return /^-?0[0-7]+$/.test(whole) ? String(Number.parseInt(whole, 8)) : whole;
  }
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return typeof value === "string" ? value : (source ?? "");
}

/** How many values a file may have, aliases followed: more is a file that was made to hang its readers. */
const most = 100_000;

/**
 * A node as plain data, every text through `fill`; what is no text stays.
 *
 * @throws RangeError when aliases make more of it than any compose file needs
 */
export function plainValue(document: Document, node: unknown, fill: (text: string) => string): unknown {
  let count = 0;
  const inner = (child: unknown): unknown => {
    if (++count > most) throw new RangeError("its aliases make too much of it");
    const found = resolved(document, child);
    if (isScalar(found)) return typeof found.value === "string" ? fill(found.value) : found.value;
    if (isSeq(found)) return found.items.map(inner);
    if (isMap(found))
      return Object.fromEntries(entriesOf(document, found).map(({ key, value }) => [key, inner(value)]));
    return null;
  };
  return inner(node);
}
