import { isMap, isSeq, LineCounter, parseDocument } from "yaml";
import { z } from "zod";

import { CatalogueError } from "./errors";
import type { EnvironmentChange, Release } from "./release";

const key = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be the name of a variable");
const relativePath = z.string().regex(/^\//, "must begin with '/'");

const environmentChange = z.union([
  z
    .strictObject({ add: key, from: key.optional(), default: z.string() })
    .transform(({ add, ...rest }): EnvironmentChange => ({ kind: "add", key: add, ...rest })),
  z.strictObject({ deprecate: key }).transform(({ deprecate }): EnvironmentChange => ({ kind: "deprecate", key: deprecate })),
  z
    .strictObject({ url_path: key, suffix: relativePath, replacement: relativePath })
    .transform(({ url_path, ...rest }): EnvironmentChange => ({ kind: "url-path", key: url_path, ...rest })),
]);

const releaseSchema = z
  .strictObject({
    version: z.string().regex(/^\d+\.\d+\.\d+$/, "must be a version such as 1.0.0"),
    date: z.iso.date(),
    type: z.enum(["initial", "minor", "breaking"]),
    notes: z.array(z.string()),
    images: z.record(z.string(), z.string()),
    revision: z.string().min(1),
    strict_head: z.boolean(),
    required_stop: z.boolean(),
    environment: z.array(environmentChange),
    api: z.array(z.strictObject({ kind: z.enum(["path", "removed", "scale"]), breaking: z.boolean(), text: z.string() })),
    smoke: z.array(
      z.strictObject({
        service: z.string(),
        method: z.enum(["GET", "HEAD", "POST"]),
        path: relativePath,
        status: z.int().min(100).max(599),
      }),
    ),
    invariants: z.array(z.strictObject({ name: z.string(), violations: z.string() })),
    indexes: z.array(z.string()),
  })
  .transform(({ strict_head, required_stop, ...rest }) => ({
    ...rest,
    strictHead: strict_head,
    requiredStop: required_stop,
  }));

/** What a `release.yaml` says; the migrations come from the files beside it. */
export type ReleaseHeader = Omit<Release, "migrations">;

/**
 * Reads one `release.yaml`.
 *
 * @param text - the file's text
 * @param file - its path, for messages
 * @throws CatalogueError with file, line and reason of every fault
 */
export function parseReleaseFile(text: string, file: string): ReleaseHeader {
  const lineCounter = new LineCounter();
  // "core" would read `date: 2025-11-10` as text already; strings stay strings.
  const document = parseDocument(text, { lineCounter, uniqueKeys: true });
  if (document.errors.length > 0) {
    throw new CatalogueError(
      document.errors.map((error) => ({
        file,
        line: error.linePos?.[0].line,
        reason: (error.message.split("\n")[0] ?? "").replace(/ at line \d+.*$/, ""),
      })),
    );
  }
  const result = releaseSchema.safeParse(document.toJS());
  if (result.success) return result.data;
  throw new CatalogueError(
    result.error.issues.map((issue) => {
      const path = issue.path.filter((part) => typeof part !== "symbol");
      const offset = nearestOffset(document.contents, path);
      const where = path.length > 0 ? `'${path.join(".")}' ` : "";
      return { file, line: offset === undefined ? 1 : lineCounter.linePos(offset).line, reason: `${where}${issue.message}` };
    }),
  );
}

/** Where the deepest existing node on the path starts. */
function nearestOffset(root: unknown, path: (string | number)[]): number | undefined {
  let node = root;
  let offset: number | undefined;
  for (const part of path) {
    const next: unknown = isMap(node) || isSeq(node) ? node.get(part, true) : undefined;
    const range = (next as { range?: [number, number, number] } | undefined)?.range;
    if (!range) break;
    offset = range[0];
    node = next;
  }
  return offset;
}
