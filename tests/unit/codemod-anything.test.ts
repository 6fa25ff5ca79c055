import assert from "node:assert/strict";

import fc from "fast-check";

import { migrateSources } from "../../codemod/migrate";
import { parseSource } from "../../codemod/parse";
import type { ClientRules } from "../../codemod/rules";
import { migrated, ownRules } from "./codemod-cases";

const base = fc.constantFrom(
  '"http://localhost:8000"',
  'os.environ["OCTOLLM_URL"]',
  '"https://other.example"',
  "BASE",
  "unknown",
);
const path = fc.constantFrom(
  "/tasks",
  "/tasks/1",
  "/tasks?limit=1",
  "/api/v1/tasks",
  "/health",
  "/task_history",
  "/execute",
);
const priority = fc.constantFrom("1", "3", "5", "6", "0", "LEVEL", "level", "None", '"3"', "2 + 1");
const body = fc.oneof(
  priority.map((value) => `json={"d": "grüße /tasks", "priority": ${value}}`),
  priority.map((value) => `json=dict(d=1, priority=${value})`),
  fc.constantFrom("json=payload", "data=json.dumps(payload)", "**options", "json={**payload}", "timeout=3"),
);
const call = fc
  .tuple(fc.constantFrom("post", "get", "put", "delete"), base, path, body)
  .map(([verb, origin, end, given]) => `r = requests.${verb}(${origin} + "${end}", ${given})`);
const line = fc.oneof(
  { weight: 6, arbitrary: call },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      'assert r.json()["priority"] == 3',
      'payload["priority"] = 4',
      "queue.push(LEVEL, payload)",
      'client = Client(base_url="http://localhost:8000")',
      "client = Client(base_url=BASE)",
      "job = client.tasks.create(description='🐙', priority=2)",
      "job = client.tasks.create(priority=level)",
      "run(client)",
      "assert job.priority == 2",
      "# /tasks with priority=3",
      '"""/tasks"""',
    ),
  },
);
const head = [
  "from octollm import Client",
  "import os, requests, json",
  'BASE = "http://localhost:8000"',
  "LEVEL = 2",
  'payload = {"d": 1, "priority": 1}',
  "level = ask()",
];

/** Programs that use OctoLLM's API in ways that can and that cannot be followed. */
const program = fc
  .tuple(fc.array(line, { maxLength: 8 }), fc.constantFrom("\n", "\r\n"), fc.boolean())
  .map(([lines, end, last]) => [...head, ...lines].join(end) + (last ? end : ""));

describe("the codemod, on programs that nobody wrote", () => {
  let rules: ClientRules[];
  before(async () => {
    rules = await ownRules();
  });

  it("changes nothing the second time, and says the same again", () => {
    fc.assert(
      fc.property(program, (text) => {
        const first = migrated({ "a.py": text }, rules);
        const after = first.changed.get("a.py") ?? text;
        const second = migrated({ "a.py": after }, rules);
        assert.deepEqual([...second.changed], []);
        assert.deepEqual(
          second.places.map(({ line: at, reason }) => [at, reason]),
          first.places.map(({ line: at, reason }) => [at, reason]),
        );
        parseSource("a.py", after);
      }),
      { numRuns: 150 },
    );
  });

  it("changes nothing but old paths, base URLs and numbers", () => {
    fc.assert(
      fc.property(program, (text) => {
        const after = migrated({ "a.py": text }, rules).changed.get("a.py") ?? text;
        const bare = (source: string) =>
          source
            .replaceAll(' + "/api/v1"', "")
            .replaceAll("/api/v1", "")
            .replace(/\b\d+\b/g, "0");
        assert.equal(bare(after), bare(text));
      }),
      { numRuns: 150 },
    );
  });

  it("never leaves an old number with a new path in the same call, nor a new one with an old path", () => {
    fc.assert(
      fc.property(program, (text) => {
        const after = migrated({ "a.py": text }, rules).changed.get("a.py") ?? text;
        const [before, now] = [text.split(/\r?\n/), after.split(/\r?\n/)];
        before.forEach((old, at) => {
          const sent = /"priority": ([135])\b|priority=([135])\b/.exec(old);
          const moves = old.includes('"/tasks') && (now[at] ?? "").includes("/api/v1/tasks");
          if (!sent || !old.includes("requests.")) return;
          const doubled = String(2 * Number(sent[1] ?? sent[2]));
          assert.equal(new RegExp(`priority\\W+${doubled}\\b`).test(now[at] ?? ""), moves, `${old}\n${now[at]}`);
        });
      }),
      { numRuns: 150 },
    );
  });

  it("takes any text under any name: it is read, or listed and left", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("a.py", "a.ts", "a.tsx", "a.js"),
        fc.oneof(fc.string({ unit: "binary", maxLength: 40 }), fc.string({ maxLength: 40 })),
        (name, text) => {
          const result = migrateSources(new Map([[name, `${text}\noctollm = "/tasks"\n`]]), rules);
          for (const { line: at, column } of result.places) assert.ok(at > 0 && column > 0);
        },
      ),
      { numRuns: 150 },
    );
  });

  it("lists a file that is nested too deeply, and reads the others", () => {
    const deep = `octollm = ${"1+".repeat(20_000)}1\n`;
    const good = 'requests.get("http://localhost:8000/tasks")\n';
    const { changed, places } = migrated({ "deep.py": deep, "good.py": good }, rules);
    assert.deepEqual([...changed.keys()], ["good.py"]);
    assert.deepEqual(
      places.map(({ path: where, kind, reason }) => [where, kind, reason]),
      [["deep.py", "unreadable", "nested too deeply to be read: the file is left as it is"]],
    );
  });

  it("follows no names in circles", () => {
    const text = [
      "a = b",
      "b = a",
      'requests.post(a + "/tasks", json=a)',
      "octollm = octollm",
      'requests.post(octollm + "/tasks", json=octollm)',
      "from .a import x as x",
      'requests.get(x + "/tasks")',
      "def f(): return f()",
      'requests.get(f() + "/tasks")',
    ].join("\n");
    migrated({ "a.py": text, "c.py": "from .d import y\n", "d.py": 'from .c import y\nget(y + "/tasks")\n' }, rules);
  });

  it("reads a megabyte in a few seconds", () => {
    const text = `BASE = "http://localhost:8000"\n${'requests.post(BASE + "/tasks", json={"priority": 1})\n'.repeat(5_000)}`;
    const started = Date.now();
    const after = migrated({ "a.py": text }, rules).changed.get("a.py") ?? "";
    assert.equal(after.split("/api/v1/tasks").length, 5_001);
    assert.ok(Date.now() - started < 20_000);
  });
});
