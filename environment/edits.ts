import type { Assignment, DotenvLine } from "./dotenv-line";

/** A logical line that was added to or removed from an `.env` file. Holds secrets: show it through `describeEdits`. */
export interface EnvironmentEdit {
  readonly sign: "+" | "-";
  /** What turns the line into a comment of ours, `# [octollm 0.2.0] `; empty when it is none. */
  readonly mark: string;
  /** Null for the two lines around a block of added variables. */
  readonly key: string | null;
  /** The value with its quotes; for a line without key, the line. */
  readonly raw: string;
  readonly exported: boolean;
  /** The part of a URL's path that changes, such as `/v1/webhook`. */
  readonly ending: string | null;
}

/** A line's bytes; its regions are found again when the file is cut anew. */
export type PlainLine = Pick<DotenvLine, "text" | "end">;

/** The edit that adds or removes the line of an assignment. */
export function assignmentEdit(
  sign: EnvironmentEdit["sign"],
  assignment: Pick<Assignment, "key" | "head" | "raw">,
  more: { readonly mark?: string; readonly ending?: string | null } = {},
): EnvironmentEdit {
  return {
    sign,
    mark: more.mark ?? "",
    key: assignment.key,
    raw: Buffer.from(assignment.raw, "latin1").toString("utf8"),
    exported: /^\s*export\s/.test(assignment.head),
    ending: more.ending ?? null,
  };
}

/** The edit that adds or removes a line which is no assignment. */
export function lineEdit(sign: EnvironmentEdit["sign"], text: string): EnvironmentEdit {
  return { sign, mark: "", key: null, raw: text, exported: false, ending: null };
}
