import { markOf, removedMarkOf } from "../environment/marks";
import { linesOf, type TextLine, textOf } from "./lines";
import { cutLines, type Entry, type Form, type Part } from "./parts";

/** A variable that stands in the file as comments of ours. */
export interface Hidden {
  readonly kind: "hidden";
  readonly entry: Entry;
  /** Whether it was removed, so that no search finds it. */
  readonly removed: boolean;
  /** The comments themselves. */
  readonly lines: readonly TextLine[];
}

export type Stretch = Part | Hidden;

/** The file's own lines of a stretch. */
export function linesIn(stretch: Stretch): readonly TextLine[] {
  return stretch.kind === "line" ? [stretch.line] : stretch.lines;
}

/** An entry's lines as comments, behind what indents them, so that each line can be told and comes back exactly. */
export function hiddenLines(entry: Entry, indent: string, version: string): TextLine[] {
  return entry.lines.map(({ text, end }) => {
    // A blank line inside of a value may be shorter than its indent.
    const [blanks = ""] = /^ */.exec(text.slice(0, indent.length)) ?? [];
    return { text: blanks + markOf(version) + text.slice(blanks.length), end };
  });
}

/** The comment in place of a removed entry: no search for the variable finds it. */
export function removedLine(entry: Entry, indent: string, version: string): TextLine {
  const [last] = entry.lines.slice(-1);
  const text = textOf(entry.lines).slice(0, -(last?.end.length ?? 0) || undefined);
  return { text: indent + removedMarkOf(version) + Buffer.from(text).toString("base64"), end: last?.end ?? "" };
}

function uncovered(part: Part | undefined, indent: string, version: string): TextLine | null {
  if (part?.kind !== "line") return null;
  const mark = markOf(version);
  const { text, end } = part.line;
  const [blanks = ""] = /^ */.exec(text) ?? [];
  if (blanks.length > indent.length || !text.startsWith(mark, blanks.length)) return null;
  const rest = text.slice(blanks.length + mark.length);
  return blanks === indent || rest.trim() === "" ? { text: blanks + rest, end } : null;
}

/**
 * Tells our comments of one release from all other lines of an `environment`.
 *
 * @param keys - the variables that the release comments out or removes; a mark in front of anything else is none of ours
 */
export function stretches(
  { parts, indent, form }: { readonly parts: readonly Part[]; readonly indent: string; readonly form: Form },
  version: string,
  keys: ReadonlySet<string>,
): Stretch[] {
  const found: Stretch[] = [];
  for (let at = 0; at < parts.length;) {
    const run: TextLine[] = [];
    for (
      let line = uncovered(parts[at], indent, version);
      line;
      line = uncovered(parts[at + run.length], indent, version)
    )
      run.push(line);
    const part = parts[at];
    if (run.length > 0) found.push(...hiddenIn(run, parts.slice(at, at + run.length), { indent, form, version, keys }));
    else if (part) found.push(removedIn(part, { indent, form, version, keys }) ?? part);
    at += Math.max(run.length, 1);
  }
  return found;
}

/** What tells a comment of ours: where it stands, and what it may hide. */
interface Ours {
  readonly indent: string;
  readonly form: Form;
  readonly version: string;
  readonly keys: ReadonlySet<string>;
}

/** A run of our comments is cut as one text: a value of several lines was marked line by line. */
function hiddenIn(
  run: readonly TextLine[],
  original: readonly Part[],
  { indent, form, version, keys }: Ours,
): Stretch[] {
  const parts = cutLines(run, form)?.parts;
  if (!parts) return [...original];
  let at = 0;
  return parts.flatMap((part): Stretch[] => {
    const length = part.kind === "entry" ? part.lines.length : 1;
    const own = original.slice(at, at + length);
    const lines = run.slice(at, at + length);
    at += length;
    if (part.kind !== "entry" || !keys.has(part.key)) return own;
    const entry = { ...part, lines };
    const comments = own.flatMap(linesIn);
    // A comment in another column would not come back as a variable of this `environment`.
    if (!isAt(entry, indent) || textOf(hiddenLines(entry, indent, version)) !== textOf(comments)) return own;
    return [{ kind: "hidden", entry, removed: false, lines: comments }];
  });
}

function isAt({ lines }: Entry, indent: string): boolean {
  return /^ */.exec(lines[0]?.text ?? "")?.[0] === indent;
}

function removedIn(part: Part, { indent, form, version, keys }: Ours): Hidden | null {
  const mark = indent + removedMarkOf(version);
  if (part.kind !== "line" || !part.line.text.startsWith(mark)) return null;
  const text = Buffer.from(part.line.text.slice(mark.length), "base64").toString("utf8");
  const lines = linesOf(text + part.line.end);
  const cut = cutLines(lines, form);
  const [only, ...others] = cut?.parts ?? [];
  if (only?.kind !== "entry" || others.length > 0 || !keys.has(only.key)) return null;
  const entry = { ...only, lines };
  if (!isAt(entry, indent) || removedLine(entry, indent, version).text !== part.line.text) return null;
  return { kind: "hidden", entry, removed: true, lines: [part.line] };
}
