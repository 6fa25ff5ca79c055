import assert from "node:assert/strict";

import { describeProgress } from "../../backup/copy-progress";

const sizes = {
  "public.tasks": { bytes: 80_000_000, rows: 1_000 },
  "public.task_history": { bytes: 20_000_000, rows: 500 },
  "octollm_upgrade.events": { bytes: 0, rows: 0 },
};

describe("the progress of a dump or restore", () => {
  it("tells size, share, tables, rate and time left, from the tables that are done and the rows of those that are not", () => {
    const begun = ["public.task_history", "public.tasks"];
    const line = describeProgress({ sizes, label: "backup" }, begun, [{ name: "public.tasks", rows: 250 }], 4_000);
    assert.equal(line, "backup: 40.0 MB of 100.0 MB (40 %), table 2 of 3 (tasks), 10.0 MB/s, 6 s left");
  });

  it("says that only indexes are left of a restore once every row is there", () => {
    const line = describeProgress({ sizes, label: "restore" }, Object.keys(sizes), [], 4_000);
    assert.equal(line, "restore: the rows of all 3 tables are done, now indexes and constraints");
  });

  it("makes nothing up before the first row, and never says more than all", () => {
    const none = describeProgress({ sizes, label: "backup" }, [], [], 1_000);
    assert.equal(none, "backup: 0 kB of 100.0 MB (0 %), table 0 of 3");
    const wrongEstimate = [{ name: "public.tasks", rows: 9_999 }];
    assert.match(
      describeProgress({ sizes, label: "backup" }, ["public.tasks"], wrongEstimate, 1_000),
      /80\.0 MB of 100\.0 MB \(80 %\)/,
    );
  });
});
