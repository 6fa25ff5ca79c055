import { z } from "zod";

import { invariant, pattern, smokeRequest } from "../releases/check-schema";
import { about } from "./about";
import { seconds, text } from "./values";

const smoke = { service: "orchestrator", method: "GET", path: "/health", status: 200 };
const noLostTask = {
  name: "every result has its task",
  violations: "SELECT count(*) FROM results WHERE task_id NOT IN (SELECT id FROM tasks)",
};

/** What Verification does besides what the release says. */
export const verificationSchema = z.strictObject({
  task: z.boolean().default(true).meta(about("Whether a task is created, read back and removed.", false)),
  taskTimeout: seconds.default(60).meta(about("Seconds for that task to be done.", 180)),
  requests: z
    .int()
    .min(0)
    .max(1000)
    .default(30)
    .meta(about("Requests of each measurement, before and after; 0 measures nothing.", 100)),
  errorRate: z
    .number()
    .min(0)
    .max(1)
    .default(0.01)
    .meta(about("How much larger a share of them may fail than before.", 0.05)),
  latencyFactor: z.number().min(1).max(100).default(3).meta(about("How many times as long they may take.", 2)),
  latencySlack: z
    .int()
    .min(0)
    .max(60_000)
    .default(100)
    .meta(about("Milliseconds that they may take longer in any case.", 250)),
  logErrors: z
    .array(pattern)
    .default([])
    .meta(about("Regular expressions of log lines that are a fault, besides errors and tracebacks.", ["deadlock"])),
  logAllow: z
    .array(pattern)
    .default([])
    .meta(about("Regular expressions of log lines that are no fault.", ["retrying in \\d+ s"])),
  smoke: z
    .array(smokeRequest)
    .default([])
    .meta(about("Requests that have to be answered, besides the release's.", [smoke])),
  invariants: z
    .array(invariant)
    .default([])
    .meta(about("What must hold of the data, besides the release's.", [noLostTask])),
  indexes: z
    .array(text)
    .default([])
    .meta(about("Indexes that have to be there and valid, besides the release's.", ["idx_tasks_status"])),
});
