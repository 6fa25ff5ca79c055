import { isAlias, isMap, isScalar, isSeq, parseDocument, Scalar, type YAMLMap, type YAMLSeq } from "yaml";

import { linesOf, type TextLine } from "./lines";
import { keyOf, scalarText } from "./nodes";

/** A variable in an `environment`, on lines of its own. `head + raw + close + tail` is their text. */
export interface Entry {
  readonly kind: "entry";
  readonly key: string;
  /** Up to the value: `      - "CACHE_TTL=`, `      CACHE_TTL: `. */
  readonly head: string;
  /** The value as it is written; null where only the name stands. */
  readonly raw: string | null;
  /** The quote behind the value, where one before the key opened it. */
  readonly close: string;
  /** Blanks and comment behind it. */
  readonly tail: string;
  /** The value as compose fills it in; null for none, undefined for an alias or what is no scalar. */
  readonly text: string | null | undefined;
  /** Why the line cannot be replaced by another one, or gone without; null when it can. */
  readonly fault: string | null;
  /** Whether the line can become a comment: no anchor goes with it, nothing else is in it. */
  readonly canGo: boolean;
  readonly lines: readonly TextLine[];
}

/** What an `environment` consists of, line by line. */
export type Part = Entry | { readonly kind: "line"; readonly line: TextLine };

/** How an `environment` is written: `KEY: value` or `- KEY=value`. */
export type Form = "map" | "list";

/** A mapping or list cut into its lines. */
export interface Cut {
  readonly form: Form;
  /** What its entries are indented with. */
  readonly indent: string;
  /** 0-based lines from the first part to behind the last. */
  readonly first: number;
  readonly behind: number;
  readonly parts: readonly Part[];
}

const isFiller = (line: TextLine | undefined) => line !== undefined && /^\s*(#.*)?$/.test(line.text);

/** Where an item of a mapping or list begins, and where its last character ends. */
interface Place {
  readonly start: number;
  readonly end: number;
  readonly item: unknown;
}

function placesOf(text: string, node: YAMLMap | YAMLSeq): Place[] | null {
  const tokens = node.srcToken;
  if (tokens?.type !== "block-map" && tokens?.type !== "block-seq") return null;
  const written = tokens.items.filter((token) => token.key ?? token.value ?? token.sep ?? token.start.length > 0);
  const items: readonly unknown[] = node.items;
  return items
    .map((item, index): Place => {
      const token = written[index];
      const dash = token?.start.find(({ type }) => type === "seq-item-ind" || type === "explicit-key-ind");
      const props = token?.start.find(({ type }) => type === "anchor" || type === "tag");
      const own = isMap(node) ? (item as YAMLMap["items"][number]).key : item;
      const start = dash?.offset ?? props?.offset ?? rangeOf(own)?.[0] ?? 0;
      const value = isMap(node) ? (item as YAMLMap["items"][number]).value : item;
      const end = rangeOf(value)?.[1] ?? rangeOf(own)?.[1] ?? start;
      const colon = token?.sep?.find(({ type }) => type === "map-value-ind");
      return { item, start, end: Math.max(end, colon ? colon.offset + 1 : 0, start + 1) };
    })
    .map((place) => ({ ...place, end: place.start + text.slice(place.start, place.end).trimEnd().length }));
}

function rangeOf(node: unknown): readonly [number, number, number] | undefined {
  return (isScalar(node) || isAlias(node) || isMap(node) || isSeq(node) ? node.range : undefined) ?? undefined;
}

/**
 * Cuts a mapping or list of a document into lines, with the comments and blank lines around it.
 *
 * @param text - the document's text
 * @returns null when its entries are not each on lines of their own: `{...}`, `[...]`, or behind something else
 */
export function cut(text: string, node: YAMLMap | YAMLSeq): Cut | null {
  const places = placesOf(text, node);
  const lines = linesOf(text);
  const starts: number[] = [];
  lines.reduce((at, line) => (starts.push(at), at + line.text.length + line.end.length), 0);
  const lineAt = (offset: number) => starts.findLastIndex((start) => start <= offset);
  const [firstPlace] = places ?? [];
  if (!places || !firstPlace) return null;
  const indent = text.slice(starts[lineAt(firstPlace.start)], firstPlace.start);
  let first = lineAt(firstPlace.start);
  const parts: Part[] = [];
  while (first > 0 && isFiller(lines[first - 1])) first--;
  let at = first;
  for (const place of places) {
    const [from, to] = [lineAt(place.start), lineAt(place.end - 1)];
    if (from < at || !/^\ufeff?[ ]*$/.test(text.slice(starts[from], place.start))) return null;
    parts.push(...lines.slice(at, from).map((line) => ({ kind: "line" as const, line })));
    const own = { lines: lines.slice(from, to + 1), offset: starts[from] ?? 0 };
    parts.push(isMap(node) ? mapEntry(place, own) : listEntry(place, own));
    at = to + 1;
  }
  let behind = at;
  while (isFiller(lines[behind])) behind++;
  parts.push(...lines.slice(at, behind).map((line) => ({ kind: "line" as const, line })));
  return { form: isMap(node) ? "map" : "list", indent: indent.replace("\ufeff", ""), first, behind, parts };
}

interface Own {
  readonly lines: readonly TextLine[];
  /** Where the first of them begins. */
  readonly offset: number;
}

/** The text of an entry's lines, without the last one's end. */
function ownText({ lines }: Own): string {
  return lines.map(({ text, end }, index) => (index === lines.length - 1 ? text : text + end)).join("");
}

const whole = (key: string, own: Own, fault: string): Entry => ({
  ...{ kind: "entry", key, head: ownText(own), raw: null, close: "", tail: "", text: undefined, fault },
  canGo: false,
  lines: own.lines,
});

function mapEntry({ item, end }: Place, own: Own): Entry {
  const { key: keyNode, value } = item as YAMLMap["items"][number];
  if (!isScalar(keyNode)) return whole("", own, "its key is no plain name");
  const key = keyOf(keyNode);
  const text = ownText(own);
  const isEmpty = isScalar(value) && value.value === null && value.source === "";
  if (value === null || isEmpty) {
    const at = end - own.offset;
    const fault = isEmpty && hasProperties(value) ? "its value has an anchor or a tag" : null;
    const canGo = !isAnchored(keyNode) && !isAnchored(value);
    return { ...named(key, text, at), text: null, fault, canGo, lines: own.lines };
  }
  const range = rangeOf(value);
  if (!range || !(isScalar(value) || isAlias(value))) return whole(key, own, "its value is no text");
  const [from, to] = [range[0] - own.offset, end - own.offset];
  return {
    kind: "entry",
    key,
    head: text.slice(0, from),
    raw: text.slice(from, to),
    close: "",
    tail: text.slice(to),
    text: isScalar(value) ? scalarText(value) : undefined,
    fault: valueFault(value, text.slice(from, to)),
    canGo: !isAnchored(keyNode) && !isAnchored(value),
    lines: own.lines,
  };
}

function named(key: string, text: string, at: number): Omit<Entry, "text" | "fault" | "canGo" | "lines"> {
  return { kind: "entry", key, head: text.slice(0, at), raw: null, close: "", tail: text.slice(at) };
}

interface Properties {
  readonly anchor?: string | undefined;
  readonly tag?: string | undefined;
}

const isAnchored = (node: Properties | null) => node?.anchor !== undefined;

function hasProperties(node: Properties): boolean {
  return node.anchor !== undefined || (node.tag !== undefined && !node.tag.startsWith("tag:yaml.org"));
}

function valueFault(value: Properties, raw: string): string | null {
  if (hasProperties(value)) return "its value has an anchor or a tag";
  return raw.includes("\n") ? "its value spans several lines" : null;
}

function listEntry({ item, end }: Place, own: Own): Entry {
  const text = ownText(own);
  if (!isScalar(item)) return whole("", own, "it is no text");
  const [from, to] = [(item.range?.[0] ?? 0) - own.offset, end - own.offset];
  const source = text.slice(from, to);
  const content = keyOf(item);
  const equals = content.indexOf("=");
  const key = equals < 0 ? content : content.slice(0, equals);
  const quote = item.type === Scalar.PLAIN ? "" : (source[0] ?? "");
  if (item.type !== Scalar.PLAIN && item.type !== Scalar.QUOTE_DOUBLE && item.type !== Scalar.QUOTE_SINGLE)
    return whole(key, own, "its value spans several lines");
  if (!source.startsWith(quote + key)) return whole(key, own, "its name is written with escapes");
  const fault = valueFault(item, source);
  const at = from + quote.length + key.length;
  const canGo = !isAnchored(item);
  const rest = { kind: "entry" as const, key, close: quote, tail: text.slice(to), fault, canGo, lines: own.lines };
  if (equals < 0) return { ...rest, head: text.slice(0, at), raw: null, text: null };
  const raw = text.slice(at + 1, to - quote.length);
  return { ...rest, head: text.slice(0, at + 1), raw, text: content.slice(equals + 1) };
}

/** Lines that stand by themselves cut the same way; null when they are no `environment` of that form. */
export function cutLines(lines: readonly TextLine[], form: Form): Cut | null {
  const text = lines.map((line) => line.text + (line.end || "\n")).join("");
  const document = parseDocument(text, { keepSourceTokens: true, uniqueKeys: false, logLevel: "silent" });
  const root: unknown = document.contents;
  if (!(form === "map" ? isMap(root) : isSeq(root))) return null;
  if (document.errors.some(({ code }) => code !== "BAD_ALIAS")) return null;
  return cut(text, root as YAMLMap | YAMLSeq);
}
