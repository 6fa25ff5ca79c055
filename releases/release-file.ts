import { type Document, isMap, isScalar, isSeq, LineCounter, parseDocument, visit } from "yaml";
import { z } from "zod";

import { fieldName, invariant, logPatterns, relativePath, smokeRequest, smokeTask } from "./check-schema";
import { CatalogueError, type CatalogueFault } from "./errors";
import type { EnvironmentChange, Release } from "./release";

const key = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be the name of a variable");
const clientPath = z.string().regex(/^(\/[A-Za-z0-9._~-]+)+$/, "must be a path such as /tasks");
const version = z.string().regex(/^\d+\.\d+\.\d+$/, "must be a version such as 1.0.0");

const services = z.array(z.string().min(1)).min(1).optional();

const environmentChange = z.union([
  z
    .strictObject({ add: key, from: key.optional(), default: z.string(), services })
    .transform(({ add, ...rest }): EnvironmentChange => ({ kind: "add", key: add, ...rest })),
  z
    .strictObject({ deprecate: key })
    .transform(({ deprecate }): EnvironmentChange => ({ kind: "deprecate", key: deprecate })),
  z.strictObject({ remove: key }).transform(({ remove }): EnvironmentChange => ({ kind: "remove", key: remove })),
  z
    .strictObject({ rename: key, to: key })
    .refine(({ rename, to }) => rename !== to, { path: ["to"], message: "must be another name" })
    .transform(({ rename, to }): EnvironmentChange => ({ kind: "rename", key: rename, to })),
  z
    .strictObject({ require: key, text: z.string().min(1), services })
    .transform(({ require, text }): EnvironmentChange => ({ kind: "require", key: require, text })),
  z
    .strictObject({ url_path: key, suffix: relativePath, replacement: relativePath })
    .transform(({ url_path, ...rest }): EnvironmentChange => ({ kind: "url-path", key: url_path, ...rest })),
]);

const sentence = { breaking: z.boolean(), text: z.string().min(1) };

const apiChange = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("path"), from: clientPath, to: clientPath, ...sentence }),
  z.strictObject({ kind: z.literal("removed"), path: clientPath, ...sentence }),
  z.strictObject({
    kind: z.literal("scale"),
    field: fieldName,
    from: z.tuple([z.int(), z.int()]).refine(([low, high]) => low < high, "must be a lower and a higher number"),
    factor: z.int().min(2),
    ...sentence,
  }),
  z
    .strictObject({
      kind: z.literal("sdk"),
      package: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, "must be the name of a package"),
      version,
      modules: z.array(z.string().min(1)).min(1),
      client: fieldName,
      base_path: clientPath,
      ...sentence,
    })
    .transform(({ base_path, ...rest }) => ({ ...rest, basePath: base_path })),
]);

const clientHints = z.strictObject({
  addresses: z.array(z.string().regex(/^[a-z0-9.-]+(:\d+)?$/, "must be 'host' or 'host:port' in lower case")),
  names: z.array(z.string().regex(/^[a-z0-9_]{4,}$/, "must be four or more lower-case letters")),
});

const releaseSchema = z
  .strictObject({
    version,
    date: z.iso.date(),
    type: z.enum(["initial", "minor", "breaking"]),
    notes: z.array(z.string()),
    images: z.record(z.string(), z.string()),
    revision: z.string().min(1),
    strict_head: z.boolean(),
    required_stop: z.boolean(),
    environment: z.array(environmentChange),
    api: z.array(apiChange),
    clients: clientHints.nullable().default(null),
    smoke: z.array(smokeRequest),
    task: smokeTask.nullable().default(null),
    logs: logPatterns,
    invariants: z.array(invariant),
    indexes: z.array(z.string()),
    recognised_by: z.string().nullable().default(null),
  })
  .superRefine(({ environment, images }, context) => {
    environment.forEach((change, index) => {
      const named = change.kind === "add" || change.kind === "require" ? (change.services ?? []) : [];
      named.forEach((service, at) => {
        if (Object.hasOwn(images, service)) return;
        const path = ["environment", index, "services", at];
        context.addIssue({ code: "custom", path, message: `there is no image of a service '${service}'` });
      });
    });
  })
  .transform(({ strict_head, required_stop, recognised_by, ...rest }) => ({
    ...rest,
    recognisedBy: recognised_by,
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
  const fault = (offset: number | undefined, reason: string): CatalogueFault => {
    return { file, line: offset === undefined ? 1 : lineCounter.linePos(offset).line, reason };
  };
  // "core" would read `date: 2025-11-10` as text already; strings stay strings.
  const document = parseDocument(text, { lineCounter, uniqueKeys: true });
  if (document.errors.length > 0)
    throw new CatalogueError(
      document.errors.map((error) =>
        fault(error.pos[0], (error.message.split("\n")[0] ?? "").replace(/ at line \d+.*$/, "")),
      ),
    );
  const result = releaseSchema.safeParse(toValue(document, fault));
  if (result.success) return result.data;
  throw new CatalogueError(
    result.error.issues.flatMap(withoutUnion).flatMap((issue) => {
      const path = issue.path.filter((part) => typeof part !== "symbol");
      const where = path.length > 0 ? `'${path.join(".")}' ` : "";
      if (issue.code === "unrecognized_keys")
        return issue.keys.map((name) =>
          fault(place(document.contents, [...path, name]).offset, `${where}there is no key '${name}'`),
        );
      const { offset, missing } = place(document.contents, path);
      return [fault(offset, `${where}${missing ? "is missing" : issue.message}`)];
    }),
  );
}

type Issue = z.core.$ZodIssue;

/** What is wrong with the one kind of change that was meant, told by its keys; else what kinds there are. */
function withoutUnion(issue: Issue): Issue[] {
  if (issue.code !== "invalid_union") return [issue];
  if (issue.discriminator !== undefined) return [{ ...issue, message: "must be one of path, removed, scale, sdk" }];
  const meant = issue.errors.find((branch) =>
    branch.every(({ code, path }) => code !== "unrecognized_keys" && path.length > 0),
  );
  if (meant) return meant.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }));
  return [
    {
      ...issue,
      message:
        "must be one of { add, default[, from, services] }, { rename, to }, { deprecate }, { remove }, " +
        "{ require, text[, services] }, " +
        "{ url_path, suffix, replacement }",
    },
  ];
}

function toValue(
  document: Document.Parsed,
  fault: (offset: number | undefined, reason: string) => CatalogueFault,
): unknown {
  try {
    return document.toJS();
  } catch (error) {
    // An alias without its anchor, or too many aliases: the only faults that show this late.
    let offset: number | undefined;
    visit(document, { Alias: (_key, alias) => void (alias.resolve(document) ?? (offset ??= alias.range?.[0])) });
    throw new CatalogueError([fault(offset, error instanceof Error ? error.message : String(error))]);
  }
}

/** Where the deepest existing node on the path starts (a key's own place when its value is asked for). */
function place(
  root: unknown,
  path: readonly (string | number)[],
): { readonly offset?: number; readonly missing: boolean } {
  let node = root;
  let offset: number | undefined;
  for (const part of path) {
    if (!isMap(node) && !isSeq(node)) return { offset, missing: false };
    if (!node.has(part)) return { offset, missing: true };
    const pair = isMap(node) ? node.items.find(({ key: name }) => isScalar(name) && name.value === part) : undefined;
    node = node.get(part, true);
    const start = (pair?.key ?? node) as { range?: [number, number, number] } | undefined;
    offset = start?.range?.[0] ?? offset;
  }
  return { offset, missing: false };
}
