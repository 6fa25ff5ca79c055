import type { EditedFile } from "./changes";
import type { DotenvFile } from "./dotenv-file";
import { assignmentEdit, type EnvironmentEdit, type PlainLine } from "./edits";

/**
 * Gives variables that a file sets other values, in place and with their quotes: the way back is to set the old ones.
 * What the file does not set stays so.
 *
 * @param values - plain words, such as versions: nothing that quotes would have to protect
 */
export function setValues(file: DotenvFile, values: Readonly<Record<string, string>>): EditedFile {
  const edits: EnvironmentEdit[] = [];
  const lines = file.lines.map((line, index): PlainLine => {
    const { assignment } = line;
    const value = assignment && Object.hasOwn(values, assignment.key) ? values[assignment.key] : undefined;
    // The last of several lines is the one that counts.
    const counts = index === file.lines.findLastIndex((other) => other.assignment?.key === assignment?.key);
    if (!assignment || value === undefined || !counts || file.get(assignment.key) === value) return line;
    const next = { ...assignment, raw: assignment.quote + value + assignment.quote };
    edits.push(assignmentEdit("-", assignment), assignmentEdit("+", next));
    return { text: next.head + next.raw + next.tail, end: line.end };
  });
  return edits.length === 0 ? { file, edits } : { file: file.withLines(lines), edits };
}
