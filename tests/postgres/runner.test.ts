import assert from "node:assert/strict";
import { type AddressInfo, connect, createServer } from "node:net";

import { type DatabaseAddress, withClient } from "../../postgres/connection";
import { readLedger } from "../../postgres/ledger";
import {
  apply,
  applyFailing,
  createIndex,
  dropIndex,
  installation,
  outsider,
  query,
  revisionOf,
  scalePriorities,
  step,
  unscalePriorities,
  until,
} from "./installation";

const priorities = (address: DatabaseAddress) =>
  query<{ id: string; priority: number }>(address, "SELECT id, priority FROM tasks ORDER BY id");

const sessionOf = async (address: DatabaseAddress, name: string, condition = "true") =>
  (
    await query<{ pid: number }>(
      address,
      `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE '%${name}%' AND ${condition}`,
    )
  )[0]?.pid;

/** Passes everything on to the server, but cuts a connection once it has passed on a COMMIT. */
async function proxyThatLosesCommits({ host, port }: DatabaseAddress): Promise<{ port: number; close: () => void }> {
  const server = createServer((client) => {
    const upstream = connect(port, host);
    upstream.on("data", (data) => client.write(data));
    client.on("data", (data) => {
      upstream.write(data);
      if (!data.includes("COMMIT\0")) return;
      upstream.removeAllListeners("data");
      setTimeout(() => client.destroy(), 200);
    });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

describe("the runner: revisions in one transaction", () => {
  it("doubles the priorities, stamps, and writes the ledger with the way back", async () => {
    const address = await installation();
    const before = await priorities(address);
    const { results } = await apply({ address, steps: [scalePriorities] });
    assert.deepEqual(
      results.map(({ revision, direction, outcome }) => [revision, direction, outcome]),
      [["e4f5a6", "up", "applied"]],
    );
    assert.deepEqual(
      await priorities(address),
      before.map(({ id, priority }) => ({ id, priority: priority * 2 })),
    );
    assert.equal(await revisionOf(address), "e4f5a6");
    const ledger = await withClient(address, { name: "test", readOnly: true }, readLedger);
    assert.deepEqual(
      ledger.appliedRevisions.map(({ revision, downRevision, attempt, downSql }) => [
        revision,
        downRevision,
        attempt,
        downSql,
      ]),
      [["e4f5a6", "def456", 1, unscalePriorities.sql.join("\n")]],
    );
  });

  it("restores odd priorities after up, down and up, except of a task that changed meanwhile", async () => {
    const address = await installation();
    await apply({ address, steps: [scalePriorities] });
    await query(address, "UPDATE tasks SET priority = priority - 1 WHERE description LIKE '%7'");
    const onNewScale = await priorities(address);
    const { results } = await apply({ address, steps: [unscalePriorities] });
    assert.equal(results[0]?.outcome, "applied");
    const [changed] = await query<{ id: string }>(
      address,
      "UPDATE tasks SET priority = 5 WHERE id = (SELECT id FROM tasks WHERE priority = 1 AND description LIKE '%7' LIMIT 1) RETURNING id",
    );
    await apply({ address, steps: [scalePriorities] });
    const expected = onNewScale.map((row) => (row.id === changed?.id ? { ...row, priority: 10 } : row));
    assert.deepEqual(await priorities(address), expected);
    assert.deepEqual(await query(address, "SELECT * FROM octollm_upgrade.kept_values"), []);
    const history = await query(address, "SELECT undone_attempt FROM octollm_upgrade.revisions ORDER BY id");
    assert.deepEqual(history, [{ undone_attempt: 1 }, { undone_attempt: null }]);
  });

  it("does nothing twice", async () => {
    const address = await installation();
    await apply({ address, steps: [createIndex] });
    const first = await priorities(address);
    const again = await apply({ address, steps: [createIndex] });
    assert.equal(again.results[0]?.outcome, "already there");
    assert.deepEqual(await priorities(address), first);
    assert.equal((await query(address, "SELECT FROM octollm_upgrade.revisions")).length, 1);
  });

  it("makes alembic_version for the base revision, and empties it on the way back", async () => {
    const address = await installation();
    await query(address, "DROP TABLE alembic_version");
    const base = step({ revision: "def456", before: null, after: "def456", sql: ["CREATE TABLE base (id int);"] });
    await apply({ address, steps: [base] });
    assert.equal(await revisionOf(address), "def456");
    const back = step({ ...base, direction: "down", before: "def456", after: null, sql: ["DROP TABLE base;"] });
    await apply({ address, steps: [back] });
    assert.equal(await revisionOf(address), undefined);
  });

  it("refuses a database at another revision, naming it, and changes nothing", async () => {
    const address = await installation({ revision: "fff999" });
    const { error } = await applyFailing({ address, steps: [scalePriorities] });
    assert.match(error.message, /from def456 to e4f5a6, but alembic_version says fff999/);
    assert.match(error.message, /npx octollm preview/);
    assert.equal(await revisionOf(address), "fff999");
  });

  it("rolls back when a statement in the middle fails, and points at the place", async () => {
    const address = await installation();
    const before = await priorities(address);
    const broken = step({
      line: 11,
      sql: [
        "UPDATE tasks SET priority = 1;",
        "-- é ✓",
        "UPDATE tasks SET status = 'é✓',",
        "\tno_such = 2;",
        "SELECT 1;",
      ],
    });
    const { error } = await applyFailing({ address, steps: [broken] });
    assert.equal(
      error.message,
      [
        "Revision aaa111 (a revision), going up, failed:",
        "  1.0.0/migrations/aaa111_a_revision.sql:14, statement 2 of 3:",
        '  ERROR: column "no_such" of relation "tasks" does not exist (SQLSTATE 42703)',
        "    14 | \tno_such = 2",
        "         \t^",
        "Rolled back: the database is at revision def456, nothing of this revision stands.",
        "Next: npx octollm status, then npx octollm up once the cause is mended.",
      ].join("\n"),
    );
    assert.deepEqual(await priorities(address), before);
  });

  it("says which revisions of the run stand when a later one fails", async () => {
    const address = await installation();
    const second = step({ revision: "bbb222", before: "abc123", after: "bbb222", sql: ["SELECT 1/0;"] });
    const { error } = await applyFailing({ address, steps: [createIndex, second] });
    assert.deepEqual(
      error.results.map(({ revision }) => revision),
      ["abc123"],
    );
    assert.match(error.message, /committed: abc123 \(applied\)/);
    assert.equal(error.code, "22012");
    assert.equal(await revisionOf(address), "abc123");
  });

  it("does not quote rows of the installation in its errors", async () => {
    const address = await installation();
    const broken = step({ sql: ["INSERT INTO tasks (description, priority) VALUES ('sk-very-secret', 99);"] });
    const { error } = await applyFailing({ address, steps: [broken] });
    assert.match(error.message, /tasks_priority_check/);
    assert.doesNotMatch(error.message.replace(/^.* \| .*$/m, ""), /sk-very-secret/);
    assert.doesNotMatch(JSON.stringify(error), /sk-very-secret/);
  });

  it("retries behind a long reader, and then refuses, naming it, with nothing changed", async () => {
    const address = await installation();
    await outsider(address, async (reader) => {
      await reader.query("BEGIN; SELECT count(*) FROM tasks");
      const { rows } = await reader.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
      const { error, lines } = await applyFailing({
        address,
        steps: [scalePriorities],
        lockTimeoutMs: 700,
        retries: 2,
      });
      assert.match(error.message, /did not get its lock in 3 tries of 0\.7 s/);
      assert.ok(error.message.includes(`session ${rows[0]?.pid} of octollm (some service)`), error.message);
      assert.match(error.message, /Rolled back: the database is at revision def456/);
      assert.equal(error.code, "55P03");
      assert.equal(lines.filter((line) => /blocked by .*some service.*retry \d of 2/.test(line)).length, 2);
      await reader.query("ROLLBACK");
    });
    assert.equal(await revisionOf(address), "def456");
  });

  it("gets through once the long reader has gone", async () => {
    const address = await installation();
    await outsider(address, async (reader) => {
      await reader.query("BEGIN; SELECT count(*) FROM tasks");
      const applying = apply({ address, steps: [scalePriorities], lockTimeoutMs: 300, retries: 10 });
      setTimeout(() => void reader.query("ROLLBACK"), 900);
      assert.equal((await applying).results[0]?.outcome, "applied");
    });
  });

  it("leaves the old revision when its session is killed in the middle", async () => {
    const address = await installation();
    const slow = step({ sql: ["UPDATE tasks SET priority = 1;", "SELECT pg_sleep(30);"] });
    const failing = applyFailing({ address, steps: [slow] });
    await until(async () => (await sessionOf(address, "revision aaa111", "query LIKE '%pg_sleep%'")) !== undefined);
    await query(address, `SELECT pg_terminate_backend(${await sessionOf(address, "revision aaa111")})`);
    const { error } = await failing;
    assert.match(error.message, /Rolled back: the database is at revision def456/);
    assert.equal((await query(address, "SELECT FROM tasks WHERE priority = 1")).length, 200);
  });

  it("takes the answer from the database when the answer to COMMIT is lost on the way", async () => {
    const address = await installation();
    const { port, close } = await proxyThatLosesCommits(address);
    try {
      const { results } = await apply({ address: { ...address, port }, steps: [scalePriorities] });
      assert.equal(results[0]?.outcome, "applied");
    } finally {
      close();
    }
    assert.equal(await revisionOf(address), "e4f5a6");
    assert.equal((await query(address, "SELECT FROM octollm_upgrade.revisions")).length, 1);
  });

  it("says that it was rolled back when the server dies within COMMIT", async () => {
    const address = await installation();
    await query(
      address,
      `CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
       CREATE CONSTRAINT TRIGGER die AFTER UPDATE ON tasks DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()`,
    );
    const dying = step({ sql: ["UPDATE tasks SET status = 'x' WHERE id = (SELECT id FROM tasks LIMIT 1);"] });
    const { error } = await applyFailing({ address, steps: [dying] });
    assert.match(error.message, /Rolled back: the database is at revision def456/);
  });

  it("cancels the running statement on the server when asked, and says what stands", async () => {
    const address = await installation();
    const cancel = new AbortController();
    const slow = step({ sql: ["UPDATE tasks SET priority = 1;", "SELECT pg_sleep(60);"] });
    const failing = applyFailing({ address, steps: [slow], signal: cancel.signal });
    await until(async () => (await sessionOf(address, "revision aaa111", "query LIKE '%pg_sleep%'")) !== undefined);
    const started = Date.now();
    cancel.abort(new Error("interrupted by the operator"));
    const { error } = await failing;
    assert.ok(Date.now() - started < 3_000);
    assert.equal(error.cancelled, true);
    assert.match(
      error.message,
      /was cancelled: interrupted by the operator\nRolled back: the database is at revision def456/,
    );
    assert.equal(await sessionOf(address, "octollm-upgrade"), undefined);
  });
});

describe("the runner: indexes that are built concurrently", () => {
  const build = (address: DatabaseAddress) => apply({ address, steps: [createIndex] });
  const index = async (address: DatabaseAddress) =>
    (
      await query<{ oid: number; indisvalid: boolean }>(
        address,
        "SELECT indexrelid::int AS oid, indisvalid FROM pg_index WHERE indexrelid = to_regclass('idx_tasks_status_priority')",
      )
    )[0];

  it("builds and drops them, each with its stamp", async () => {
    const address = await installation();
    await build(address);
    assert.equal((await index(address))?.indisvalid, true);
    assert.equal(await revisionOf(address), "abc123");
    await apply({ address, steps: [dropIndex] });
    assert.equal(await index(address), undefined);
    assert.equal(await revisionOf(address), "def456");
  });

  it("drops an INVALID index that was left behind, and builds it anew", async () => {
    const address = await installation();
    await query(address, "CREATE INDEX idx_tasks_status_priority ON tasks (status, priority DESC)");
    await query(
      address,
      "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_tasks_status_priority'::regclass",
    );
    const left = await index(address);
    const { lines } = await build(address);
    assert.ok(lines.some((line) => line.includes("is INVALID")));
    const made = await index(address);
    assert.equal(made?.indisvalid, true);
    assert.notEqual(made.oid, left?.oid);
  });

  it("stamps an index that stands already as intended, without building it again", async () => {
    const address = await installation();
    await query(
      address,
      "CREATE INDEX idx_tasks_status_priority ON public.tasks USING btree (status, priority DESC NULLS FIRST)",
    );
    const left = await index(address);
    await build(address);
    assert.deepEqual(await index(address), left);
    assert.equal(await revisionOf(address), "abc123");
  });

  it("refuses an index of that name with another definition, and shows both", async () => {
    const address = await installation();
    await query(address, "CREATE INDEX idx_tasks_status_priority ON tasks (priority)");
    const { error } = await applyFailing({ address, steps: [createIndex] });
    assert.match(
      error.message,
      /it is: +CREATE INDEX idx_tasks_status_priority ON public\.tasks USING btree \(priority\)/,
    );
    assert.match(
      error.message,
      /it should be: CREATE INDEX idx_tasks_status_priority ON tasks USING btree \(status, priority DESC\)/,
    );
    assert.match(error.message, /still at revision def456/);
    assert.equal(await revisionOf(address), "def456");
  });

  it("refuses a table that has the index's name", async () => {
    const address = await installation();
    await query(address, "CREATE TABLE idx_tasks_status_priority (id int)");
    const { error } = await applyFailing({ address, steps: [createIndex] });
    assert.match(error.message, /it is: +no index/);
  });

  it("gives up behind a long reader after its time limit; the next run builds it", async () => {
    const address = await installation();
    await outsider(address, async (reader) => {
      await reader.query(
        "BEGIN ISOLATION LEVEL REPEATABLE READ; UPDATE tasks SET status = status WHERE false; SELECT count(*) FROM tasks",
      );
      const { error, lines } = await applyFailing({ address, steps: [createIndex], concurrentlyTimeoutMs: 2_500 });
      assert.equal(error.code, "57014");
      assert.match(error.message, /Not stamped: the database is at revision def456/);
      assert.ok(
        lines.some((line) => /waits for .*some service/.test(line)),
        lines.join("\n"),
      );
      await reader.query("ROLLBACK");
    });
    await build(address);
    assert.equal((await index(address))?.indisvalid, true);
  });

  it("removes the INVALID remains of a unique index that could not be built", async () => {
    const address = await installation();
    const unique = step({
      transaction: "none",
      sql: ["CREATE UNIQUE INDEX CONCURRENTLY only_one ON public.tasks (status) WHERE status <> 'done';"],
    });
    const { error } = await applyFailing({ address, steps: [unique] });
    assert.equal(error.code, "23505");
    assert.deepEqual(await query(address, "SELECT FROM pg_class WHERE relname = 'only_one'"), []);
  });

  it("goes on after a run that died between index and stamp, and between drop and stamp", async () => {
    const address = await installation();
    await query(address, "CREATE INDEX CONCURRENTLY idx_tasks_status_priority ON tasks (status, priority DESC)");
    const firmly = {
      ...createIndex,
      sql: ["CREATE INDEX CONCURRENTLY idx_tasks_status_priority ON tasks (status, priority DESC)"],
    };
    await apply({ address, steps: [firmly] });
    await query(address, "DROP INDEX idx_tasks_status_priority");
    await apply({ address, steps: [{ ...dropIndex, sql: ["DROP INDEX CONCURRENTLY idx_tasks_status_priority"] }] });
    assert.equal(await revisionOf(address), "def456");
  });
});
