import { z } from "zod";

const text = z.string().min(1, "must not be empty");
const milliseconds = z.int().min(0).max(3_600_000);
const version = z.string().regex(/^(\d+\.\d+\.\d+)?$/, "must be a version such as 1.0.0");

const ruleSchema = z.strictObject({
  table: text.describe("as in SQL: tasks, or schema.table"),
  column: text,
  as: text.describe("null, hash, email, or an SQL expression over the row"),
});

const pathSchema = z.strictObject({
  service: text,
  method: z.enum(["GET", "POST", "PUT", "PATCH", "DELETE"]).default("GET"),
  path: z.string().regex(/^\//, "must begin with '/'"),
  body: z.string().default(""),
  from: version.default("").describe("first release that has it; empty for every one"),
  until: version.default("").describe("first release that has it no longer"),
});

const loadSchema = z.strictObject({
  tool: z.enum(["autocannon", "k6"]).default("autocannon"),
  duration: z.int().min(0).max(3600).default(10).describe("seconds; 0 leaves the load test out"),
  connections: z.int().min(1).max(10_000).default(10),
  rate: z.int().min(0).max(1_000_000).default(0).describe("requests a second; 0 for as many as are answered"),
  paths: z.array(pathSchema).default([]).describe("empty for the GET requests that each release is verified by"),
  thresholds: z
    .strictObject({
      errors: z.number().min(0).max(100).default(1).describe("percent of the requests that may fail"),
      p95: milliseconds.default(0).describe("0 for any"),
      p99: milliseconds.default(0).describe("0 for any"),
      slowdown: z.number().min(0).max(1000).default(0).describe("p95 after the upgrade over p95 before; 0 for any"),
    })
    .prefault({}),
});

/** What a staging stack says of rehearsals. Times in seconds, thresholds in milliseconds. */
export const rehearsalSchema = z.strictObject({
  production: z.string().default("").describe("the stack whose database is cloned"),
  masking: z.array(ruleSchema).default([]),
  mayShare: z.array(text).default([]).describe("variables of .env whose URL may read as in production's"),
  test: z.string().default("").describe("shell command, run while the new release serves"),
  testTimeout: z.int().min(1).max(86_400).default(1800),
  load: loadSchema.prefault({}),
});

export type RehearsalSettings = z.output<typeof rehearsalSchema>;
export type MaskingRule = RehearsalSettings["masking"][number];
export type LoadSettings = RehearsalSettings["load"];
export type LoadPath = LoadSettings["paths"][number];
