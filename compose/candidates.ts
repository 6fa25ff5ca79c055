import { withKey } from "../environment/replacement";
import type { EnvironmentChange } from "../releases/release";
import { type Splice, spliced } from "./edits";
import { interpolate, InterpolationError, type Reference, referencesOf, type Values } from "./interpolate";
import { linesOf } from "./lines";
import { cutLines, type Entry, type Form } from "./parts";
import { plainOrQuoted } from "./scalar-source";

/** A line to be written: `head + raw + close + tail`; `raw` is null where only the name stands. */
export type NewEntry = Pick<Entry, "key" | "head" | "raw" | "close" | "tail">;

export type Add = Extract<EnvironmentChange, { kind: "add" }>;

/** The variables of `.env` before and after a release's changes, expanded. */
export interface ValuesAround {
  readonly before: Values;
  readonly after: Values;
}

/** The text of a line. */
export function entryText({ head, raw, close, tail }: NewEntry): string {
  return head + (raw ?? "") + close + tail;
}

/** What compose makes of a value; null for a name alone that `.env` does not set; undefined where nothing can be said. */
export function valueOf(text: string | null | undefined, key: string, values: Values): string | null | undefined {
  if (text === undefined) return undefined;
  if (text === null) return Object.hasOwn(values, key) ? (values[key] ?? null) : null;
  try {
    return interpolate(text, values);
  } catch (error) {
    if (error instanceof InterpolationError) return undefined;
    throw error;
  }
}

/** What compose would read from a line. */
function valueOfLine(line: NewEntry, form: Form, values: Values): string | null | undefined {
  const [entry] = cutLines(linesOf(entryText(line)), form)?.parts ?? [];
  if (entry?.kind !== "entry" || entry.key !== line.key) return undefined;
  return valueOf(entry.text, entry.key, values);
}

/** A value with other text in the place of its references to a variable; null when it has none, or cannot be read. */
function withReferences(raw: string, key: string, replace: (reference: Reference) => Splice): string | null {
  try {
    const own = referencesOf(raw).filter(({ name }) => name === key);
    return own.length === 0 ? null : spliced(raw, own.map(replace));
  } catch (error) {
    if (error instanceof InterpolationError) return null;
    throw error;
  }
}

/** A value that refers to another variable instead; null when it does not refer to this one. */
export function renamedReferences(raw: string, from: string, to: string): string | null {
  return withReferences(raw, from, ({ nameStart }) => ({ start: nameStart, end: nameStart + from.length, text: to }));
}

/** A value with the defaults of its references to a variable, or nothing, in their place. */
function defaultsOfReferences(raw: string, key: string): string | null {
  return withReferences(raw, key, ({ operator, rest, start, end }) => {
    return { start, end, text: operator.endsWith("-") ? rest : "" };
  });
}

/** The ways in which a variable that is added can take over another one's line, the best first. */
export function takeovers(source: NewEntry, change: Add, form: Form): NewEntry[] {
  const moved = (raw: string | null): NewEntry => ({
    ...withKey({ ...source, raw: raw ?? "" }, change.key),
    raw,
    close: source.close,
    tail: "",
  });
  if (source.raw === null) return [moved(null)];
  const { raw } = source;
  const renamed = renamedReferences(raw, source.key, change.key);
  const defaults = defaultsOfReferences(raw, source.key);
  const literal = form === "map" ? plainOrQuoted(change.default) : change.default;
  return [renamed ?? raw, ...(defaults === null ? [] : [defaults]), literal].map(moved);
}

/**
 * The line for an added variable that takes over another one's value: the first way in which the service gets what it
 * had.
 *
 * @returns null when none does
 */
export function takenOver(
  source: NewEntry & Pick<Entry, "text">,
  change: Add,
  form: Form,
  values: ValuesAround,
): NewEntry | null {
  const lines = takeovers(source, change, form);
  // What an alias stands for is not in the line; whether it comes out right is seen in the whole file.
  if (source.text === undefined) return lines[0] ?? null;
  const wanted = acceptable(valueOf(source.text, source.key, values.before), change, values);
  return lines.find((line) => wanted.includes(valueOfLine(line, form, values.after))) ?? null;
}

/**
 * What a variable that a release adds may be in a service that had a value under the old name.
 *
 * @param old - null or empty: the old release ran on its default
 */
export function acceptable(
  old: string | null | undefined,
  { key, default: fallback }: Add,
  { before, after }: ValuesAround,
): (string | null | undefined)[] {
  const set = Object.hasOwn(before, key) ? [before[key]] : [];
  if (old) return [old, ...set];
  return [fallback, ...set, ...(Object.hasOwn(after, key) ? [after[key]] : []), ...(old === null ? [null] : [])];
}

/** The line of a variable that gets another name: what it refers to in `.env` has been renamed, too. */
export function renamedEntry(
  source: NewEntry & Pick<Entry, "text">,
  to: string,
  form: Form,
  values: ValuesAround,
): NewEntry | null {
  const lines = renamings(source, to);
  if (source.text === undefined) return lines.at(-1) ?? null;
  const wanted = valueOf(source.text, source.key, values.before);
  return lines.find((line) => valueOfLine(line, form, values.after) === wanted) ?? null;
}

/** The ways in which a line can get another name. */
export function renamings(source: NewEntry, to: string): NewEntry[] {
  const moved = (raw: string | null): NewEntry => ({
    ...withKey({ ...source, raw: raw ?? "" }, to),
    raw,
    close: source.close,
  });
  if (source.raw === null) return [moved(null)];
  const renamed = renamedReferences(source.raw, source.key, to);
  return [...(renamed === null ? [] : [moved(renamed)]), moved(source.raw)];
}
