import assert from "node:assert/strict";

import { DotenvFile } from "../../environment/dotenv-file";
import { makePlan } from "../../planner/make-plan";
import { loadCatalogue } from "../../releases/catalogue";
import type { Catalogue } from "../../releases/release";
import { goal, planned, refused, service, steps, stopped, world } from "./planner-cases";

const heads = { "0.1.0": "def456", "0.2.0": "b1c2d3", "1.0.0": "e4f5a6" } as const;
type Version = keyof typeof heads;

/** Every pair of versions: revisions, whether services stop, class of the way back. */
const pairs: readonly [Version, Version, { steps: string; stops: boolean; wayBack: string; path: string[] }][] = [
  ["0.1.0", "0.1.0", { steps: "", stops: false, wayBack: "nothing-to-undo", path: [] }],
  ["0.1.0", "0.2.0", { steps: "+abc123 +b1c2d3", stops: false, wayBack: "schema-down", path: ["0.2.0 minor"] }],
  [
    "0.1.0",
    "1.0.0",
    { steps: "+abc123 +b1c2d3 +e4f5a6", stops: true, wayBack: "schema-down", path: ["0.2.0 minor", "1.0.0 breaking"] },
  ],
  ["0.2.0", "0.1.0", { steps: "-b1c2d3 -abc123", stops: true, wayBack: "upgrade-again", path: ["0.1.0 back"] }],
  ["0.2.0", "0.2.0", { steps: "", stops: false, wayBack: "nothing-to-undo", path: [] }],
  ["0.2.0", "1.0.0", { steps: "+e4f5a6", stops: true, wayBack: "schema-down", path: ["1.0.0 breaking"] }],
  [
    "1.0.0",
    "0.1.0",
    { steps: "-e4f5a6 -b1c2d3 -abc123", stops: true, wayBack: "upgrade-again", path: ["0.2.0 back", "0.1.0 back"] },
  ],
  ["1.0.0", "0.2.0", { steps: "-e4f5a6", stops: true, wayBack: "upgrade-again", path: ["0.2.0 back"] }],
  ["1.0.0", "1.0.0", { steps: "", stops: false, wayBack: "nothing-to-undo", path: [] }],
];

describe("the plan between OctoLLM's own releases", () => {
  let catalogue: Catalogue;
  before(async () => {
    catalogue = await loadCatalogue();
  });

  for (const [from, to, expected] of pairs)
    it(`from ${from} to ${to}: ${expected.steps || "no revision"}`, () => {
      const plan = planned(world(from, heads[from]), goal(to), catalogue);
      const found = {
        steps: steps(plan),
        stops: plan.stops.services.length > 0,
        wayBack: plan.rollback.class,
        path: plan.path,
      };
      assert.deepEqual(found, expected);
      assert.deepEqual([plan.from, plan.to, plan.loss.id], [from, to, null]);
      assert.equal(plan.backup.required, expected.steps !== "");
    });

  it("is settled only when release, revision, .env and services are as wanted", () => {
    const settled = (found: ReturnType<typeof makePlan>) => found.kind === "plan" && found.settled;
    assert.equal(settled(makePlan(world("1.0.0", "e4f5a6"), goal("1.0.0"), catalogue)), true);
    for (const found of [stopped, { ...service, current: false, asSpecified: false }]) {
      const changed = world("1.0.0", "e4f5a6", { services: [found] });
      assert.equal(settled(makePlan(changed, goal("1.0.0"), catalogue)), false);
    }
    const unfinished = { attempt: 1, from: "0.1.0", to: "1.0.0", planId: "x", reviewedPlan: null };
    assert.equal(
      settled(makePlan(world("1.0.0", "e4f5a6", { openAttempt: unfinished }), goal("1.0.0"), catalogue)),
      false,
    );
    assert.equal(settled(makePlan(world("0.1.0", "def456"), goal("1.0.0"), catalogue)), false);
  });

  it("shows each revision with its SQL, transaction mode, locks and rewrites", () => {
    const [index, , scale] = planned(world("0.1.0", "def456"), goal("1.0.0"), catalogue).revisions.pre;
    assert.deepEqual(index, {
      revision: "abc123",
      title: "add_task_priority_index",
      release: "0.2.0",
      file: "0.2.0/migrations/abc123_add_task_priority_index.sql",
      line: 11,
      transaction: "none",
      checksum: catalogue.chain[1]?.checksum,
      direction: "up",
      before: "def456",
      after: "abc123",
      why: [],
      sql: ["CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_tasks_status_priority", "  ON tasks (status, priority DESC);"],
      facts: ["line 11: tasks SHARE UPDATE EXCLUSIVE: blocks nobody, builds an index"],
      hazards: [],
      undo: ["DROP INDEX CONCURRENTLY IF EXISTS idx_tasks_status_priority;"],
    });
    assert.deepEqual(scale?.facts, [
      "line 12: tasks ACCESS EXCLUSIVE: blocks reads and writes, rewrites the table",
      "line 19: tasks ROW EXCLUSIVE: blocks nobody, changes rows",
      "line 19: octollm_upgrade.kept_values ACCESS SHARE: blocks nobody",
      "line 27: octollm_upgrade.kept_values ROW EXCLUSIVE: blocks nobody, changes rows",
      "line 28: tasks SHARE UPDATE EXCLUSIVE: blocks nobody",
    ]);
    assert.ok([...(scale?.sql ?? []), ...(scale?.undo ?? [])].every((line) => line.length < 140));
  });

  it("changes the cache and webhook lines of .env, secrets masked, and nothing else", () => {
    const environment = DotenvFile.parse(
      "CACHE_ENABLED=true\nCACHE_TTL=7200\nREFLEX_CACHE_TTL=5\nWEBHOOK_URL=https://hooks.example.com/s3cret/webhook?token=t\n",
    );
    const { lines, apply } = planned(world("0.1.0", "def456", { environment }), goal("1.0.0"), catalogue).environment;
    assert.deepEqual(apply, ["0.2.0", "1.0.0"]);
    const text = lines.join("\n");
    assert.match(text, /\+ CACHE_L2_TTL=7200/);
    assert.match(text, /v1\/webhook/);
    assert.doesNotMatch(text, /s3cret|token=t|REFLEX/);
  });

  it("goes on after an unfinished attempt, in either direction", () => {
    const openAttempt = { attempt: 2, from: "0.1.0", to: "1.0.0", planId: "x", reviewedPlan: null };
    const halfway = world("0.1.0", "b1c2d3", { openAttempt });
    assert.equal(steps(planned(halfway, goal("1.0.0"), catalogue)), "+e4f5a6");
    assert.equal(steps(planned(halfway, goal("0.1.0"), catalogue)), "-b1c2d3 -abc123");
    assert.equal(planned(halfway, goal("0.1.0"), catalogue).direction, "down");
    const whole = world("0.1.0", "e4f5a6", { openAttempt });
    assert.equal(steps(planned(whole, goal("0.2.0"), catalogue)), "-e4f5a6");
  });

  it("makes changes of .env again that an attempt at an older release had taken back before it stopped", () => {
    const openAttempt = { attempt: 2, from: "1.0.0", to: "0.1.0", planId: "x", reviewedPlan: null };
    const environment = DotenvFile.parse("CACHE_ENABLED=true\nWEBHOOK_URL=http://h.example/webhook\n");
    const { lines, apply, since } = planned(
      world("1.0.0", "e4f5a6", { openAttempt, environment }),
      goal("1.0.0"),
      catalogue,
    ).environment;
    assert.deepEqual([apply, since], [["0.2.0", "1.0.0"], "0.1.0"]);
    assert.match(lines.join("\n"), /\+ CACHE_L1_ENABLED=true[^]*v1\/webhook/);
    const without = planned(world("1.0.0", "e4f5a6", { environment }), goal("1.0.0"), catalogue).environment;
    assert.deepEqual([without.lines, without.since], [[], undefined]);
  });

  it("has an id that neither the attempt nor sizes nor the running services move", () => {
    const id = (changes: Parameters<typeof world>[2]) =>
      planned(world("0.1.0", "def456", changes), goal("1.0.0"), catalogue).id;
    const down = [stopped];
    assert.equal(id({}), id({ nextAttempt: 9, services: down }));
    assert.notEqual(id({}), id({ revisions: ["abc123"] }));
  });

  it("adopts what runs, and tells an empty stack that asks for an upgrade the commands to type", () => {
    const empty = { emptyStack: true };
    assert.equal(planned(world("0.1.0", "def456"), goal("0.1.0", empty), catalogue).direction, "adopt");
    const [reason] = refused(world("0.1.0", "def456"), goal("1.0.0", empty), catalogue);
    assert.equal(
      reason?.text,
      "OctoLLM 0.1.0 runs, and this stack has not adopted it yet. First:\n" +
        "  octollm config set version 0.1.0 && octollm up\nthen:\n  octollm config set version 1.0.0 && octollm up",
    );
    const down = [stopped];
    assert.match(
      refused(world("0.1.0", "def456", { services: down }), goal("0.1.0", empty), catalogue)[0]?.text ?? "",
      /does not run/,
    );
    assert.match(
      refused(world("0.1.0", "abc123"), goal("0.1.0", empty), catalogue)[0]?.text ?? "",
      /belongs to revision 'def456'/,
    );
  });

  const refusals: readonly [string, Parameters<typeof world>[2] & { version?: string }, string, RegExp][] = [
    [
      "an unknown version",
      { version: "9.9.9" },
      "octollm:version",
      /there is no release '9\.9\.9'; the catalogue has 0\.1\.0, 0\.2\.0, 1\.0\.0/,
    ],
    ["two heads", { revisions: ["abc123", "zzz999"] }, "alembic_version", /has 2 heads \(abc123, zzz999\)/],
    [
      "no revision, and a schema that is nobody's",
      { revisions: [] },
      "alembic_version",
      /has no revision in alembic_version, .* Its schema is that of no release in the catalogue/,
    ],
    [
      "no revision, with the command that stamps what the schema looks like",
      { revisions: [], looksLike: "0.2.0" },
      "alembic_version",
      /Its schema is that of OctoLLM 0\.2\.0\. .*\n {2}npx octollm adopt --revision b1c2d3$/,
    ],
    [
      "a database newer than the catalogue",
      { revisions: ["fff000"] },
      "alembic_version",
      /'fff000', which is in no release/,
    ],
    ["an unknown installed release", { release: "0.0.9" }, "services", /'0\.0\.9' is not in the catalogue/],
    ["nothing that tells the release", { release: null }, "services", /no running service says its release/],
    [
      "an edited applied migration",
      { revisions: ["abc123"], applied: [{ revision: "abc123", checksum: "0".repeat(64) }] },
      "0.2.0/migrations/abc123_add_task_priority_index.sql",
      /must not be edited/,
    ],
  ];
  for (const [name, { version = "1.0.0", ...changes }, path, text] of refusals)
    it(`refuses ${name}`, () => {
      const reasons = refused(world("0.1.0", "def456", changes), goal(version), catalogue);
      const reason = reasons.find((candidate) => text.test(candidate.text));
      assert.equal(reason?.path, path, JSON.stringify(reasons));
    });

  it("does not mind an edited migration that somebody else has undone since", () => {
    const applied = [{ revision: "abc123", checksum: "0".repeat(64) }];
    const plan = planned(world("0.1.0", "def456", { applied }), goal("0.2.0"), catalogue);
    assert.equal(steps(plan), "+abc123 +b1c2d3");
  });

  it("names all faults at once", () => {
    const reasons = refused(world("0.0.9", "def456", { revisions: ["fff000"] }), goal("9.9.9"), catalogue);
    assert.deepEqual(
      reasons.map((reason) => reason.path),
      ["octollm:version", "alembic_version", "services"],
    );
  });
});
