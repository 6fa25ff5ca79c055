import assert from "node:assert/strict";

import { compareStates, type State } from "../../rehearsal/staging/state";
import { toHtml } from "../../report/html";
import { toMarkdown } from "../../report/markdown";
import { rehearsalLines, rehearsalReport } from "../../report/rehearsal";
import type { RehearsalFacts } from "../../report/rehearsal-facts";
import { begun, course, upgradePlan } from "./report-cases";

const before: State = { schema: ["table public.tasks"], counts: { tasks: 5, notes: 1 }, files: { ".env": "a" } };
const failed = (now: Partial<State>) =>
  compareStates(before, { ...before, ...now }).flatMap(({ check, passed, detail }) =>
    passed ? [] : [`${check}: ${detail}`],
  );

describe("staging after the way back", () => {
  it("may have more rows, of the test and the load, and nothing else", () => {
    assert.deepEqual(failed({}), []);
    assert.deepEqual(failed({ counts: { tasks: 9, notes: 1 } }), []);
    assert.deepEqual(failed({ counts: { tasks: 4 } }), [
      "no table has fewer rows than before: tasks: 5 rows before, 4 now\nnotes: 1 rows before, no table now",
    ]);
    assert.match(
      failed({ schema: ["table public.other"] })[0] ?? "",
      /is missing: table public\.tasks\nis new: table public\.other/,
    );
    assert.deepEqual(failed({ files: { ".env": "b" } }), [".env is as before, byte for byte: by its SHA-256"]);
  });
});

describe("the report of a rehearsal", () => {
  async function facts(changes: Partial<RehearsalFacts> = {}): Promise<RehearsalFacts> {
    const phases = course(["Quiesce", 900], ["Backup", 2_000], ["SchemaMigration", 3_000], ["Resume", 1_000]);
    const run = {
      attempt: 3,
      startedAt: begun,
      endedAt: begun + 8_000,
      phases,
      outages: [],
      revisions: [],
      failure: [],
    };
    const load = {
      tool: "autocannon",
      seconds: 10,
      requests: 4000,
      perSecond: 400,
      errors: 0,
      p50: 2,
      p95: 9,
      p99: 20,
      paths: [],
    };
    const counts = { tasks: 1_000_000 };
    return {
      ...{ program: "0.1.0", stack: "staging", production: "prod", host: "h", from: "0.1.0", to: "1.0.0" },
      ...{
        startedAt: begun,
        endedAt: begun + 60_000,
        faults: [],
        asked: [],
        checks: [],
        loadChecks: [],
        backChecks: [],
        stands: [],
      },
      clone: {
        bytes: 4e8,
        rows: 1_000_000,
        tables: 1,
        masked: [],
        taking: 9_000,
        loading: 20_000,
        kept: "octollm_before",
        counts,
      },
      up: { ...run, plan: await upgradePlan() },
      back: { ...run, plan: null },
      test: null,
      before: load,
      after: { ...load, p95: null },
      ...changes,
    };
  }

  it("says so where nothing was masked, and begins with what went wrong", async () => {
    const text = toMarkdown(rehearsalReport(await facts({ faults: ["the test failed (exit code 1)"] })));
    assert.match(text, /^## ❌ Rehearsal of OctoLLM 0\.1\.0 → 1\.0\.0: not good/);
    assert.match(text, /### What went wrong\n\n- the test failed \(exit code 1\)/);
    assert.match(text, /Nothing was masked: every value of production is on staging/);
    assert.match(text, /it has replaced is kept as database 'octollm\\_before'/);
  });

  it("has a chart for each way, each with names of its own", async () => {
    const page = toHtml(rehearsalReport(await facts()));
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    assert.deepEqual(ids.toSorted(), [...new Set(ids)].toSorted());
    assert.equal(ids.filter((id) => id?.endsWith("-title")).length, 2);
  });

  it("fits a terminal, whatever is missing", async () => {
    const nothing = {
      clone: null,
      up: null,
      back: null,
      before: null,
      after: null,
      faults: ["x"],
      stands: ["y ".repeat(90)],
    };
    for (const lines of [rehearsalLines(await facts()), rehearsalLines(await facts(nothing))])
      for (const line of lines) assert.ok(line.length <= 80, line);
  });
});
