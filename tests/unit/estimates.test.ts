import assert from "node:assert/strict";

import { estimateSeconds } from "../../planner/estimates";
import type { Measure } from "../../postgres/measures";

const measure = (changes: Partial<Measure>): Measure => {
  const statement = { revision: "a1", direction: "up", statement: 1, relation: "tasks", rows: null } as const;
  return { attempt: 3, ...statement, work: "rewrites", bytes: 100e6, milliseconds: 2_000, ...changes };
};
const now = (changes: Partial<Measure> = {}) => measure(changes);

describe("the estimate of a statement's time", () => {
  it("is none when nothing was measured, or only another kind of work", () => {
    assert.equal(estimateSeconds(now(), []), null);
    assert.equal(estimateSeconds(now(), [measure({ work: "builds" })]), null);
  });

  it("is that of the same statement, and grows with the size", () => {
    assert.deepEqual(estimateSeconds(now(), [measure({})]), { seconds: 2, source: "as in attempt 3" });
    assert.deepEqual(estimateSeconds(now({ bytes: 300e6 }), [measure({})]), { seconds: 6, source: "as in attempt 3" });
  });

  it("is that of the newest measure of it", () => {
    const measures = [measure({ attempt: 9, milliseconds: 1_000 }), measure({})];
    assert.deepEqual(estimateSeconds(now(), measures), { seconds: 1, source: "as in attempt 9" });
  });

  it("is by the rate of the same kind of work elsewhere, weighed by size", () => {
    const measures = [
      measure({ revision: "b1", bytes: 300e6, milliseconds: 1_000 }),
      measure({ revision: "b2", bytes: 100e6, milliseconds: 3_000 }),
    ];
    assert.deepEqual(estimateSeconds(now(), measures), { seconds: 1, source: "at 100 MB/s" });
    assert.deepEqual(estimateSeconds(now(), [measure({ direction: "down" })]), { seconds: 2, source: "at 50 MB/s" });
    assert.deepEqual(estimateSeconds(now(), [measure({ statement: 2 })]), { seconds: 2, source: "at 50 MB/s" });
  });

  it("never concludes from a small table to a big one", () => {
    const small = measure({ bytes: 50e3, milliseconds: 40 });
    assert.equal(estimateSeconds(now(), [small]), null);
    assert.equal(estimateSeconds(now({ revision: "b1" }), [small]), null);
    assert.deepEqual(estimateSeconds(now({ bytes: 60e3 }), [small]), { seconds: 0.04, source: "as in attempt 3" });
    const rates = [small, measure({ revision: "b1" })];
    assert.deepEqual(estimateSeconds(now(), rates), { seconds: 2, source: "at 50 MB/s" });
  });
});
