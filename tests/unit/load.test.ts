import assert from "node:assert/strict";

import fc from "fast-check";

import { findRelease } from "../../planner/chain";
import { judgeErrors, judgeLatency, type Load, measurements, notComparable } from "../../planner/load";
import { loadCatalogue } from "../../releases/catalogue";

const tolerance = { errorRate: 0.01, latencyFactor: 3, latencySlack: 100 };

function load(requests: number, errors = 0, times: readonly number[] = []): Load {
  const sorted = times.toSorted((a, b) => a - b);
  return { service: "orchestrator", measure: "list of tasks", requests, errors, times: sorted };
}

/** As many requests, each of which takes so long. */
const lasting = (milliseconds: number, requests = 30) =>
  load(
    requests,
    0,
    Array.from({ length: requests }, () => milliseconds),
  );

describe("errors and times before and after", () => {
  const errors: [string, Load, Load, boolean][] = [
    ["no errors", load(30), load(30), false],
    ["one that fails by chance", load(30), load(30, 1), false],
    ["three that fail by chance", load(30), load(30, 3), false],
    ["a seventh that fails", load(30), load(30, 4), true],
    ["half that fails", load(30), load(30, 15), true],
    ["all that fail", load(30), load(30, 30), true],
    ["as many as before", load(30, 15), load(30, 15), false],
    ["some more than before", load(30, 15), load(30, 18), false],
    ["fewer than before", load(30, 15), load(30), false],
    ["one in a hundred of many", load(1000), load(1000, 10), false],
    ["one in twenty of many", load(1000), load(1000, 50), true],
    ["few requests, of which most fail", load(20), load(20, 12), true],
  ];
  for (const [what, before, after, worse] of errors)
    it(`${what}: ${worse ? "worse" : "no fault"}`, () => {
      assert.equal(judgeErrors(before, after, tolerance).worse, worse);
    });

  it("are told in numbers", () => {
    assert.equal(judgeErrors(load(30, 1), load(25, 2), tolerance).text, "1 of 30 failed before, 2 of 25 after");
    assert.equal(
      judgeLatency(lasting(3.04), lasting(14.6), tolerance).text,
      "median 3.0 ms before, 15 ms after; 90 % within 3.0 ms before, 15 ms after",
    );
    assert.match(judgeLatency(lasting(3), load(30, 30), tolerance).text, /median 3\.0 ms before, never after/);
  });

  const slowTail = load(30, 0, [...Array.from({ length: 22 }, () => 3), ...Array.from({ length: 8 }, () => 900)]);
  const times: [string, Load, Load, boolean][] = [
    ["as fast as before", lasting(3), lasting(3), false],
    ["ten times as long, but still short", lasting(3), lasting(30), false],
    ["more than the slack, but not three times as long", lasting(400), lasting(900), false],
    ["three times as long and more than the slack", lasting(40), lasting(200), true],
    ["one that takes for ever", lasting(3), load(30, 0, [...lasting(3, 29).times, 3_000]), false],
    ["a quarter that takes for ever", lasting(3), slowTail, true],
    ["the same quarter before", slowTail, slowTail, false],
    ["too few that were answered", lasting(3), lasting(900, 15), false],
  ];
  for (const [what, before, after, worse] of times)
    it(`${what}: ${worse ? "worse" : "no fault"}`, () => {
      assert.equal(judgeLatency(before, after, tolerance).worse, worse);
    });

  it("what is as it was is never worse, whatever it was", () => {
    const some = fc.record({ times: fc.array(fc.float({ min: 0, max: 5_000, noNaN: true })), errors: fc.nat(100) });
    fc.assert(
      fc.property(some, ({ times: spread, errors: failed }) => {
        const same = load(spread.length + failed || 1, failed, spread);
        assert.equal(judgeErrors(same, same, tolerance).worse, false);
        assert.equal(judgeLatency(same, same, tolerance).worse, false);
      }),
    );
  });

  it("chance alone is taken for a fault in fewer than one of a hundred upgrades", () => {
    // Both sides fail one request in fifty: whatever differs is chance.
    const random = fc.sample(fc.integer({ min: 0, max: 49 }), { numRuns: 60_000, seed: 8 });
    let wrong = 0;
    for (let upgrade = 0; upgrade < 1_000; upgrade++) {
      const failing = (from: number) => random.slice(from, from + 30).filter((number) => number === 0).length;
      const [before, after] = [failing(upgrade * 60), failing(upgrade * 60 + 30)];
      if (judgeErrors(load(30, before), load(30, after), tolerance).worse) wrong += 1;
    }
    assert.ok(wrong < 10, `${wrong} of 1000`);
  });

  it("are not compared where one side has too few requests, or was not measured", () => {
    assert.equal(notComparable(undefined, load(30)), "nothing was measured before");
    assert.equal(notComparable(load(30), load(19)), "19 requests are too few to tell");
    assert.equal(notComparable(load(3), load(30)), "3 requests are too few to tell");
    assert.equal(notComparable(load(20), load(20)), null);
  });

  it("are measured by what the release says, and else by the health path; not at all where nobody wants it", async () => {
    const release = findRelease(await loadCatalogue(), "1.0.0");
    assert.ok(release);
    const services = [
      { name: "orchestrator", health: "/health", port: 8000 },
      { name: "planner-arm", health: "/up", port: 8001 },
      { name: "worker", health: "/health", port: 0 },
    ];
    const wanted = { task: true, requests: 30, smoke: [], invariants: [], indexes: [] };
    assert.deepEqual(measurements(release, services, wanted), [
      { service: "orchestrator", measure: "list of tasks", path: "/api/v1/tasks?limit=1", status: 200 },
      { service: "planner-arm", measure: "health", path: "/up", status: null },
    ]);
    assert.deepEqual(measurements(release, services, { ...wanted, requests: 0 }), []);
  });
});
