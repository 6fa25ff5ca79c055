import assert from "node:assert/strict";

import { describeDownLosses } from "../../phases/down-losses";
import { withClient } from "../../postgres/connection";
import { countOrEstimate } from "../../postgres/count-query";
import { goal, invent, planned, world } from "../unit/planner-cases";
import { installation, query } from "./installation";

describe("what a lossy way down loses", () => {
  const catalogueWith = (downLossCount: string) =>
    invent([
      { revisions: [{ revision: "a1" }] },
      {
        revisions: [
          { revision: "b1", previousCode: "breaks", downClass: "lossy", downLoss: "the low ones", downLossCount },
        ],
      },
      { revisions: [{ revision: "c1" }] },
    ]);
  const losses = async (address: Parameters<typeof query>[0], sql: string, budgetMs = 5_000) => {
    const catalogue = catalogueWith(sql);
    const plan = planned(world("3.0.0", "c1"), goal("1.0.0"), catalogue);
    return describeDownLosses(plan, { catalogue, address, budgetMs });
  };

  it("is counted, also over several releases, and is none only where that is proven", async () => {
    const address = await installation();
    assert.deepEqual(await losses(address, "SELECT count(*) FROM tasks WHERE priority = 1"), [
      "b1: 200 rows (the low ones)",
    ]);
    assert.deepEqual(await losses(address, "SELECT count(*) FROM tasks WHERE priority = 9"), [
      "b1: no row as things are (the low ones)",
    ]);
  });

  it("is estimated where counting takes too long, and said to be unknown where it cannot be counted", async () => {
    const address = await installation();
    await query(address, "ANALYZE tasks");
    const [line = ""] = await losses(
      address,
      "SELECT count(*) FROM tasks WHERE priority = 1 AND pg_sleep(0.05) IS NOT NULL",
      300,
    );
    assert.match(line, /^b1: ~(19\d|20\d) rows \(the low ones\)$/);
    assert.match(
      (await losses(address, "SELECT count(*) FROM nothing")).join(),
      /how much cannot be counted now \(relation "nothing"/,
    );
  });

  it("is never counted by a query that writes", async () => {
    const address = await installation();
    await withClient(address, { name: "test", readOnly: true }, async (client) => {
      await assert.rejects(
        countOrEstimate(client, "WITH gone AS (DELETE FROM task_history RETURNING 1) SELECT count(*) FROM gone", 1_000),
        /read-only transaction/,
      );
    });
  });
});
