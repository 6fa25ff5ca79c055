import assert from "node:assert/strict";

import type { RevisionStep } from "../../planner/plan";
import type { DatabaseAddress } from "../../postgres/connection";
import { withClient } from "../../postgres/connection";
import { readLedger } from "../../postgres/ledger";
import { loadParser } from "../../postgres/statements";
import { loadCatalogue } from "../../releases/catalogue";
import { backOut, batchedSteps, fingerprint, stopHalfWay } from "./batch-cases";
import { apply, applyFailing, installation, query, revisionOf } from "./installation";

const small = { firstRows: 50, targetMs: 20, reportMs: 0 };

describe("batches: OctoLLM's own priority change", function () {
  this.timeout(60_000);
  let steps: { up: RevisionStep; down: RevisionStep };

  before(async () => {
    await loadParser();
    const own = (await loadCatalogue()).chain.find(({ revision }) => revision === "e4f5a6");
    assert.ok(own);
    const { up, down } = batchedSteps({ ...own, downRevision: "def456" });
    steps = { up, down };
  });

  const priorities = async (address: DatabaseAddress) =>
    new Map(
      (await query<{ id: string; priority: number }>(address, "SELECT id, priority FROM tasks ORDER BY id")).map(
        (row) => [row.id, row.priority],
      ),
    );
  const halfDone = (address: DatabaseAddress) =>
    withClient(
      address,
      { name: "test", readOnly: true },
      async (client) => (await readLedger(client)).unfinishedBatches,
    );

  it("doubles every priority once, stamps, and leaves nothing half-done", async () => {
    const address = await installation();
    const before = await priorities(address);
    const { results, lines } = await apply({ address, steps: [steps.up], batch: small });
    assert.equal(results[0]?.outcome, "applied");
    const after = await priorities(address);
    assert.deepEqual(
      [...after],
      [...before].map(([id, priority]) => [id, priority * 2]),
    );
    assert.equal(await revisionOf(address), "e4f5a6");
    assert.equal(await halfDone(address), null);
    assert.ok(
      lines.some((line) => /^e4f5a6: [\d,]+ of 1,000 rows done, [\d,]+ rows\/s, about \d+ s left$/.test(line)),
      lines.join("\n"),
    );
    const [row] = await query(
      address,
      "SELECT convalidated, pg_get_constraintdef(oid) AS def FROM pg_constraint WHERE conname = 'tasks_priority_check'",
    );
    assert.deepEqual(row, { convalidated: true, def: "CHECK (((priority >= 1) AND (priority <= 10)))" });
  });

  it("comes back with the odd priorities kept, and brings them back on the next way up", async () => {
    const address = await installation();
    const atFirst = await fingerprint(address);
    await apply({ address, steps: [steps.up], batch: small });
    await query(address, "UPDATE tasks SET priority = priority - 1 WHERE description LIKE '%7'");
    const onNewScale = await fingerprint(address);
    await apply({ address, steps: [steps.down], batch: small });
    assert.deepEqual(await fingerprint(address), atFirst);
    await apply({ address, steps: [steps.up], batch: small });
    assert.deepEqual(await fingerprint(address), onNewScale);
    assert.deepEqual(await query(address, "SELECT FROM octollm_upgrade.kept_values"), []);
  });

  it("goes on where it was cancelled, and no row is doubled or left out", async () => {
    const address = await installation();
    const before = await priorities(address);
    const cancel = new AbortController();
    const stop = (line: string) => line.includes("rows done") && cancel.abort(new Error("interrupted"));
    const { error } = await applyFailing({
      address,
      steps: [steps.up],
      batch: small,
      signal: cancel.signal,
      onLine: stop,
    });
    assert.equal(error.cancelled, true);
    assert.match(
      error.message,
      /Half-way, and not stamped: the database is at revision def456, and \d+ rows are in the form that e4f5a6 up gives/,
    );
    const state = await halfDone(address);
    assert.ok(state && state.rowsDone > 0 && state.rowsDone < 1000, JSON.stringify(state));
    const { lines } = await apply({ address, steps: [steps.up], batch: small });
    assert.ok(
      lines.some((line) => line.includes(`goes on after ${state.rowsDone} rows`)),
      lines.join("\n"),
    );
    assert.deepEqual(
      [...(await priorities(address))],
      [...before].map(([id, priority]) => [id, priority * 2]),
    );
  });

  it("undoes what stood half-way, in either direction, and can turn round again", async () => {
    const address = await installation();
    await apply({ address, steps: [steps.up], batch: small });
    await query(address, "UPDATE tasks SET priority = priority - 1 WHERE description LIKE '%3'");
    await apply({ address, steps: [steps.down], batch: small });
    const onOldScale = await fingerprint(address);
    await stopHalfWay(address, steps.up, small);
    await apply({ address, steps: [backOut(steps).down], batch: small });
    assert.deepEqual(await fingerprint(address), onOldScale);
    assert.equal(await halfDone(address), null);
    assert.equal(await revisionOf(address), "def456");
    await stopHalfWay(address, steps.up, small);
    await stopHalfWay(address, backOut(steps).down, small);
    await apply({ address, steps: [steps.up], batch: small });
    const onNewScale = await fingerprint(address);
    await stopHalfWay(address, steps.down, small);
    await apply({ address, steps: [backOut(steps).up], batch: small });
    assert.deepEqual(await fingerprint(address), onNewScale);
    await apply({ address, steps: [steps.down], batch: small });
    assert.deepEqual(await fingerprint(address), onOldScale);
  });
});
