import type { DotenvFile } from "./dotenv-file";
import type { DotenvLine } from "./dotenv-line";
import { assignmentEdit, type EnvironmentEdit, lineEdit, type PlainLine } from "./edits";

/** A variable that a release adds, with the bytes of its value. */
export interface Addition {
  readonly key: string;
  readonly raw: string;
}

/** The comments around what a release adds. */
export const beginning = (version: string) => `# >>> OctoLLM ${version}: added by the upgrade`;
export const ending = (version: string) => `# <<< OctoLLM ${version}`;

interface Bounds {
  readonly begin: number;
  /** Index of the closing line; when somebody deleted it, -1. */
  readonly end: number;
}

function boundsOf(lines: readonly PlainLine[], version: string): Bounds | null {
  const begin = lines.findIndex((line) => line.text === beginning(version));
  if (begin < 0) return null;
  return { begin, end: lines.findIndex((line, index) => index > begin && line.text === ending(version)) };
}

/**
 * Adds variables in the release's block at the end of the file; a block that is already there is filled up.
 *
 * @param additions - what is missing; with none, nothing happens
 */
export function withBlock(
  lines: readonly PlainLine[],
  version: string,
  additions: readonly Addition[],
  style: { readonly lineEnd: string; readonly exported: boolean },
): { lines: PlainLine[]; edits: EnvironmentEdit[] } {
  if (additions.length === 0) return { lines: [...lines], edits: [] };
  const head = style.exported ? "export " : "";
  const added = additions.map(({ key, raw }) => ({ text: `${head}${key}=${raw}`, end: style.lineEnd }));
  const edits = additions.map((addition) => assignmentEdit("+", { ...addition, head }));
  const bounds = boundsOf(lines, version);
  if (bounds && bounds.end >= 0) return { lines: lines.toSpliced(bounds.end, 0, ...added), edits };
  const [first, last] = [beginning(version), ending(version)];
  const block = [{ text: first, end: style.lineEnd }, ...added, { text: last, end: style.lineEnd }];
  return { lines: [...lines, ...block], edits: [lineEdit("+", first), ...edits, lineEdit("+", last)] };
}

/**
 * Takes the release's block out again. Lines in it that are not as they were added (new ones, comments, variables with
 * another value) are the operator's, and stay.
 */
export function withoutBlock(
  file: DotenvFile,
  version: string,
  additions: readonly Addition[],
): { lines: DotenvLine[]; edits: EnvironmentEdit[] } {
  const expected = new Map(additions.map(({ key, raw }) => [key, raw]));
  const isOurs = ({ assignment }: DotenvLine) =>
    assignment !== null && assignment.tail === "" && expected.get(assignment.key) === assignment.raw;
  let lines = [...file.lines];
  const edits: EnvironmentEdit[] = [];
  for (let bounds = boundsOf(lines, version); bounds; bounds = boundsOf(lines, version)) {
    const { begin } = bounds;
    const open = lines.findIndex((line, index) => index > begin && !isOurs(line));
    const end = bounds.end >= 0 ? bounds.end : open < 0 ? lines.length : open;
    const inside = lines.slice(begin + 1, end);
    edits.push(lineEdit("-", beginning(version)));
    for (const { assignment } of inside.filter(isOurs)) if (assignment) edits.push(assignmentEdit("-", assignment));
    if (bounds.end >= 0) edits.push(lineEdit("-", ending(version)));
    const kept = inside.filter((line) => !isOurs(line));
    lines = [...lines.slice(0, begin), ...kept, ...lines.slice(bounds.end >= 0 ? end + 1 : end)];
  }
  return { lines, edits };
}
