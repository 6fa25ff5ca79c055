import path from "node:path";

import type { SourcePosition, StackTrace } from "@pulumi/pulumi/proto/source_pb";

import type { ResourceState } from "../state/resource";

/** `file:///program/index.ts` at a line becomes `project:///index.ts#line,column`. */
export function sourcePosition(root: string, position: SourcePosition | undefined): string | undefined {
  if (!position) return undefined;
  let url: URL;
  try {
    url = new URL(position.getUri());
  } catch {
    return undefined;
  }
  if (url.protocol !== "file:") return undefined;
  const relative = path.relative(root, decodeURIComponent(url.pathname));
  const column = position.getColumn() ? `,${position.getColumn()}` : "";
  return `project:///${encodeURI(relative)}#${position.getLine()}${column}`;
}

/** Each frame as the state keeps it; frames without a file stay as empty ones. */
export function stackTrace(root: string, trace: StackTrace | undefined): ResourceState["stackTrace"] {
  return trace?.getFramesList().map((frame) => {
    const position = sourcePosition(root, frame.getPc());
    return position === undefined ? {} : { sourcePosition: position };
  });
}
