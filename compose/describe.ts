import { diffLine, masked } from "../environment/describe";
import type { ComposeEdit } from "./edits";

/** A value that only names a variable of `.env` is no secret, and what a reviewer wants to see. */
const reference = /^(["']?)\$(\w+|\{\w+\})\1$/;

/**
 * The lines of a diff for a reviewer, below a line for each place: under 140 characters, without control characters, and
 * masked like those of `.env`.
 *
 * @param edits - as `applyComposeRelease`, `undoComposeRelease` and `setImages` give them
 */
export function describeComposeEdits(edits: readonly ComposeEdit[]): string[] {
  return edits.flatMap((edit, index) => {
    const { place, sign, mark, key, head, raw, close } = edit;
    const isNew = edits[index - 1]?.place !== place;
    const value = key === null || reference.test(raw) ? raw : masked(key, edit);
    return [...(isNew ? [diffLine(`@@ ${place} @@`)] : []), diffLine(`${sign} ${mark}${head}${value}${close}`)];
  });
}
