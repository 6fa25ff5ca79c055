import assert from "node:assert/strict";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

import { type DatabaseAddress, withClient } from "../../postgres/connection";
import { loadParser } from "../../postgres/statements";
import { batchedSteps, migrationOf } from "./batch-cases";
import { apply, applyFailing, installation, query } from "./installation";

const online = { writers: "online", previous_code: "runs", phase: "post" };

/** Clients that write rows of the old form until they are told to stop. */
async function writing<T>(
  address: DatabaseAddress,
  insert: string,
  body: () => Promise<T>,
): Promise<{ result: T; written: number }> {
  let over = false;
  let written = 0;
  const clients = Array.from({ length: 3 }, () =>
    withClient(address, { name: "writer" }, async (client) => {
      while (!over) {
        await client.query(insert);
        written++;
        await sleep(2);
      }
    }),
  );
  try {
    return { result: await body(), written };
  } finally {
    over = true;
    await Promise.all(clients);
  }
}

describe("batches beside writers", function () {
  this.timeout(60_000);
  before(loadParser);
  const batch = { firstRows: 100, targetMs: 20, reportMs: 0 };

  it("with a predicate leave no row of the old form, and double none", async () => {
    const address = await installation();
    await query(address, "ALTER TABLE tasks ADD COLUMN urgency integer, ADD COLUMN times integer NOT NULL DEFAULT 0");
    const { up } = batchedSteps(
      migrationOf(
        `-- up batched
-- predicate: urgency IS NULL AND created_at < '2200-01-01'
-- batch
UPDATE tasks SET urgency = priority * 2, times = times + 1 WHERE in_batch(tasks);
-- down batched
-- batch
UPDATE tasks SET urgency = NULL WHERE in_batch(tasks);`,
        online,
      ),
    );
    const release = new AbortController();
    // The old release writes while the rows are walked, and is gone before the last look.
    const writers = writing(address, "INSERT INTO tasks (description, priority) VALUES ('new', 2)", () =>
      once(release.signal, "abort"),
    );
    const stop = (line: string) => line.includes("rows done") && release.abort();
    const { lines } = await apply({ address, steps: [up], batch, onLine: stop }).finally(() => release.abort());
    const { written } = await writers;
    assert.ok(written > 0);
    const all = "SELECT max(times) AS most, bool_and(urgency = priority * 2) AS right FROM tasks";
    assert.deepEqual(await query(address, all), [{ most: 1, right: true }], lines.join("\n"));
    await query(address, "UPDATE alembic_version SET version_num = 'def456'");
    await apply({ address, steps: [up], batch });
    assert.deepEqual(await query(address, all), [{ most: 1, right: true }]);
  });

  it("refuse a predicate that still holds for rows that are done, with the batch rolled back", async () => {
    const address = await installation();
    const { up } = batchedSteps(
      migrationOf(
        `-- up batched
-- predicate: priority < 6
-- batch
UPDATE tasks SET priority = priority + 1 WHERE in_batch(tasks) AND priority < 5;
-- down batched
-- batch
UPDATE tasks SET priority = priority - 1 WHERE in_batch(tasks);`,
        online,
      ),
    );
    const before = await query(address, "SELECT sum(priority) FROM tasks");
    const { error } = await applyFailing({ address, steps: [up], batch });
    assert.match(error.message, /its predicate still holds for \d+ rows of a batch that was done/);
    assert.deepEqual(await query(address, "SELECT sum(priority) FROM tasks"), before);
  });

  it("fill a new column that a trigger fills in new rows, and none is left empty", async () => {
    const address = await installation();
    await query(
      address,
      `CREATE FUNCTION fill_urgency() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN new.urgency := new.priority * 2; RETURN new; END'`,
    );
    const { up, down } = batchedSteps(
      migrationOf(
        `-- up batched
-- before
ALTER TABLE tasks ADD COLUMN IF NOT EXISTS urgency integer;
CREATE OR REPLACE TRIGGER fill_urgency BEFORE INSERT OR UPDATE ON tasks FOR EACH ROW EXECUTE FUNCTION fill_urgency();
-- batch
UPDATE tasks SET urgency = priority * 2 WHERE in_batch(tasks);
-- after
ALTER TABLE tasks ADD CONSTRAINT tasks_urgency_set CHECK (urgency IS NOT NULL) NOT VALID;
ALTER TABLE tasks VALIDATE CONSTRAINT tasks_urgency_set;
-- down batched
-- before
ALTER TABLE tasks DROP CONSTRAINT IF EXISTS tasks_urgency_set;
-- batch
UPDATE tasks SET status = status WHERE in_batch(tasks) AND false;
-- after
DROP TRIGGER fill_urgency ON tasks;
ALTER TABLE tasks DROP COLUMN urgency;`,
        online,
      ),
    );
    const { written } = await writing(address, "INSERT INTO tasks (description, priority) VALUES ('new', 2)", () =>
      apply({ address, steps: [up], batch }),
    );
    assert.ok(written > 0);
    assert.deepEqual(await query(address, "SELECT bool_and(urgency = priority * 2) AS right FROM tasks"), [
      { right: true },
    ]);
    await apply({ address, steps: [down], batch });
  });
});
