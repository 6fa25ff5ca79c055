import assert from "node:assert/strict";

import { BatchSize } from "../../postgres/batch-size";

describe("the size of the next batch", () => {
  const size = () => new BatchSize({ first: 10_000, targetMs: 4_000 });

  it("grows twofold at most while batches are quick, also where they come out a little smaller than asked for", () => {
    const sizes = size();
    sizes.learn({ rows: 10_000, milliseconds: 100 });
    assert.equal(sizes.rows, 20_000);
    sizes.learn({ rows: 19_800, milliseconds: 200 });
    assert.equal(sizes.rows, 39_600);
    sizes.learn({ rows: 39_600, milliseconds: 3_960 });
    assert.equal(sizes.rows, 40_000);
  });

  it("shrinks when batches last too long, to half at most", () => {
    const sizes = size();
    sizes.learn({ rows: 10_000, milliseconds: 5_000 });
    assert.equal(sizes.rows, 8_000);
    sizes.learn({ rows: 8_000, milliseconds: 60_000 });
    assert.equal(sizes.rows, 4_000);
  });

  it("learns nothing from the few rows that a table ends with", () => {
    const sizes = size();
    sizes.learn({ rows: 4_000, milliseconds: 10 });
    assert.equal(sizes.rows, 10_000);
  });

  it("is split after a timeout, down to a single row", () => {
    const sizes = new BatchSize({ first: 3, targetMs: 1_000 });
    assert.deepEqual([sizes.split(), sizes.rows, sizes.split(), sizes.rows], [true, 1, false, 1]);
  });
});
