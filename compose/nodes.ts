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
export function entriesOf(document: Document, map: YAMLMap, depth = 0): MergedEntry[] {
  const found = new Map<string, MergedEntry>();
  const merged: MergedEntry[] = [];
  for (const pair of map.items) {
    const keyNode = resolved(document, pair.key);
    if (!isScalar(keyNode)) continue;
    const key = keyOf(keyNode);
    if (key === "<<" && keyNode.type === "PLAIN") merged.push(...mergedInto(document, pair, depth));
    else found.set(key, { key, value: resolved(document, pair.value), pair, owner: map });
  }
  for (const entry of merged) if (!found.has(entry.key)) found.set(entry.key, entry);
  return [...found.values()];
}

function mergedInto(document: Document, pair: Pair, depth: number): MergedEntry[] {
  if (depth > deepest) return [];
  const source = resolved(document, pair.value);
  const maps = isSeq(source) ? source.items.map((item) => resolved(document, item)) : [source];
  return maps.flatMap((map) => (isMap(map) ? entriesOf(document, map, depth + 1) : []));
}

/** The value of a mapping's key, merged or its own. */
export function valueAt(document: Document, map: YAMLMap, key: string): Node | null | undefined {
  return entriesOf(document, map).find((entry) => entry.key === key)?.value;
}

/** A scalar as compose puts it into text; null for none. */
export function scalarText(node: Scalar): string | null {
  const { value, source, type } = node;
  if (value === null || value === undefined) return null;
  // Compose's YAML readers take a number with a leading zero as octal, as YAML 1.1 did.
  if (type === "PLAIN" && typeof value === "number" && source !== undefined && /^[-+]?0[0-7]+$/.test(source))
    return String(Number.parseInt(source, 8));
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return typeof value === "string" ? value : (source ?? "");
}

/** A node as plain data, every text through `fill`; what is no text stays. */
export function plainValue(document: Document, node: unknown, fill: (text: string) => string, depth = 0): unknown {
  if (depth > deepest) return null;
  const inner = (child: unknown) => plainValue(document, child, fill, depth + 1);
  const found = resolved(document, node);
  if (isScalar(found)) return typeof found.value === "string" ? fill(found.value) : found.value;
  if (isSeq(found)) return found.items.map(inner);
  if (isMap(found)) return Object.fromEntries(entriesOf(document, found).map(({ key, value }) => [key, inner(value)]));
  return null;
}
