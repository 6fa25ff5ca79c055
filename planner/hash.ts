import { createHash } from "node:crypto";

import type { Direction } from "./plan";

/** First hex digits of the SHA-256 of a value as JSON. */
export function hash(value: unknown, digits: number): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, digits);
}

/**
 * The name by which a loss of data is accepted.
 *
 * @param target - release or revision that is led to
 * @param kinds - what is lost, without counts: the same loss keeps its name
 */
export function lossId(direction: Direction, target: string, kinds: readonly string[]): string {
  return hash([direction, target, kinds], 8);
}
