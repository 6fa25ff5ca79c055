import assert from "node:assert/strict";

import { pythonText } from "../../alembic/python";
import { resolveTarget, type Way } from "../../migrate/target";
import { moveSchema } from "../../planner/schema-move";
import { goal, invent, planned, server, world } from "./planner-cases";

const catalogue = invent([
  { revisions: [{ revision: "aa11", downClass: "none" }] },
  { revisions: [{ revision: "bb11" }, { revision: "bb22", downClass: "lossy" }] },
  { type: "breaking", revisions: [{ revision: "cc11", previousCode: "breaks" }] },
]);

/** The revision that a target leads to, from one that the database is at. */
function led(way: Way, target: string, from: string | null, start = from): string | null {
  const place = (revision: string | null) => catalogue.chain.findIndex((migration) => migration.revision === revision);
  const found = resolveTarget(catalogue, way, target, { here: place(from), start: place(start) });
  return catalogue.chain[found]?.revision ?? null;
}

describe("a target in Alembic's words", () => {
  const targets: [Way, target: string, from: string | null, to: string | null][] = [
    ["upgrade", "head", "aa11", "cc11"],
    ["upgrade", "heads", null, "cc11"],
    ["upgrade", "+1", "aa11", "bb11"],
    ["upgrade", "+4", null, "cc11"],
    ["upgrade", "bb22", "aa11", "bb22"],
    ["upgrade", "c", "aa11", "cc11"],
    ["upgrade", "bb11+1", "aa11", "bb22"],
    ["upgrade", "head-1", "aa11", "bb22"],
    ["upgrade", "head", "cc11", "cc11"],
    ["downgrade", "-1", "cc11", "bb22"],
    ["downgrade", "bb11", "cc11", "bb11"],
    ["downgrade", "base", "cc11", null],
    ["downgrade", "-4", "cc11", null],
    ["downgrade", "cc11-2", "cc11", "bb11"],
  ];
  for (const [way, target, from, to] of targets)
    it(`${way} ${target} from ${from ?? "the empty database"} leads to ${to ?? "the empty database"}`, () => {
      assert.equal(led(way, target, from), to);
    });

  const refusals: [Way, target: string, from: string | null, text: string][] = [
    ["upgrade", "zz", "aa11", "There is no revision 'zz'. The catalogue has: aa11, bb11, bb22, cc11, head, base."],
    ["upgrade", "bb", "aa11", "'bb' is the beginning of 2 revisions: bb11, bb22. Say more of it."],
    ["upgrade", "", "aa11", "There is no revision ''. The catalogue has: aa11, bb11, bb22, cc11, head, base."],
    ["upgrade", "+3", "bb22", "'+3' leads beyond cc11: only 1 revision comes after bb22."],
    ["upgrade", "+1", "cc11", "'+1' leads beyond cc11: no revision comes after cc11."],
    ["downgrade", "-3", "bb11", "'-3' leads beyond the empty database: only 2 revisions come before bb11."],
    [
      "upgrade",
      "aa11",
      "cc11",
      "The database is at cc11, and 'aa11' lies before it. To go there: octollm migrate downgrade aa11.",
    ],
    [
      "upgrade",
      "-1",
      "cc11",
      "The database is at cc11, and '-1' lies before it. To go there: octollm migrate downgrade bb22.",
    ],
    [
      "downgrade",
      "head",
      "aa11",
      "The database is at aa11, and 'head' lies after it. To go there: octollm migrate upgrade cc11.",
    ],
    [
      "upgrade",
      "base",
      "aa11",
      "The database is at aa11, and 'base' lies before it. To go there: octollm migrate downgrade base.",
    ],
  ];
  for (const [way, target, from, text] of refusals)
    it(`${way} ${target || "''"} from ${from ?? "the empty database"} is refused: ${text}`, () => {
      assert.throws(() => led(way, target, from), { message: `${text} Nothing was touched.` });
    });

  it("counts from where a run began that was killed", () => {
    assert.equal(led("upgrade", "+2", "bb22", "aa11"), "bb22");
    assert.equal(led("upgrade", "bb11+1", "bb22", "aa11"), "bb22");
  });
});

describe("a move of the schema alone", () => {
  const move = (here: number, place: number, serves: string | null = null) => {
    const made = moveSchema(catalogue, { here, place, serves, server });
    if ("dead" in made) throw new Error(`no way: ${made.dead.map(({ revision }) => revision).join(", ")}`);
    return made;
  };

  it("undoes what it applies, in the opposite order", () => {
    const names = ({ steps }: ReturnType<typeof move>) => steps.map(({ revision }) => revision);
    assert.deepEqual(names(move(0, 3)), ["bb11", "bb22", "cc11"]);
    assert.deepEqual(names(move(3, 0)), ["cc11", "bb22", "bb11"]);
    assert.deepEqual(names(move(2, 2)), []);
  });

  it("names a loss as a preview of the way to that release does", () => {
    const { loss } = move(3, 0);
    const plan = planned(world("3.0.0", "cc11"), goal("1.0.0"), catalogue);
    assert.ok(loss.id);
    assert.deepEqual(loss, plan.loss);
  });

  it("names another loss where it goes less far", () => {
    assert.ok(move(3, 1).loss.id);
    assert.notEqual(move(3, 1).loss.id, move(3, 0).loss.id);
  });

  it("tells what breaks clients only where such a release's revisions are applied", () => {
    assert.deepEqual(move(0, 3).path, ["2.0.0 minor", "3.0.0 breaking"]);
    assert.deepEqual(move(0, 2).path, ["2.0.0 minor"]);
    assert.deepEqual(move(3, 1).path, []);
  });

  it("needs nobody connected for a way down, and for a revision that the old code cannot bear", () => {
    assert.equal(move(0, 2).stops.length, 0);
    assert.match(move(2, 3).stops.join(), /^cc11: the release before does not run/);
    assert.match(move(2, 3, "2.0.0").stops.join(), /^cc11: OctoLLM 2\.0\.0 does not run/);
    assert.match(move(1, 0).stops.join(), /^bb11: a revision is undone only with the services stopped/);
  });

  it("is none across a revision that has no way down", () => {
    assert.throws(() => move(3, -1), /no way: aa11/);
  });
});

describe("a text in a Python file", () => {
  it("is a literal of exactly that text", () => {
    assert.equal(pythonText("a"), '"""a"""');
    assert.equal(pythonText('say "x"'), '"""say "x\\""""');
    assert.equal(pythonText('a"""b'), '"""a\\"\\"\\"b"""');
    assert.equal(pythonText("E'\\n'\nx"), '"""\\\nE\'\\\\n\'\nx"""');
  });
});
