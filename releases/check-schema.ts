import { z } from "zod";

import { about } from "../settings/about";

export const relativePath = z.string().regex(/^\//, "must begin with '/'");
export const fieldName = z.string().regex(/^[A-Za-z_]\w*$/, "must be the name of a field");

/** The source of a regular expression. */
export const pattern = z.string().superRefine((source, context) => {
  try {
    new RegExp(source);
  } catch (error) {
    const said = error instanceof Error ? error.message.split(": ").at(-1) : String(error);
    context.addIssue({ code: "custom", message: `is no regular expression: ${said}` });
  }
});

/** A request of `smoke`, in release files and in settings. */
export const smokeRequest = z
  .strictObject({
    service: z.string().meta(about("Service that is asked.", "orchestrator")),
    method: z.enum(["GET", "HEAD", "POST"]).meta(about("Method.", "HEAD")),
    path: relativePath.meta(about("Path, with its query.", "/health")),
    status: z.int().min(100).max(599).meta(about("Status that has to come.", 200)),
    measure: z
      .string()
      .min(1)
      .optional()
      .meta(about("Name that errors and times of this request are compared by, before and after.", "health")),
  })
  .refine(({ measure, method, status }) => measure === undefined || (method === "GET" && status < 300), {
    path: ["measure"],
    message: "only a GET that is answered 2xx can be measured",
  });

/** A statement about the data, in release files and in settings. */
export const invariant = z.strictObject({
  name: z.string().meta(about("What has to be true.", "every result has its task")),
  violations: z
    .string()
    .meta(about("SELECT that counts what is not so.", "SELECT count(*) FROM tasks WHERE id IS NULL")),
});

const words = z.array(z.string().min(1));

/** `task` of a release file. */
export const smokeTask = z
  .strictObject({
    service: z.string(),
    path: relativePath,
    status: z.int().min(200).max(299),
    body: z
      .record(z.string(), z.json())
      .refine((body) => JSON.stringify(body).includes("{mark}"), "must have '{mark}' in one of its texts"),
    id: fieldName,
    read: relativePath.refine((path) => path.includes("{id}"), "must have '{id}' in it"),
    done: z
      .strictObject({ field: fieldName, well: words.min(1), badly: words })
      .nullable()
      .default(null),
    webhook: fieldName.nullable().default(null),
    leftovers: z.string().min(1).nullable().default(null),
  })
  .refine(({ done, webhook }) => webhook === null || done !== null, {
    path: ["webhook"],
    message: "is called when a task is done: 'done' must say how that is told",
  });

const patterns = z.array(pattern).default([]);

/** `logs` of a release file. */
export const logPatterns = z.strictObject({ errors: patterns, allow: patterns }).prefault({});
