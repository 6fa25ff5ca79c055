import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { makeReachable, PrivatePostgres } from "../../demo/private-postgres";
import type { RevisionStep } from "../../planner/plan";
import { type DatabaseAddress, parseDatabaseUrl } from "../../postgres/connection";
import { loadParser } from "../../postgres/statements";
import { batchedSteps, migrationOf } from "./batch-cases";
import { apply, applyFailing, installOn, query, until } from "./installation";

describe("batches beside a server that has trouble to keep up", function () {
  this.timeout(120_000);
  const parent = mkdtempSync(join(tmpdir(), "octollm-pressure-"));
  let server: PrivatePostgres;
  let standby: PrivatePostgres;
  let up: RevisionStep;

  before(async () => {
    await loadParser();
    makeReachable(parent);
    server = await PrivatePostgres.create(join(parent, "primary"), {
      archive_mode: "on",
      archive_command: "true",
      autovacuum_naptime: "1s",
      // Else the standby may tell only after ten seconds how far it is.
      wal_receiver_status_interval: "1s",
    });
    standby = await PrivatePostgres.standby(join(parent, "standby"), server);
    ({ up } = batchedSteps(
      migrationOf(`-- up batched
-- batch
UPDATE tasks SET description = description || repeat('x', 200) WHERE in_batch(tasks);
-- down batched
-- batch
UPDATE tasks SET description = left(description, -200) WHERE in_batch(tasks);`),
    ));
  });

  after(() => {
    standby.destroy();
    server.destroy();
    rmSync(parent, { recursive: true, force: true });
  });

  let count = 0;
  async function fresh(): Promise<DatabaseAddress> {
    const name = `octollm_${++count}`;
    server.createDatabase(name);
    return installOn(parseDatabaseUrl(server.url(name)));
  }
  const onStandby = (sql: string) => query(parseDatabaseUrl(standby.url("postgres")), sql);
  const caughtUp = (address: DatabaseAddress) =>
    until(
      async () =>
        (await query(address, "SELECT FROM pg_stat_replication WHERE replay_lsn >= pg_current_wal_flush_lsn()"))
          .length === 1,
    );
  // Without full pages, as right after a checkpoint, fifty rows come to some 15 kB of WAL.
  const small = { firstRows: 50, targetMs: 5, reportMs: 0, pauseMs: 2_000, lookMs: 0 };
  const right = async (address: DatabaseAddress) =>
    assert.deepEqual(
      await query(address, "SELECT bool_and(description LIKE '%' || repeat('x', 200)) AS all FROM tasks"),
      [{ all: true }],
    );

  it("wait while a standby is behind, and go on once it has caught up", async () => {
    const address = await fresh();
    await caughtUp(address);
    await onStandby("SELECT pg_wal_replay_pause()");
    let resumed = false;
    const resume = (line: string) => {
      if (resumed || !/pauses: walreceiver is \d+ \w+ behind/.test(line)) return;
      resumed = true;
      void onStandby("SELECT pg_wal_replay_resume()");
    };
    await apply({ address, steps: [up], batch: { ...small, lagBytes: 2_000, pauseMs: 60_000 }, onLine: resume });
    assert.ok(resumed);
    await right(address);
  });

  it("stop when the standby never catches up, and say which it is and what to do", async () => {
    const address = await fresh();
    await caughtUp(address);
    await onStandby("SELECT pg_wal_replay_pause()");
    try {
      const { error } = await applyFailing({ address, steps: [up], batch: { ...small, lagBytes: 2_000 } });
      assert.match(
        error.message,
        /walreceiver is \d+ \w+ behind, and it did not get less in [23] s\. .*let the standby catch up/,
      );
      assert.match(error.message, /Half-way, and not stamped/);
    } finally {
      await onStandby("SELECT pg_wal_replay_resume()");
    }
    await caughtUp(address);
    await apply({ address, steps: [up], batch: small });
    await right(address);
  });

  it("do not pile up WAL for a slot that nobody reads; what it held back before is not theirs", async () => {
    const address = await fresh();
    await query(address, "SELECT pg_create_physical_replication_slot('forgotten', true)");
    await query(address, "CREATE TABLE filler AS SELECT repeat('x', 100) FROM generate_series(1, 5000)");
    const { error } = await applyFailing({ address, steps: [up], batch: { ...small, backlogBytes: 5_000 } });
    assert.match(error.message, /replication slot forgotten holds back \d+ \w+ of WAL, .*pg_drop_replication_slot/);
    await query(address, "SELECT pg_drop_replication_slot('forgotten')");
    await apply({ address, steps: [up], batch: { ...small, backlogBytes: 5_000 } });
    await right(address);
  });

  it("wait for an archive that does not keep up", async () => {
    const address = await fresh();
    await query(address, "ALTER SYSTEM SET archive_command = 'false'");
    await query(address, "SELECT pg_reload_conf()");
    let switched = 0;
    const fill = (line: string) => {
      if (!line.includes("rows done") || switched++ > 2) return;
      void query(address, "SELECT pg_switch_wal()");
    };
    try {
      const { error } = await applyFailing({
        address,
        steps: [up],
        batch: { ...small, firstRows: 10, backlogBytes: 1 },
        onLine: fill,
      });
      assert.match(error.message, /\d+ MB of WAL wait to be archived, .*put archive_command right/);
    } finally {
      await query(address, "ALTER SYSTEM SET archive_command = 'true'");
      await query(address, "SELECT pg_reload_conf()");
    }
    await apply({ address, steps: [up], batch: small });
    await right(address);
  });

  it("make room for autovacuum of their table, but not for ever", async () => {
    const address = await fresh();
    await query(
      address,
      `ALTER TABLE tasks SET (autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1, autovacuum_vacuum_threshold = 1,
         autovacuum_vacuum_scale_factor = 0); UPDATE tasks SET status = 'x'`,
    );
    await until(
      async () =>
        (await query(address, "SELECT FROM pg_stat_progress_vacuum WHERE datname = current_database()")).length > 0,
    );
    const { lines } = await apply({ address, steps: [up], batch: { ...small, vacuumPauseMs: 1_000 } });
    assert.ok(lines.includes("bbb111: pauses: autovacuum works on tasks"), lines.join("\n"));
    await right(address);
  });
});
