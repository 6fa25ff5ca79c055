import { analyse } from "./analyse";
import { parseSource, SourceError } from "./parse";
import type { ClientRules } from "./rules";
import type { SourceFile } from "./scopes";
import type { Edit } from "./sites";

/** A place for a person to look at; line and column count from 1. */
export interface Place {
  readonly path: string;
  readonly line: number;
  readonly column: number;
  readonly kind: "undecided" | "removed" | "unreadable";
  readonly reason: string;
}

export interface Migrated {
  /** Text after the change, of the files that change. */
  readonly changed: ReadonlyMap<string, string>;
  readonly places: readonly Place[];
}

/**
 * Takes client code from one release to another, one release at a time.
 *
 * @param sources - texts by path, without byte order marks; only Python, JavaScript and TypeScript
 * @param steps - the rules of each release, oldest first
 */
export function migrateSources(sources: ReadonlyMap<string, string>, steps: readonly ClientRules[]): Migrated {
  const texts = new Map(sources);
  const places: Place[] = [];
  for (const rules of steps) {
    const files = [...texts].flatMap(([path, text]) => (mayConcern(text, rules) ? readable(path, text, places) : []));
    const { edits, findings } = analyse(files, rules);
    for (const [file, own] of grouped(edits)) texts.set(file.path, withEdits(file, own));
    places.push(...findings.map(({ file, at, kind, reason }) => ({ ...placeIn(file, at), kind, reason })));
  }
  const changed = new Map([...texts].filter(([path, text]) => sources.get(path) !== text));
  return { changed, places: distinct(places) };
}

/** Whether a file holds a word that a rule is about, or that tells where OctoLLM is. */
function mayConcern(text: string, { paths, removed, scales, sdks, hints }: ClientRules): boolean {
  const words = [
    ...paths.map(({ from }) => from),
    ...removed.map(({ path }) => path),
    ...scales.map(({ field }) => field),
    ...sdks.flatMap(({ modules }) => modules),
    ...hints.addresses.map((address) => address.split(":")[0] ?? address),
    ...hints.names,
  ];
  const lower = text.toLowerCase();
  return words.some((word) => lower.includes(word.toLowerCase()));
}

function readable(path: string, text: string, places: Place[]): SourceFile[] {
  try {
    return [parseSource(path, text)];
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    places.push({ ...placeIn({ path, text }, error.at), kind: "unreadable", reason: error.message });
    return [];
  }
}

function grouped(edits: readonly Edit[]): Map<SourceFile, Edit[]> {
  const groups = new Map<SourceFile, Edit[]>();
  for (const edit of edits) groups.set(edit.file, [...(groups.get(edit.file) ?? []), edit]);
  return groups;
}

function withEdits({ text, path }: SourceFile, edits: readonly Edit[]): string {
  const ordered = edits.toSorted((left, right) => left.start - right.start);
  let result = "";
  let at = 0;
  for (const { start, end, text: replacement } of ordered) {
    if (start < at) throw new Error(`Two changes of '${path}' overlap. Nothing was written.`);
    result += text.slice(at, start) + replacement;
    at = end;
  }
  return result + text.slice(at);
}

function placeIn(
  { path, text }: Pick<SourceFile, "path" | "text">,
  at: number,
): Pick<Place, "path" | "line" | "column"> {
  const lines = text.slice(0, at).split(/\r\n|\n|\r/);
  return { path, line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
}

function distinct(places: readonly Place[]): Place[] {
  return [...new Map(places.map((place) => [`${place.path}:${place.line}:${place.column}`, place])).values()];
}
