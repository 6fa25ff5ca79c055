import { createHash } from "node:crypto";

import { DotenvFile } from "./dotenv-file";

/**
 * Variables that stand in no file, as one: what is read of it are exactly their values.
 *
 * @param values - in the order in which they are to stand
 */
export function dotenvOf(values: ReadonlyMap<string, string>): DotenvFile {
  return DotenvFile.parse([...values].map(([key, value]) => `${lineOf(key, value)}\n`).join(""));
}

/**
 * A file that was made of variables once, with what they are now: comments and order stay, what nobody sets any more goes,
 * and what is new comes last.
 *
 * @param kept - as it was written then, with comments of ours
 */
export function withValues(kept: DotenvFile, values: ReadonlyMap<string, string>): DotenvFile {
  const lines = kept.lines.flatMap((line) => {
    const { assignment, end } = line;
    if (!assignment) return [line];
    const value = values.get(assignment.key);
    if (value === undefined) return [];
    return [kept.get(assignment.key) === value ? line : { text: bytes(lineOf(assignment.key, value)), end }];
  });
  const known = new Set(kept.keys());
  const added = [...values].filter(([key]) => !known.has(key));
  return kept.withLines([...lines, ...added.map(([key, value]) => ({ text: bytes(lineOf(key, value)), end: "\n" }))]);
}

/** Enough of the SHA-256 of a file's variables, whatever their order, to tell whether one is another, and too little to guess one by. */
export function valuesDigest(file: DotenvFile): string {
  const values = file.keys().toSorted().map((key) => [key, file.get(key)]); // prettier-ignore
  return createHash("sha256").update(JSON.stringify(values)).digest("hex").slice(0, 12);
}

const bytes = (text: string) => Buffer.from(text, "utf8").toString("latin1");

/** Nothing in a value may be taken for a reference or an escape, so most values are in single quotes. */
function lineOf(key: string, value: string): string {
  if (/^[\w./:@%+,=-]*$/.test(value)) return `${key}=${value}`;
  if (!/['\\]/.test(value)) return `${key}='${value}'`;
  const escaped = value
    .replace(/[\\"]/g, "\\$&")
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r")
    .replaceAll("\t", "\\t");
  return `${key}="${escaped}"`;
}
