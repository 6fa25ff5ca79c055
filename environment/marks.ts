import { type Assignment, type DotenvLine, tokenize } from "./dotenv-line";
import type { PlainLine } from "./edits";

/** What our comments begin with: the line behind it is the operator's own, byte for byte. */
export function markOf(version: string): string {
  return `# [octollm ${version}] `;
}

/** A line as comment: a quoted value may span several physical lines, and each of them needs the mark. */
export function commentedOut(line: PlainLine, version: string): PlainLine[] {
  const parts = line.text.split(/(\r\n|\n|\r)/);
  const physical: PlainLine[] = [];
  for (let at = 0; at < parts.length; at += 2)
    physical.push({ text: markOf(version) + (parts[at] ?? ""), end: parts[at + 1] ?? line.end });
  return physical;
}

/** What the comment that stands for a removed line begins with. */
export function removedMarkOf(version: string): string {
  return `# [octollm ${version}: removed] `;
}

/** The comment in place of a removed line: no search for the variable finds it, and the way back is exact. */
export function removedLine(line: PlainLine, version: string): PlainLine {
  return { text: removedMarkOf(version) + Buffer.from(line.text, "latin1").toString("base64"), end: line.end };
}

/** The line that one of our comments stands for; null when it is none, or names a variable that was not removed. */
export function removedFrom(line: PlainLine, version: string, keys: ReadonlySet<string>): MarkedAssignment | null {
  const mark = removedMarkOf(version);
  if (!line.text.startsWith(mark)) return null;
  const text = Buffer.from(line.text.slice(mark.length), "base64").toString("latin1");
  const [only, ...others] = tokenize(text + line.end);
  if (!only?.assignment || others.length > 0 || !keys.has(only.assignment.key)) return null;
  return removedLine(only, version).text === line.text ? { line: only, assignment: only.assignment } : null;
}

/** An assignment that stands in the file as comments of ours. */
export interface MarkedAssignment {
  readonly line: DotenvLine;
  readonly assignment: Assignment;
}

/** A stretch of a file: a line of the operator, or what one of our comments hides. */
export type Stretch =
  { readonly kind: "line"; readonly line: DotenvLine } | { readonly kind: "marked"; readonly marked: MarkedAssignment };

function isMarked(line: DotenvLine | undefined, mark: string): line is DotenvLine {
  return line !== undefined && line.assignment === null && line.text.startsWith(mark);
}

/**
 * Tells our comments of one release from all other lines.
 *
 * @param keys - the variables that the release comments out; a mark in front of anything else is no comment of ours
 */
export function stretches(lines: readonly DotenvLine[], version: string, keys: ReadonlySet<string>): Stretch[] {
  const mark = markOf(version);
  const found: Stretch[] = [];
  for (let at = 0; at < lines.length;) {
    const run: DotenvLine[] = [];
    for (let line = lines[at + run.length]; isMarked(line, mark); line = lines[at + run.length]) run.push(line);
    const first = lines[at];
    if (run.length > 0) found.push(...hidden(run, version, keys));
    else if (first) found.push({ kind: "line", line: first });
    at += Math.max(run.length, 1);
  }
  return found;
}

/** The run is cut as one text: a value of several lines was marked line by line. */
function hidden(run: readonly DotenvLine[], version: string, keys: ReadonlySet<string>): Stretch[] {
  const text = run.map((line) => line.text.slice(markOf(version).length) + line.end).join("");
  return tokenize(text).flatMap((line): Stretch[] => {
    const { assignment } = line;
    if (assignment && keys.has(assignment.key)) return [{ kind: "marked", marked: { line, assignment } }];
    return commentedOut(line, version).map((part) => ({ kind: "line", line: { ...part, assignment: null } }));
  });
}
