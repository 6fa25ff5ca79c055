import { DotenvFile } from "../../environment/dotenv-file";
import type { Plan } from "../../planner/plan";
import { loadCatalogue } from "../../releases/catalogue";
import type { AttemptFacts, PreviewFacts } from "../../report/facts";
import { goal, planned, world } from "./planner-cases";

/** 2026-03-29 02:14:33 UTC. */
export const begun = Date.UTC(2026, 2, 29, 2, 14, 33);

/** Spans one after the other; lengths in milliseconds. */
export function course(...lengths: readonly (readonly [name: string, milliseconds: number])[]): AttemptFacts["phases"] {
  let at = begun + 300;
  return lengths.map(([name, milliseconds]) => {
    const startedAt = at;
    at += milliseconds;
    return { name, startedAt, endedAt: at, fate: "done" };
  });
}

/** The plan from 0.1.0 to 1.0.0, with a secret among the lines of `.env`. */
export function upgradePlan(): Promise<Plan> {
  return (made ??= makeUpgradePlan());
}

let made: Promise<Plan> | undefined;

async function makeUpgradePlan(): Promise<Plan> {
  const env = "CACHE_ENABLED=true\nCACHE_TTL=7200\nWEBHOOK_URL=https://user:pa55w0rd@example.org/hooks/s3cr3t/tasks\n";
  const from = world("0.1.0", "def456", { environment: DotenvFile.parse(env) });
  return planned(from, goal("1.0.0"), await loadCatalogue());
}

const phases = course(
  ["Quiesce", 1_900],
  ["Backup", 21_400],
  ["Restore", 4],
  ["SchemaMigration", 14_200],
  ["Environment", 40],
  ["Resume", 3_100],
  ["Verification", 1_250],
  ["SchemaMigration", 6],
  ["Completion", 80],
);

/** An upgrade that went well. */
export async function succeeded(changes: Partial<AttemptFacts> = {}): Promise<AttemptFacts> {
  const plan = await upgradePlan();
  return {
    program: "0.1.0",
    stack: "prod",
    host: "octo-1",
    from: plan.from,
    to: plan.to,
    attempt: plan.attempt,
    planId: plan.id,
    direction: plan.direction,
    plan,
    ending: { kind: "succeeded" },
    startedAt: begun,
    endedAt: (phases.at(-1)?.endedAt ?? 0) + 20,
    phases,
    outages: [{ from: begun + 320, to: begun + 40_900 }],
    backup: {
      id: "20260329T021435Z-0.1.0-attempt2",
      path: "/var/backups/octollm/20260329T021435Z-0.1.0-attempt2",
      proof: {
        verified: "restore",
        files: 14,
        bytes: 312_400_000,
        seconds: 21.3,
        tool: "pg_dump 15.18",
        encrypted: true,
      },
    },
    revisions: [
      { revision: "abc123", direction: "up", outcome: "applied", milliseconds: 2_900 },
      { revision: "b1c2d3", direction: "up", outcome: "already there", milliseconds: 20 },
      { revision: "e4f5a6", direction: "up", outcome: "applied", milliseconds: 11_200 },
    ],
    counts: { tasks: 1_240_000, task_history: 5_100_000, "audit.entries": 12 },
    checks: [
      { check: "orchestrator answers /health as 1.0.0", passed: true, detail: "answers as 1.0.0" },
      { check: "rows of tasks", passed: true, detail: "1240000 rows, as before; equal before the services started" },
      { check: "alembic_version says e4f5a6", passed: true, detail: "it says e4f5a6" },
    ],
    ...changes,
  };
}

/** The same, but the verification failed and the old release was brought back. */
export async function failed(changes: Partial<AttemptFacts> = {}): Promise<AttemptFacts> {
  const whole = await succeeded();
  const text = [
    "Verification failed: 1 of 3 checks failed:",
    "  orchestrator answers GET /api/v1/tasks with 200: answered 500",
    "It was undone: OctoLLM 0.1.0 serves again.",
    "Now: orchestrator 0.1.0; database 'octollm' at revision def456; backup /var/backups/octollm/20260329T021435Z-0.1.0-attempt2.",
    "Next, once the cause is removed:",
    "  npx octollm up",
    "or stay with OctoLLM 0.1.0:",
    "  npx octollm config set version 0.1.0 && npx octollm up",
  ].join("\n");
  const spans = whole.phases.slice(0, 7);
  const last = spans.at(-1);
  const at = last?.endedAt ?? begun;
  return {
    ...whole,
    ending: { kind: "failed", text },
    phases: [
      ...spans.slice(0, -1),
      ...(last ? [{ ...last, fate: "failed" as const }] : []),
      { name: "Way back", startedAt: at, endedAt: at + 24_000, fate: "done" },
    ],
    endedAt: at + 24_400,
    outages: [...whole.outages, { from: at + 200, to: at + 23_900 }],
    checks: [
      ...whole.checks,
      { check: "orchestrator answers GET /api/v1/tasks with 200", passed: false, detail: "answered 500" },
    ],
    ...changes,
  };
}

/** A preview of the upgrade. */
export async function previewed(changes: Partial<PreviewFacts> = {}): Promise<PreviewFacts> {
  return {
    program: "0.1.0",
    stack: "prod",
    host: "octo-1",
    from: "0.1.0",
    to: "1.0.0",
    madeAt: begun,
    plan: await upgradePlan(),
    settled: false,
    refusals: [],
    gates: [
      "octollm:acceptBreaking: 1.0.0 breaks clients. When they are ready for it: octollm config set acceptBreaking 1.0.0",
    ],
    estimates: [
      ["tool", "pg_dump 15.18 (/usr/bin/pg_dump)"],
      ["touches", "tasks: ~1,240,000 rows, ~410.0 MB with indexes"],
    ],
    drift: [],
    ...changes,
  };
}
