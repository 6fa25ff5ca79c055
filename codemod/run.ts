import { readFolder, type TextFile } from "./folder";
import { migrateSources, type Place } from "./migrate";
import { sourceEndings, SourceError } from "./parse";
import { findPins, mayHoldPins } from "./pins";
import type { ClientRules } from "./rules";

/** What a folder's client code becomes. */
export interface CodemodResult {
  /** Every file that was looked at. */
  readonly files: readonly TextFile[];
  /** New texts by path, of the files that change. */
  readonly changed: ReadonlyMap<string, string>;
  /** What a person has to look at, by path and line. */
  readonly places: readonly Place[];
}

/**
 * Works out what the rules change in a folder. Reads only.
 *
 * @param steps - the rules of each release, oldest first
 */
export async function codemodFolder(folder: string, steps: readonly ClientRules[]): Promise<CodemodResult> {
  const isSource = (name: string) => sourceEndings.some((ending) => name.endsWith(ending));
  const { files, unreadable } = await readFolder(folder, (name) => isSource(name) || mayHoldPins(name));
  const sources = new Map(files.filter(({ path }) => isSource(path)).map(({ path, text }) => [path, text]));
  const code = migrateSources(sources, steps);
  const pins = migratePins(files, steps);
  const skipped = unreadable.map(({ path, reason }): Place => ({
    path,
    line: 1,
    column: 1,
    kind: "unreadable",
    reason,
  }));
  return {
    files,
    changed: new Map([...code.changed, ...pins.changed]),
    places: [...code.places, ...pins.places, ...skipped].sort(byPlace),
  };
}

function migratePins(
  files: readonly TextFile[],
  steps: readonly ClientRules[],
): { changed: Map<string, string>; places: Place[] } {
  const changed = new Map<string, string>();
  const places: Place[] = [];
  // Only the last version of a package that is asked for counts.
  const sdks = new Map(steps.flatMap(({ sdks: own }) => own.map((sdk) => [sdk.package, sdk] as const)));
  for (const { path, text: original } of files) {
    if (!mayHoldPins(path.split("/").at(-1) ?? path)) continue;
    let text = original;
    for (const sdk of sdks.values())
      try {
        for (const { start, end, judgement } of findPins(path, text, sdk).toReversed())
          if (judgement.kind === "write") text = text.slice(0, start) + judgement.text + text.slice(end);
          else if (judgement.kind === "undecided")
            places.push({
              path,
              ...position(text, start),
              kind: "undecided",
              reason: `${sdk.package}: ${judgement.reason}`,
            });
      } catch (error) {
        if (!(error instanceof SourceError)) throw error;
        places.push({ path, ...position(text, error.at), kind: "unreadable", reason: error.message });
      }
    if (text !== original) changed.set(path, text);
  }
  return { changed, places };
}

function position(text: string, at: number): { line: number; column: number } {
  const lines = text.slice(0, at).split(/\r\n|\n|\r/);
  return { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
}

function byPlace(left: Place, right: Place): number {
  if (left.path !== right.path) return left.path < right.path ? -1 : 1;
  return left.line - right.line || left.column - right.column;
}
