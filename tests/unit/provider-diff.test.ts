import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";

import fc from "fast-check";

import type { Properties } from "../../provider/codec";
import { changesBetween } from "../../provider/diff";

/** `+path`, `-path`, `~path`, in the order found. */
function marks(old: Properties, now: Properties): string[] {
  const signs = { add: "+", delete: "-", update: "~" } as const;
  return changesBetween(old, now).map(({ path, kind }) => signs[kind] + path);
}

describe("the changes between two sets of properties", () => {
  const table: readonly [string, Properties, Properties, string[]][] = [
    ["nothing", { a: 1, b: [1, { c: null }] }, { b: [1, { c: null }], a: 1 }, []],
    ["a new, a gone and a changed property", { a: 1, b: 2 }, { b: 3, c: 4 }, ["-a", "~b", "+c"]],
    ["a line each of an array", { sql: ["a", "b", "c"] }, { sql: ["a", "B", "c", "d"] }, ["~sql[1]", "+sql[3]"]],
    ["lines that are gone", { sql: ["a", "b", "c"] }, { sql: ["a"] }, ["-sql[1]", "-sql[2]"]],
    ["a first array", { sql: [] }, { sql: ["a", "b"] }, ["+sql[0]", "+sql[1]"]],
    [
      "nested places",
      { r: [{ sql: ["x"], title: "t" }] },
      { r: [{ sql: ["y"], title: "t" }, { sql: [] }] },
      ["~r[0].sql[0]", "+r[1]"],
    ],
    ["a key that is no word", { env: {} }, { env: { "a b": 1, "x-y": 2 } }, ['+env["a b"]', '+env["x-y"]']],
    ["another shape as a whole", { a: [1], b: { c: 1 }, d: 1 }, { a: { 0: 1 }, b: null, d: "1" }, ["~a", "~b", "~d"]],
    ["null, which is a value", { a: null }, {}, ["-a"]],
    ["keys that JavaScript has on every object", { toString: 1 }, { constructor: 2 }, ["-toString", "+constructor"]],
  ];
  for (const [name, old, now, expected] of table) it(`name ${name}`, () => assert.deepEqual(marks(old, now), expected));

  const json = fc
    .dictionary(fc.oneof(fc.constantFrom("a", "b", "__proto__"), fc.string()), fc.jsonValue({ maxDepth: 4 }), {
      maxKeys: 5,
    })
    .map((value) => JSON.parse(JSON.stringify(value)) as Properties);

  it("are none exactly when both are deeply equal", () => {
    fc.assert(
      fc.property(json, json, (old, now) => {
        assert.equal(changesBetween(old, now).length === 0, isDeepStrictEqual(old, now));
        assert.deepEqual(changesBetween(old, structuredClone(old)), []);
      }),
    );
  });

  it("are the same ones the other way round, with add and delete exchanged", () => {
    const turned = { add: "delete", delete: "add", update: "update" } as const;
    fc.assert(
      fc.property(json, json, (old, now) => {
        const back = changesBetween(now, old).map(({ path, kind }) => `${turned[kind]} ${path}`);
        assert.deepEqual(
          changesBetween(old, now)
            .map(({ path, kind }) => `${kind} ${path}`)
            .toSorted(),
          back.toSorted(),
        );
      }),
    );
  });

  it("name each changed line of an array once, and no other", () => {
    const lines = fc.array(fc.string(), { maxLength: 8 });
    fc.assert(
      fc.property(lines, lines, (old, now) => {
        const expected = Array.from({ length: Math.max(old.length, now.length) }, (_, place) => place).filter(
          (place) => old[place] !== now[place],
        );
        assert.deepEqual(
          changesBetween({ old: old }, { old: now }).map(({ path }) => path),
          expected.map((place) => `old[${place}]`),
        );
      }),
    );
  });
});
