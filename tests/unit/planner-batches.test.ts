import assert from "node:assert/strict";

import type { Dependent, TableFacts } from "../../planner/tables";
import { chooseWay } from "../../planner/ways";
import type { World } from "../../planner/world";
import type { BatchedScript, Catalogue } from "../../releases/release";
import { goal, invent, planned, refused, steps, world } from "./planner-cases";

const section = (word: string, part: Partial<BatchedScript> = {}): BatchedScript => {
  const sql = `${word} in batches`;
  return {
    sql: [sql],
    firstLine: 1,
    statements: [],
    only: false,
    relation: "tasks",
    columns: ["priority"],
    predicate: null,
    ...part,
  };
};

/** Releases 1.0.0 (a1), 2.0.0 (b1, then b2 in batches too) and 3.0.0 (c1). */
function catalogueWith(part: Partial<BatchedScript> = {}, changes = {}): Catalogue {
  return invent([
    { revisions: [{ revision: "a1" }] },
    {
      revisions: [
        { revision: "b1" },
        {
          revision: "b2",
          writers: "stopped",
          upBatched: section("do", part),
          downBatched: section("undo", part),
          ...changes,
        },
      ],
    },
    { revisions: [{ revision: "c1" }] },
  ]);
}

const plainTable: TableFacts = { relation: "tasks", key: ["id"], dependents: [] };
const about = (effect: Dependent["effect"], text: string, column: string | null = null): Dependent => ({
  effect,
  text,
  column,
});

describe("the way of a revision that has two", () => {
  const table: readonly [string, Partial<TableFacts> | null, string, RegExp, RegExp | null][] = [
    ["no table yet", null, "whole", /there is no table tasks yet/, null],
    ["nothing that depends on it", {}, "whole", /nothing depends on tasks\.priority/, null],
    [
      "a view of it",
      { dependents: [about("forbids-rewrite", "view v", "priority")] },
      "batched",
      /^batched: view v$/,
      null,
    ],
    [
      "a view of another column",
      { dependents: [about("forbids-rewrite", "view v", "status")] },
      "whole",
      /nothing depends/,
      null,
    ],
    ["a trigger", { dependents: [about("misses-rewrite", "trigger t")] }, "batched", /trigger t/, null],
    ["no key", { key: null }, "whole", /nothing depends/, null],
    [
      "no key and a trigger",
      { key: null, dependents: [about("misses-rewrite", "trigger t")] },
      "whole",
      /one go, although trigger t\nno batches: tasks has no primary key/,
      null,
    ],
    [
      "no key and a view",
      { key: null, dependents: [about("forbids-rewrite", "view v", "priority")] },
      "whole",
      /although view v/,
      /cannot be done in one go \(view v\), nor in batches \(tasks has no primary key/,
    ],
    [
      "the column in the key, and a view",
      { key: ["priority"], dependents: [about("forbids-rewrite", "view v", "priority")] },
      "whole",
      /although view v/,
      /belongs to the key that they go by/,
    ],
    [
      "policies that hide rows, and a view",
      { dependents: [about("forbids-batches", "policies"), about("forbids-rewrite", "view v", "priority")] },
      "whole",
      /no batches: policies/,
      /nor in batches \(policies\)/,
    ],
  ];
  const migration = catalogueWith().chain[2];
  assert.ok(migration);
  for (const [name, facts, way, why, fault] of table)
    it(`is ${way} with ${name}${fault ? ", and refused" : ""}`, () => {
      const chosen = chooseWay(migration, "up", facts ? [{ ...plainTable, ...facts }] : []);
      assert.equal(chosen.name, way);
      assert.match(chosen.why.join("\n"), why);
      if (fault) assert.match(chosen.fault ?? "", fault);
      else assert.equal(chosen.fault, null);
    });

  it("is batches where there is nothing else, and refused without a key", () => {
    const only = catalogueWith({ only: true }).chain[2];
    assert.ok(only);
    assert.deepEqual(chooseWay(only, "up", [plainTable]), {
      name: "batched",
      why: ["batched: the migration has no other way"],
      fault: null,
    });
    assert.match(chooseWay(only, "up", [{ ...plainTable, key: null }]).fault ?? "", /no primary key/);
  });

  it("is shown in the plan with its SQL and its reason, and refused with the file's name", () => {
    const catalogue = catalogueWith();
    const hindered = { tables: [{ ...plainTable, dependents: [about("misses-rewrite", "trigger t")] }] };
    const [, step] = planned(world("1.0.0", "a1", hindered), goal("2.0.0"), catalogue).revisions.pre;
    assert.deepEqual([step?.transaction, step?.why, step?.sql], ["batched", ["batched: trigger t"], ["do in batches"]]);
    assert.deepEqual(step?.undo, ["undo b2"]);
    const blocked = {
      tables: [{ ...plainTable, key: null, dependents: [about("forbids-rewrite", "view v", "priority")] }],
    };
    const [reason] = refused(world("1.0.0", "a1", blocked), goal("2.0.0"), catalogue);
    assert.equal(reason?.path, "2.0.0/migrations/b2_x.sql");
    assert.match(reason?.text ?? "", /^revision 'b2' cannot go up: it cannot be done in one go/);
  });
});

describe("batches that stopped half-way", () => {
  const checksum = "b2".repeat(8);
  const begun = (direction: "up" | "down"): Partial<World> => ({
    tables: [plainTable],
    halfDone: { revision: "b2", direction, checksum },
    openAttempt: {
      attempt: 1,
      from: direction === "up" ? "1.0.0" : "2.0.0",
      to: direction === "up" ? "2.0.0" : "1.0.0",
      planId: "x",
      reviewedPlan: null,
    },
  });
  const line = (at: string, to: string, half: Partial<World>, catalogue = catalogueWith()) => {
    const plan = planned(world(half.openAttempt?.from ?? "1.0.0", at, half), goal(to), catalogue);
    return [...plan.revisions.pre, ...plan.revisions.post]
      .map(
        ({ revision, direction, before, after, transaction }) =>
          `${before === after ? "back " : ""}${direction === "up" ? "+" : "-"}${revision}${transaction === "batched" ? " batched" : ""}`,
      )
      .join(", ");
  };

  it("on the way up go on in batches, whatever the catalogue would choose now", () => {
    assert.equal(line("b1", "2.0.0", begun("up")), "+b2 batched");
    assert.equal(line("b1", "3.0.0", begun("up")), "+b2 batched, +c1");
  });

  it("on the way up are undone first when the way leads back", () => {
    assert.equal(line("b1", "1.0.0", begun("up")), "back -b2 batched, -b1");
  });

  it("on the way down go on, or are undone first when the release stays", () => {
    assert.equal(line("b2", "1.0.0", begun("down")), "-b2 batched, -b1");
    assert.equal(line("b2", "2.0.0", begun("down")), "back +b2 batched");
    assert.equal(line("b2", "3.0.0", begun("down")), "back +b2 batched, +c1");
  });

  it("stop the services, and are never settled", () => {
    const plan = planned(world("2.0.0", "b2", begun("down")), goal("2.0.0"), catalogueWith());
    assert.deepEqual(plan.stops, {
      services: ["orchestrator"],
      reasons: ["b2: its rows are half-way between two forms"],
    });
    assert.equal(plan.direction, "none");
    assert.equal(plan.rollback.class, "nothing-to-undo");
  });

  it("lose on the way back what their down loses", () => {
    const lossy = catalogueWith({}, { downClass: "lossy", downLoss: "the notes" });
    const plan = planned(world("1.0.0", "b1", begun("up")), goal("1.0.0"), lossy);
    assert.equal(steps(plan), "-b2 -b1");
    assert.match(plan.loss.kinds.join(), /^b2 \(title of b2\): the notes$/);
    assert.notEqual(plan.loss.id, null);
  });

  it("without a way back lead to a restore, and without a backup to a refusal", () => {
    const none = catalogueWith({}, { downClass: "none", down: null, downBatched: null, downLoss: "all" });
    const reasons = refused(world("1.0.0", "b1", begun("up")), goal("1.0.0"), none);
    assert.match(reasons.map(({ text }) => text).join("\n"), /b2/);
  });

  it("are refused when their file has changed, or is in no release", () => {
    const edited = { ...begun("up"), halfDone: { revision: "b2", direction: "up" as const, checksum: "other" } };
    assert.match(
      refused(world("1.0.0", "b1", edited), goal("2.0.0"), catalogueWith())[0]?.text ?? "",
      /must not be edited/,
    );
    const foreign = { ...begun("up"), halfDone: { revision: "zz", direction: "up" as const, checksum: "other" } };
    assert.match(
      refused(world("1.0.0", "b1", foreign), goal("2.0.0"), catalogueWith())[0]?.text ?? "",
      /'zz' stopped half-way, and no release/,
    );
  });
});
