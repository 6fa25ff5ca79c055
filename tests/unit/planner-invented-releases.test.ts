import assert from "node:assert/strict";

import type { RollbackClass } from "../../planner/plan";
import { goal, invent, planned, refused, steps, world } from "./planner-cases";

describe("the plan over invented releases", () => {
  describe("with pre and post revisions on one chain", () => {
    const pre = { phase: "pre" } as const;
    const post = { phase: "post" } as const;
    const catalogue = invent([
      { revisions: [{ revision: "a1" }] },
      {
        revisions: [
          { revision: "b1", ...pre },
          { revision: "b2", ...post },
        ],
      },
      {
        revisions: [
          { revision: "c1", ...post },
          { revision: "c2", ...post },
        ],
      },
      {
        revisions: [
          { revision: "d1", ...pre },
          { revision: "d2", ...post },
          { revision: "d3", ...post },
        ],
      },
    ]);
    const table: readonly [string, string, string, string][] = [
      ["1.0.0", "a1", "2.0.0", "+b1 | +b2"],
      ["1.0.0", "a1", "3.0.0", "+b1 | +b2 +c1 +c2"],
      ["1.0.0", "a1", "4.0.0", "+b1 +b2 +c1 +c2 +d1 | +d2 +d3"],
      ["2.0.0", "b2", "3.0.0", " | +c1 +c2"],
      ["2.0.0", "b2", "4.0.0", "+c1 +c2 +d1 | +d2 +d3"],
      ["3.0.0", "c2", "4.0.0", "+d1 | +d2 +d3"],
      ["4.0.0", "d3", "3.0.0", "-d3 -d2 -d1"],
      ["4.0.0", "d3", "1.0.0", "-d3 -d2 -d1 -c2 -c1 -b2 -b1"],
      ["2.0.0", "b1", "2.0.0", " | +b2"],
      ["3.0.0", "c2", "2.0.0", "-c2 -c1"],
    ];
    for (const [from, revision, to, expected] of table)
      it(`from ${from} at ${revision} to ${to}: ${expected.trim()}`, () => {
        assert.equal(steps(planned(world(from, revision), goal(to), catalogue)), expected);
      });

    it("stops nothing while every revision lets the running code go on", () => {
      assert.deepEqual(planned(world("1.0.0", "a1"), goal("4.0.0"), catalogue).stops.services, []);
    });

    it("stops for one revision with writers: stopped, and names it", () => {
      const strict = invent([
        { revisions: [{ revision: "a1" }] },
        { revisions: [{ revision: "b1", writers: "stopped" }] },
      ]);
      const { stops, checks } = planned(world("1.0.0", "a1"), goal("2.0.0"), strict);
      assert.deepEqual(stops, {
        services: ["orchestrator"],
        reasons: ["b1: its data change needs the writers stopped"],
      });
      assert.equal(checks.countsMustMatch, true);
    });

    it("stops every service in the reverse of the starting order", () => {
      const breaking = invent([
        { revisions: [{ revision: "a1" }] },
        { revisions: [{ revision: "b1", previousCode: "breaks" }] },
      ]);
      const services = ["orchestrator", "planner-arm"].map((name) => ({ name, health: "/health" }));
      const { stops } = planned(world("1.0.0", "a1"), goal("2.0.0", { services }), breaking);
      assert.deepEqual(stops.services, ["planner-arm", "orchestrator"]);
      assert.deepEqual(stops.reasons, ["b1: OctoLLM 1.0.0 does not run on the schema after it"]);
    });
  });

  describe("on every way back", () => {
    const exact = { downClass: "exact" } as const;
    const kept = { downClass: "kept" } as const;
    const lossy = { downClass: "lossy" } as const;
    const none = { downClass: "none" } as const;
    const breaks = { previousCode: "breaks" } as const;
    const table: readonly [
      string,
      Parameters<typeof invent>[0][number]["revisions"],
      boolean,
      RollbackClass,
      string,
    ][] = [
      ["exact", [{ revision: "b1", ...exact }], false, "schema-down", "-b1"],
      ["kept", [{ revision: "b1", ...kept, ...breaks }], false, "schema-down", "-b1"],
      [
        "exact, and the old code runs",
        [
          { revision: "b1", ...exact },
          { revision: "b2", ...exact },
        ],
        false,
        "schema-down",
        "-b2 -b1",
      ],
      ["lossy, but the old code runs", [{ revision: "b1", ...lossy }], false, "image-only", ""],
      ["none, but the old code runs", [{ revision: "b1", ...none }], false, "image-only", ""],
      ["lossy, and the old code insists on its head", [{ revision: "b1", ...lossy }], true, "lossy-schema-down", "-b1"],
      ["lossy, and the old code breaks", [{ revision: "b1", ...lossy, ...breaks }], false, "lossy-schema-down", "-b1"],
      [
        "one lossy among exact ones",
        [
          { revision: "b1", ...exact, ...breaks },
          { revision: "b2", ...lossy },
        ],
        false,
        "lossy-schema-down",
        "-b2 -b1",
      ],
      ["none, and the old code breaks", [{ revision: "b1", ...none, ...breaks }], false, "restore", "refused"],
      [
        "none among lossy ones",
        [
          { revision: "b1", ...lossy, ...breaks },
          { revision: "b2", ...none },
        ],
        false,
        "restore",
        "refused",
      ],
    ];
    for (const [name, revisions, strictHead, expected, way] of table)
      it(`${name}: ${expected}`, () => {
        const catalogue = invent([{ revisions: [{ revision: "a1" }], strictHead }, { revisions }]);
        const head = revisions.at(-1)?.revision ?? "";
        const up = planned(world("1.0.0", "a1"), goal("2.0.0"), catalogue);
        assert.equal(up.rollback.class, expected);
        assert.equal(up.rollback.loses.length > 0, expected === "lossy-schema-down" || expected === "restore");
        const back = world("2.0.0", head, { services: [] });
        if (way === "refused") {
          const text = refused(back, goal("1.0.0"), catalogue)[0]?.text ?? "";
          assert.match(text, /there is no way down to 1\.0\.0: .*the notes/);
          assert.match(text, /Only a backup of OctoLLM 1\.0\.0 at revision a1 leads back, and there is none/);
          return;
        }
        const down = planned(back, goal("1.0.0"), catalogue);
        assert.equal(steps(down), way);
        assert.equal(down.direction, "down");
        assert.equal(down.loss.id !== null, expected === "lossy-schema-down");
      });

    it("leaves a schema that the old code runs on, is settled there, and goes up again without doing it twice", () => {
      const catalogue = invent([{ revisions: [{ revision: "a1" }] }, { revisions: [{ revision: "b1", ...lossy }] }]);
      const back = planned(world("1.0.0", "b1"), goal("1.0.0"), catalogue);
      assert.deepEqual([steps(back), back.direction, back.checks.revision], ["", "none", "b1"]);
      assert.equal(steps(planned(world("1.0.0", "b1"), goal("2.0.0"), catalogue)), "");
    });
  });

  it("must stop at a required release on the way, and says the two steps", () => {
    const catalogue = invent([
      { revisions: [{ revision: "a1" }] },
      { revisions: [{ revision: "b1" }], requiredStop: true },
      { revisions: [{ revision: "c1" }] },
    ]);
    const [reason] = refused(world("1.0.0", "a1"), goal("3.0.0"), catalogue);
    assert.equal(
      reason?.text,
      "the way from 1.0.0 to 3.0.0 must stop at 2.0.0: set version 2.0.0, run up, let it work, then set 3.0.0",
    );
    assert.equal(steps(planned(world("1.0.0", "a1"), goal("2.0.0"), catalogue)), "+b1");
    assert.equal(steps(planned(world("3.0.0", "c1"), goal("1.0.0"), catalogue)), "-c1 -b1");
  });
});
