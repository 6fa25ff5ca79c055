import { z } from "zod";

import { about } from "../../settings/about";

const text = z.string().min(1, "must not be empty");
const milliseconds = z.int().min(0).max(3_600_000);
const version = z.string().regex(/^(\d+\.\d+\.\d+)?$/, "must be a version such as 1.0.0");

const ruleSchema = z.strictObject({
  table: text.meta(about("Table as in SQL, with its schema where that is not in the search path.", "tasks")),
  column: text.meta(about("Column of it.", "description")),
  as: text.meta(about("`null`, `hash`, `email`, or an SQL expression over the row.", "hash")),
});

const pathSchema = z.strictObject({
  service: text.meta(about("Service that is asked.", "orchestrator")),
  method: z.enum(["GET", "POST", "PUT", "PATCH", "DELETE"]).default("GET").meta(about("Method.", "POST")),
  path: z.string().regex(/^\//, "must begin with '/'").meta(about("Path, with its query.", "/tasks?limit=20")),
  body: z.string().default("").meta(about("Body, as JSON.", '{"description":"load"}')),
  from: version.default("").meta(about("First release that has it; empty for every one.", "1.0.0")),
  until: version.default("").meta(about("First release that has it no longer.", "1.0.0")),
});

const thresholdSchema = z.strictObject({
  errors: z.number().min(0).max(100).default(1).meta(about("Percent of the requests that may fail.", 0.5)),
  p95: milliseconds.default(0).meta(about("Milliseconds within which 95 % have to be answered; 0 for any.", 200)),
  p99: milliseconds.default(0).meta(about("Milliseconds within which 99 % have to be answered; 0 for any.", 500)),
  slowdown: z
    .number()
    .min(0)
    .max(1000)
    .default(0)
    .meta(about("How many times the p95 of before it may be afterwards; 0 for any.", 1.5)),
});

const loadSchema = z.strictObject({
  tool: z
    .enum(["autocannon", "k6"])
    .default("autocannon")
    .meta(about("What makes the load: `autocannon` comes with this program, `k6` is looked for on PATH.", "k6")),
  duration: z.int().min(0).max(3600).default(10).meta(about("Seconds; 0 leaves the load test out.", 30)),
  connections: z.int().min(1).max(10_000).default(10).meta(about("Connections at once.", 20)),
  rate: z.int().min(0).max(1_000_000).default(0).meta(about("Requests a second; 0 for as many as are answered.", 200)),
  paths: z
    .array(pathSchema)
    .default([])
    .meta(
      about("What is asked; empty for the GET requests that each release is verified by.", [
        { service: "orchestrator", path: "/tasks?limit=20", until: "1.0.0" },
        { service: "orchestrator", path: "/api/v1/tasks?limit=20", from: "1.0.0" },
      ]),
    ),
  thresholds: thresholdSchema.prefault({}),
});

/** What a staging stack says of rehearsals. Times in seconds, thresholds in milliseconds. */
export const rehearsalSchema = z.strictObject({
  production: z.string().default("").meta(about("Stack whose database is cloned; it is only read.", "prod")),
  masking: z
    .array(ruleSchema)
    .default([])
    .meta(about("What is masked in the clone.", [{ table: "tasks", column: "description", as: "hash" }])),
  mayShare: z
    .array(text)
    .default([])
    .meta(about("Variables of `.env` whose URL may lead where production's does.", ["OPENAI_BASE_URL"])),
  test: z
    .string()
    .default("")
    .meta(about("Shell command that is run while the new release serves.", "npm test --prefix ../our-tests")),
  testTimeout: z.int().min(1).max(86_400).default(1800).meta(about("Seconds for that command.", 600)),
  load: loadSchema.prefault({}),
});

export type RehearsalSettings = z.output<typeof rehearsalSchema>;
export type MaskingRule = RehearsalSettings["masking"][number];
export type LoadSettings = RehearsalSettings["load"];
export type LoadPath = LoadSettings["paths"][number];
