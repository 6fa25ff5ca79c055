import { type Document, isMap, isPair, isScalar, type Node, visit } from "yaml";

import { keyOf } from "./nodes";

/** One line of a diff of a compose file; `describe.ts` shows it without secrets. */
export interface ComposeEdit {
  /** Where it stands: `services.orchestrator.environment`. */
  readonly place: string;
  readonly sign: "+" | "-";
  /** What makes the line a comment of ours; empty for a line that counts. */
  readonly mark: string;
  /** The variable or key; null for a line without one. */
  readonly key: string | null;
  /** What stands before the value: `CACHE_TTL: `, `- "CACHE_TTL=`. */
  readonly head: string;
  /** The value; for a line without key, the line. */
  readonly raw: string;
  /** The quote behind the value, where one before the key opened it. */
  readonly close: string;
  /** The part of a URL's path that changes, such as `/v1/webhook`. */
  readonly ending: string | null;
}

/** A piece of the file's text that gets another one in its place; positions in UTF-16 units. */
export interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** The text with all splices made; they may not overlap. */
export function spliced(text: string, splices: readonly Splice[]): string {
  const ordered = splices.toSorted((one, other) => one.start - other.start);
  let at = 0;
  const parts = ordered.map((splice) => {
    const part = text.slice(at, splice.start) + splice.text;
    at = splice.end;
    return part;
  });
  return parts.join("") + text.slice(at);
}

/** Where a node stands, as the keys that lead there: `x-common.environment`, `services.orchestrator.image`. */
export function placeOf(document: Document, wanted: Node): string {
  let place = "";
  visit(document, {
    Node(_, node, path) {
      if (node !== wanted) return undefined;
      const keys = path.flatMap((step) => (isPair(step) && isScalar(step.key) ? keyOf(step.key) : []));
      place = keys.join(".");
      return visit.BREAK;
    },
  });
  return place || (isMap(wanted) ? "the file" : "a value");
}
