import type { EnvironmentChange } from "../releases/release";
import type { Assignment } from "./dotenv-line";
import { pathEndsIn, withPathEnding } from "./url-path";

/** A change that leaves another line below a comment with the old one. */
export type Replacement = Extract<EnvironmentChange, { kind: "url-path" | "rename" }>;

/** The regions of a line that a replacement makes. */
export type Line = Pick<Assignment, "key" | "head" | "raw" | "tail">;

/** The variable that the new line sets. */
export function keyAfter(change: Replacement): string {
  return change.kind === "rename" ? change.to : change.key;
}

/** The part of the old value's path that changes, for the diff. */
export function endingBefore(change: Replacement): string | null {
  return change.kind === "url-path" ? change.suffix : null;
}

/** The part of the new value's path that changed, for the diff. */
export function endingAfter(change: Replacement): string | null {
  return change.kind === "url-path" ? change.replacement : null;
}

/** The new line; null when the change does not concern this value. */
export function replaced(change: Replacement, line: Line): Line | null {
  if (change.kind === "rename") return withKey(line, change.to);
  if (pathEndsIn(line.raw, change.replacement)) return null;
  return withRaw(line, withPathEnding(line.raw, change.suffix, change.replacement));
}

/** The old line of a new one, whatever its value is now; null when it is none. */
export function unreplaced(change: Replacement, line: Line): Line | null {
  if (change.kind === "rename") return withKey(line, change.key);
  return withRaw(line, withPathEnding(line.raw, change.replacement, change.suffix));
}

/** The same line for another variable. */
export function withKey({ key, head, raw, tail }: Line, name: string): Line {
  // The key is the last thing before the equals sign: `export KEY = `.
  const at = head.lastIndexOf(key);
  return { key: name, head: head.slice(0, at) + name + head.slice(at + key.length), raw, tail };
}

function withRaw({ key, head, tail }: Line, raw: string | null): Line | null {
  return raw === null ? null : { key, head, raw, tail };
}
