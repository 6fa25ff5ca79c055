import assert from "node:assert/strict";

import { DotenvFile } from "../../environment/dotenv-file";
import { type Acceptances, closedGates } from "../../planner/gates";
import type { Plan } from "../../planner/plan";
import { summarise } from "../../planner/summary";
import type { OpenAttempt } from "../../planner/world";
import { loadCatalogue } from "../../releases/catalogue";
import type { Catalogue } from "../../releases/release";
import { goal, invent, planned, quiet, world } from "./planner-cases";

const nothing: Acceptances = { acceptBreaking: "", reviewedPlan: "", acceptLoss: "", allowHazards: [] };

/** The refusals, `path: text` each. */
function closed(plan: Plan, accepted: Partial<Acceptances> = {}, open: OpenAttempt | null = null): string[] {
  return closedGates(plan, { ...nothing, ...accepted }, { ...quiet, open }).map(({ path, text }) => `${path}: ${text}`);
}

let own: Catalogue;
let toBreaking: Plan;
let toMinor: Plan;
before(async () => {
  own = await loadCatalogue();
  toBreaking = planned(world("0.1.0", "def456"), goal("1.0.0"), own);
  toMinor = planned(world("0.1.0", "def456"), goal("0.2.0"), own);
});

describe("acceptBreaking", () => {
  it("is asked for by name before a breaking release, with what breaks", () => {
    assert.deepEqual(closed(toBreaking), [
      "octollm:acceptBreaking: 1.0.0 breaks clients (1.0.0: /tasks moves to /api/v1/tasks; 1.0.0: Task priorities go from " +
        "1-5 to 1-10: clients send twice the old number; 1.0.0: The deprecated /execute is removed). " +
        "When they are ready for it: octollm config set acceptBreaking 1.0.0",
    ]);
  });

  it("must name the very version", () => {
    assert.deepEqual(closed(toBreaking, { acceptBreaking: "1.0.0" }), []);
    for (const acceptBreaking of ["0.2.0", "true", "1.0", "1.0.0 "])
      assert.equal(closed(toBreaking, { acceptBreaking }).length, 1);
  });

  it("names every breaking release on the way, and is satisfied by the last", () => {
    const catalogue = invent([
      { revisions: [{ revision: "a1" }] },
      { revisions: [{ revision: "b1" }], type: "breaking" },
      { revisions: [{ revision: "c1" }], type: "breaking" },
      { revisions: [{ revision: "d1" }] },
    ]);
    const plan = planned(world("1.0.0", "a1"), goal("4.0.0"), catalogue);
    assert.match(closed(plan)[0] ?? "", /^octollm:acceptBreaking: 2\.0\.0 and 3\.0\.0 break clients/);
    assert.deepEqual(closed(plan, { acceptBreaking: "4.0.0" }), []);
  });

  it("is not asked for by a minor release, an adoption, or a way back", () => {
    assert.deepEqual(closed(toMinor), []);
    assert.deepEqual(closed(planned(world("1.0.0", "e4f5a6"), goal("1.0.0", { emptyStack: true }), own)), []);
    assert.deepEqual(closed(planned(world("1.0.0", "e4f5a6"), goal("0.1.0"), own)), []);
  });

  it("is asked for again by the rest of a failed attempt", () => {
    const open = { attempt: 2, from: "0.1.0", to: "1.0.0", planId: toBreaking.id, reviewedPlan: null };
    const rest = planned(world("0.1.0", "b1c2d3", { openAttempt: open }), goal("1.0.0"), own);
    assert.equal(closed(rest, {}, open).length, 1);
    assert.deepEqual(closed(rest, { acceptBreaking: "1.0.0" }, open), []);
  });
});

describe("reviewedPlan", () => {
  it("lets every plan pass when it is not set, and the reviewed one when it is", () => {
    assert.deepEqual(closed(toMinor), []);
    assert.deepEqual(closed(toMinor, { reviewedPlan: toMinor.id }), []);
  });

  it("refuses another plan, and says both ids and the next command", () => {
    assert.deepEqual(closed(toMinor, { reviewedPlan: "000000000000" }), [
      `octollm:reviewedPlan: the plan is ${toMinor.id}, but 000000000000 was reviewed: the world or the settings have changed ` +
        `since. Look at the preview again, then: octollm config set reviewedPlan ${toMinor.id}`,
    ]);
  });

  it("that is still set after the upgrade does not stand in the way of a plan that does nothing", () => {
    const settled = planned(world("0.2.0", "b1c2d3", { environment: DotenvFile.parse("") }), goal("0.2.0"), own);
    assert.notEqual(settled.id, toMinor.id);
    assert.deepEqual(closed(settled, { reviewedPlan: toMinor.id }), []);
    const adoption = planned(world("0.1.0", "def456"), goal("0.1.0", { emptyStack: true }), own);
    assert.deepEqual(closed(adoption, { reviewedPlan: toMinor.id }), []);
  });

  describe("after an attempt that did not reach its end", () => {
    const accepted = { acceptBreaking: "1.0.0" };
    const attempt = (part: Partial<OpenAttempt>): OpenAttempt => {
      return { attempt: 2, from: "0.1.0", to: "1.0.0", planId: "p-first", reviewedPlan: null, ...part };
    };
    const halfway = (openAttempt: OpenAttempt, to: string) =>
      planned(world("0.1.0", "b1c2d3", { openAttempt }), goal(to), own);

    for (const [name, open] of [
      ["its plan was the reviewed one", attempt({ planId: "reviewed" })],
      ["it was itself the rest of the reviewed one", attempt({ planId: "p-rest", reviewedPlan: "reviewed" })],
    ] as const) {
      it(`lets the rest of it pass, when ${name}`, () => {
        assert.deepEqual(closed(halfway(open, "1.0.0"), { ...accepted, reviewedPlan: "reviewed" }, open), []);
      });

      it(`lets its own way back pass, when ${name}`, () => {
        assert.deepEqual(closed(halfway(open, "0.1.0"), { reviewedPlan: "reviewed" }, open), []);
      });

      it(`refuses a third plan, when ${name}`, () => {
        const third = halfway(open, "0.2.0");
        const [refusal, ...more] = closed(third, { reviewedPlan: "reviewed" }, open);
        assert.equal(more.length, 0);
        assert.ok(
          refusal?.startsWith(`octollm:reviewedPlan: the plan is ${third.id}, but reviewed was reviewed`),
          refusal,
        );
      });
    }

    it("refuses the rest and the way back of an attempt that nobody reviewed", () => {
      const open = attempt({ planId: "p-other", reviewedPlan: "p-else" });
      for (const to of ["1.0.0", "0.1.0"])
        assert.equal(closed(halfway(open, to), { ...accepted, reviewedPlan: "reviewed" }, open).length, 1);
    });
  });
});

describe("acceptLoss", () => {
  const catalogue = invent([
    { revisions: [{ revision: "a1" }], strictHead: true },
    {
      revisions: [
        { revision: "b1", downClass: "lossy" },
        { revision: "b2", downClass: "lossy", downLoss: "the marks" },
      ],
    },
  ]);
  const lossy = () => planned(world("2.0.0", "b2"), goal("1.0.0"), catalogue);

  it("is asked for before data is lost, with every kind of loss and the id to accept", () => {
    const { loss } = lossy();
    assert.match(loss.id ?? "", /^[0-9a-f]{8}$/);
    assert.deepEqual(closed(lossy()), [
      `octollm:acceptLoss: this loses data: b1 (title of b1): the notes; b2 (title of b2): the marks. ` +
        `To accept that: octollm config set acceptLoss ${loss.id}`,
    ]);
    assert.deepEqual(closed(lossy(), { acceptLoss: loss.id ?? "" }), []);
    assert.equal(closed(lossy(), { acceptLoss: "yes" }).length, 1);
  });

  it("stays accepted when only sizes and attempts have moved, not when another kind of loss joins", () => {
    const again = planned(world("2.0.0", "b2", { nextAttempt: 7 }), goal("1.0.0"), catalogue);
    assert.equal(again.loss.id, lossy().loss.id);
    assert.notEqual(planned(world("2.0.0", "b1"), goal("1.0.0"), catalogue).loss.id, lossy().loss.id);
  });

  it("is not asked for when nothing is lost", () => {
    assert.deepEqual(closed(planned(world("1.0.0", "e4f5a6"), goal("0.1.0"), own)), []);
  });

  it("and the other gates are all listed at once", () => {
    assert.deepEqual(
      closedGates(lossy(), { ...nothing, reviewedPlan: "x" }, quiet).map(({ path }) => path),
      ["octollm:reviewedPlan", "octollm:acceptLoss"],
    );
    assert.deepEqual(
      closedGates(toBreaking, { ...nothing, reviewedPlan: "x" }, quiet).map(({ path }) => path),
      ["octollm:acceptBreaking", "octollm:reviewedPlan"],
    );
  });
});

describe("the summary of a plan", () => {
  const environment = DotenvFile.parse(
    "CACHE_TTL=7200\nWEBHOOK_URL=https://h.example/t0ken/webhook\nDB_PASSWORD=s3cret\n",
  );

  /** Each line's first word with all of its text: a text that is too long goes on in the next line, under the text. */
  function rows(plan: Plan): string[] {
    return summarise(plan).reduce<string[]>((found, line) => {
      const [, name = "", text = ""] = /^(.{9}) (.*)$/.exec(line) ?? [];
      if (name.trim() !== "") return [...found, `${name.trim()}: ${text}`];
      return [...found.slice(0, -1), `${found.at(-1)} ${text.trim()}`];
    }, []);
  }

  it("of a breaking upgrade names everything that a reader decides by", () => {
    const plan = planned(world("0.1.0", "def456", { environment }), goal("1.0.0"), own);
    assert.deepEqual(rows(plan), [
      "path: 0.1.0 -> 1.0.0 (0.2.0 minor, 1.0.0 breaking)",
      "breaks: 1.0.0: /tasks moves to /api/v1/tasks",
      "breaks: 1.0.0: Task priorities go from 1-5 to 1-10: clients send twice the old number",
      "breaks: 1.0.0: The deprecated /execute is removed",
      "stops: orchestrator (for e4f5a6)",
      "backup: .env, database and configuration, before anything changes",
      "revisions: +abc123, +b1c2d3, +e4f5a6",
      `env: ${plan.environment.lines.length} lines of .env`,
      "deploys: orchestrator: 0.1.0 -> 1.0.0",
      `checks: ${plan.checks.lines.length}, row counts must be equal`,
      "loses: nothing",
      "way back: schema-down, loses nothing",
      `plan: ${plan.id}, attempt 2`,
    ]);
  });

  it("has at most 14 lines, of at most 80 characters, on every way between the releases", () => {
    const heads = { "0.1.0": "def456", "0.2.0": "b1c2d3", "1.0.0": "e4f5a6" };
    for (const [from, revision] of Object.entries(heads))
      for (const to of Object.keys(heads)) {
        const lines = summarise(planned(world(from, revision, { environment }), goal(to), own));
        assert.ok(lines.length <= 14, `${from} -> ${to}: ${lines.length} lines`);
        assert.ok(
          lines.every((line) => line.length <= 80),
          lines.join("\n"),
        );
        assert.doesNotMatch(lines.join(), /s3cret|t0ken/);
      }
  });

  it("of nothing to do says so", () => {
    const lines = rows(planned(world("1.0.0", "e4f5a6", { environment: DotenvFile.parse("") }), goal("1.0.0"), own));
    for (const line of [
      "path: 1.0.0",
      "revisions: none",
      "env: unchanged",
      "loses: nothing",
      "way back: nothing-to-undo, loses nothing",
    ])
      assert.ok(lines.includes(line), `${line} in ${lines.join("\n")}`);
    assert.match(lines.join("\n"), /^stops: nothing/m);
    assert.match(lines.join("\n"), /^backup: none/m);
  });

  it("of a way back that loses data names the loss and the id that accepts it", () => {
    const catalogue = invent([
      { revisions: [{ revision: "a1" }], strictHead: true },
      { revisions: [{ revision: "b1", downClass: "lossy" }] },
    ]);
    const up = rows(planned(world("1.0.0", "a1"), goal("2.0.0"), catalogue));
    assert.ok(up.includes("way back: lossy-schema-down, loses b1 (title of b1): the notes"), up.join("\n"));
    const down = planned(world("2.0.0", "b1"), goal("1.0.0"), catalogue);
    assert.ok(rows(down).includes(`loses: b1 (title of b1): the notes (loss id ${down.loss.id})`));
    assert.ok(rows(down).includes("revisions: -b1"));
  });
});
