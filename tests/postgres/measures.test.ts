import assert from "node:assert/strict";

import { parseDatabaseUrl, withClient } from "../../postgres/connection";
import { ensureLedger } from "../../postgres/ledger";
import { carryHistory, readHistory } from "../../postgres/ledger-restore";
import { readMeasures, readWorkloads } from "../../postgres/measures";
import { loadParser, parseScript } from "../../postgres/statements";
import { testDatabase } from "../support/postgres";
import { apply, createIndex, installation, newAttempt, outsider, query, scalePriorities } from "./installation";

describe("the measures of an upgrade", () => {
  before(loadParser);

  it("are how long each statement that works on a table took, and on how much", async () => {
    const address = await installation();
    await apply({ address, steps: [createIndex, { ...scalePriorities, before: "abc123" }] });
    const [size] = await query<{ bytes: number; rows: number }>(
      address,
      "SELECT pg_total_relation_size('tasks')::float8 AS bytes, (SELECT count(*)::float8 FROM tasks) AS rows",
    );
    const measures = await withClient(address, { name: "test", readOnly: true }, readMeasures);
    assert.deepEqual(
      measures.map(({ attempt, revision, direction, statement, work, relation }) => [
        `${attempt} ${revision} ${direction}`,
        statement,
        `${work} ${relation}`,
      ]),
      [
        ["1 e4f5a6 up", 3, "changes octollm_upgrade.kept_values"],
        ["1 e4f5a6 up", 2, "changes tasks"],
        ["1 e4f5a6 up", 1, "rewrites tasks"],
        ["1 abc123 up", 1, "builds tasks"],
      ],
    );
    for (const { milliseconds, bytes, relation } of measures.filter((one) => one.relation === "tasks")) {
      assert.ok(milliseconds >= 0 && milliseconds < 60_000, relation);
      assert.ok(bytes > 0.5 * (size?.bytes ?? 0) && bytes < 2 * (size?.bytes ?? 0), `${bytes} of ${size?.bytes}`);
    }
  });

  it("do not wait for the size of a table that somebody holds, and leave it out then", async () => {
    const address = await installation();
    const [statement] = parseScript("UPDATE tasks SET priority = 1");
    await outsider(address, async (holder) => {
      await holder.query("BEGIN; LOCK TABLE tasks");
      await withClient(address, { name: "test" }, async (client) => {
        assert.deepEqual(await readWorkloads(client, statement ? [statement] : []), [null]);
        const { rows } = await client.query<{ limit: string }>("SELECT current_setting('lock_timeout') AS limit");
        assert.equal(rows[0]?.limit, "0");
      });
      await holder.query("ROLLBACK");
    });
  });

  it("outlive the restore of a backup that does not have them, and a ledger that has none", async () => {
    const before = parseDatabaseUrl(await testDatabase());
    const address = await installation();
    await apply({ address, steps: [createIndex] });
    const read = { name: "test", readOnly: true };
    const known = await withClient(address, read, readMeasures);
    assert.equal(known.length, 1);
    const history = await withClient(address, { name: "test" }, readHistory);
    await withClient(before, { name: "test" }, async (client) => {
      await ensureLedger(client);
      assert.deepEqual(await readMeasures(client), []);
      await carryHistory(client, history, { number: 1, opened: newAttempt, backup: "b", wish: null });
      assert.deepEqual(await readMeasures(client), known);
    });
    await query(address, "DROP TABLE octollm_upgrade.measures");
    assert.deepEqual(await withClient(address, read, readMeasures), []);
    assert.deepEqual((await withClient(address, { name: "test" }, readHistory)).measures, []);
  });
});
