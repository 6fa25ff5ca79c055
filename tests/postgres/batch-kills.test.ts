import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { makeReachable, PrivatePostgres } from "../../demo/private-postgres";
import type { RevisionStep } from "../../planner/plan";
import { type DatabaseAddress, parseDatabaseUrl } from "../../postgres/connection";
import { loadParser } from "../../postgres/statements";
import { backOut, batchedSteps, fingerprint, migrationOf } from "./batch-cases";
import type { ChildTask } from "./batch-child";
import { apply, applyFailing, installation, installOn, outsider, query, revisionOf, until } from "./installation";

const scale = () =>
  migrationOf(`-- up batched
-- before
ALTER TABLE tasks DROP CONSTRAINT IF EXISTS tasks_priority_check;
-- batch
UPDATE tasks SET priority = priority * 2 WHERE in_batch(tasks);
-- after
ALTER TABLE tasks ADD CONSTRAINT tasks_priority_check CHECK (priority BETWEEN 2 AND 10) NOT VALID;
ALTER TABLE tasks VALIDATE CONSTRAINT tasks_priority_check;
-- down batched
-- before
ALTER TABLE tasks DROP CONSTRAINT IF EXISTS tasks_priority_check;
-- batch
UPDATE tasks SET priority = priority / 2 WHERE in_batch(tasks);
-- after
ALTER TABLE tasks ADD CONSTRAINT tasks_priority_check CHECK (priority BETWEEN 1 AND 5) NOT VALID;
ALTER TABLE tasks VALIDATE CONSTRAINT tasks_priority_check;`);

const slow = { firstRows: 20, targetMs: 4, reportMs: 0 };

/** Runs a step in a process of its own, and kills that once it has said so many lines. @returns whether it got to its end */
async function killedAfter(task: ChildTask, lines: number): Promise<boolean> {
  const child = spawn(
    process.execPath,
    ["-r", resolve("boot/register.cjs"), join(__dirname, "batch-child.ts"), JSON.stringify(task)],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  let said = 0;
  child.stdout.on("data", (data: Buffer) => {
    said += data.toString().split("\n").length - 1;
    if (said >= lines) child.kill("SIGKILL");
  });
  return new Promise((resolveRun) => child.on("close", (code) => resolveRun(code === 0)));
}

describe("batches that are broken off", function () {
  this.timeout(120_000);
  before(loadParser);
  let steps: { up: RevisionStep; down: RevisionStep };
  before(() => {
    steps = batchedSteps(scale());
  });

  const doubled = async (address: DatabaseAddress) =>
    query(
      address,
      "SELECT count(*)::int AS rows, bool_and(tasks.priority = was.priority * 2) AS all FROM tasks JOIN was USING (id)",
    );

  it("by SIGKILL, again and again: the next run goes on, and each row is done once", async () => {
    const address = await installation();
    await query(address, "CREATE TABLE was AS SELECT id, priority FROM tasks");
    let kills = 0;
    while (!(await killedAfter({ address, step: steps.up }, 3 + kills * 2))) kills++;
    assert.ok(kills >= 2, `only ${kills} kills`);
    assert.deepEqual(await doubled(address), [{ rows: 1000, all: true }]);
    assert.equal(await revisionOf(address), "bbb111");
  });

  it("by SIGKILL, and then undone: every row is as it was", async () => {
    const address = await installation();
    const before = await fingerprint(address);
    assert.equal(await killedAfter({ address, step: steps.up }, 4), false);
    assert.notDeepEqual(await fingerprint(address), before);
    let kills = 0;
    while (!(await killedAfter({ address, step: backOut(steps).down }, 3 + kills * 2))) kills++;
    assert.deepEqual(await fingerprint(address), before);
    assert.equal(await revisionOf(address), "def456");
    assert.deepEqual(await query(address, "SELECT FROM octollm_upgrade.batches"), []);
  });

  it("by a session that is ended in the middle of a batch, which is rolled back", async () => {
    const address = await installation();
    await query(address, "CREATE TABLE was AS SELECT id, priority FROM tasks");
    let ended = 0;
    for (;;) {
      const end = (line: string) => {
        if (!line.includes("rows done") || ended > 3) return;
        ended++;
        void query(
          address,
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%revision bbb111%'",
        );
      };
      try {
        await apply({ address, steps: [steps.up], batch: slow, onLine: end });
        break;
      } catch (error) {
        assert.match(String(error), /Half-way, and not stamped/);
      }
    }
    assert.ok(ended > 0);
    assert.deepEqual(await doubled(address), [{ rows: 1000, all: true }]);
  });

  it("by a server that crashes, although commits of batches do not wait for the disk", async () => {
    const parent = mkdtempSync(join(tmpdir(), "octollm-crash-"));
    makeReachable(parent);
    const server = await PrivatePostgres.create(join(parent, "postgres"));
    try {
      server.createDatabase("octollm");
      const address = await installOn(parseDatabaseUrl(server.url("octollm")));
      await query(address, "CREATE TABLE was AS SELECT id, priority FROM tasks");
      let crashed = false;
      const crash = (line: string) => {
        if (crashed || !line.includes("rows done")) return;
        crashed = true;
        server.stop("immediate");
      };
      const { error } = await applyFailing({ address, steps: [steps.up], batch: slow, onLine: crash });
      assert.match(error.message, /The database does not answer now/);
      server.start();
      await apply({ address, steps: [steps.up], batch: slow });
      assert.deepEqual(await doubled(address), [{ rows: 1000, all: true }]);
    } finally {
      server.destroy();
      rmSync(parent, { recursive: true, force: true });
    }
  });

  it("by a statement after them that fails: the next run does only what is left", async () => {
    const address = await installation();
    await query(address, "CREATE TABLE was AS SELECT id, priority FROM tasks; CREATE TABLE log (what text)");
    const failing = migrationOf(`-- up batched
-- before
ALTER TABLE tasks DROP CONSTRAINT IF EXISTS tasks_priority_check;
INSERT INTO log VALUES ('before');
-- batch
UPDATE tasks SET priority = priority * 2 WHERE in_batch(tasks);
-- after
INSERT INTO log VALUES ('after');
SELECT 1 / (SELECT count(*) FROM mended);
INSERT INTO log VALUES ('last');
-- down batched
-- batch
UPDATE tasks SET priority = priority / 2 WHERE in_batch(tasks);`);
    const { up } = batchedSteps(failing);
    const { error } = await applyFailing({ address, steps: [up] });
    assert.match(
      error.message,
      /_x\.sql:18, statement 5 of 6:\n +ERROR: relation "mended" does not exist \(SQLSTATE 42P01\)\n +18 \| SELECT/,
    );
    assert.match(error.message, /SELECT 1 \/ \(SELECT count\(\*\) FROM mended\)\n +\^/);
    await query(address, "CREATE TABLE mended AS SELECT 1");
    await apply({ address, steps: [up] });
    assert.deepEqual(await query(address, "SELECT what FROM log"), [
      { what: "before" },
      { what: "after" },
      { what: "last" },
    ]);
    assert.deepEqual(await doubled(address), [{ rows: 1000, all: true }]);
  });

  it("are held up by a row that somebody has locked, and go on once it is free", async () => {
    const address = await installation();
    await query(address, "CREATE TABLE was AS SELECT id, priority FROM tasks");
    await outsider(address, async (client) => {
      await client.query("BEGIN; SELECT FROM tasks WHERE description = 'task 500' FOR UPDATE");
      const running = apply({ address, steps: [steps.up], batch: slow, lockTimeoutMs: 700, onLine: release });
      let free = false;
      function release(line: string): void {
        if (free || !line.includes("blocked by")) return;
        free = true;
        void client.query("ROLLBACK");
      }
      const { lines } = await running;
      assert.ok(
        lines.some((line) => /blocked by session \d+ of octollm \(some service\)/.test(line)),
        lines.join("\n"),
      );
    });
    assert.deepEqual(await doubled(address), [{ rows: 1000, all: true }]);
  });

  it("are split when they take too long, down to what the server can do", async () => {
    const address = await installation();
    await query(
      address,
      `DELETE FROM task_history; DELETE FROM tasks WHERE description !~ '[05]$'; CREATE TABLE was AS SELECT id, priority FROM tasks;
       CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.004); RETURN new; END';
       CREATE TRIGGER slow BEFORE UPDATE ON tasks FOR EACH ROW EXECUTE FUNCTION slow()`,
    );
    const { lines } = await apply({
      address,
      steps: [steps.up],
      batch: { firstRows: 200, targetMs: 400, timeoutMs: 500, reportMs: 0 },
    });
    assert.ok(
      lines.some((line) => /a batch took longer than 0\.5 s and was rolled back: 100 rows at a time now/.test(line)),
      lines.join("\n"),
    );
    assert.deepEqual(await doubled(address), [{ rows: 200, all: true }]);
  });

  it("stop with an error when a single row takes too long", async () => {
    const address = await installation();
    await query(
      address,
      `CREATE FUNCTION stuck() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN new; END';
       CREATE TRIGGER stuck BEFORE UPDATE ON tasks FOR EACH ROW EXECUTE FUNCTION stuck()`,
    );
    const { error } = await applyFailing({ address, steps: [steps.up], batch: { firstRows: 2, timeoutMs: 200 } });
    assert.equal(error.code, "57014");
    assert.equal(error.cancelled, false);
    await until(
      async () =>
        (
          await query(
            address,
            "SELECT FROM pg_stat_activity WHERE query LIKE '%UPDATE tasks%' AND state = 'active' AND pid <> pg_backend_pid()",
          )
        ).length === 0,
    );
  });
});
