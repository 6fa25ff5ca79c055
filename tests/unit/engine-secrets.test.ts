import assert from "node:assert/strict";

import { annotateSecrets } from "../../engine/property/annotate-secrets";
import { makeSecret, type PropertyMap } from "../../engine/property/value";

describe("what a provider answers that knows no secrets", () => {
  const table: [string, PropertyMap, PropertyMap, PropertyMap][] = [
    [
      "is secret where it was asked as a secret",
      { a: makeSecret("x"), b: "y" },
      { a: "x", b: "y" },
      { a: makeSecret("x"), b: "y" },
    ],
    [
      "is secret as a whole where anything of a list was",
      { a: ["x", makeSecret("y")] },
      { a: ["y", "x"] },
      { a: makeSecret(["y", "x"]) },
    ],
    [
      "is secret deep inside",
      { a: { b: makeSecret(1), c: 2 } },
      { a: { b: 1, c: 2, d: 3 } },
      { a: { b: makeSecret(1), c: 2, d: 3 } },
    ],
    [
      "is secret even if it is something else now",
      { a: makeSecret("x") },
      { a: { b: 1 } },
      { a: makeSecret({ b: 1 }) },
    ],
    [
      "stays as it is where nothing was",
      { a: ["x"], b: { c: 1 } },
      { a: ["x"], b: { c: 1 }, d: null },
      { a: ["x"], b: { c: 1 }, d: null },
    ],
    ["gets nothing that the provider has dropped", { a: makeSecret("x") }, {}, {}],
    ["is not taken for an object's inherited names", {}, { constructor: "x" }, { constructor: "x" }],
  ];
  for (const [name, question, answer, expected] of table)
    it(name, () => assert.deepEqual(annotateSecrets(answer, question), expected));
});
