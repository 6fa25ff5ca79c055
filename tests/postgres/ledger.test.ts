import assert from "node:assert/strict";

import { checkIndexes, checkInvariant, compareCounts } from "../../postgres/checks";
import { parseDatabaseUrl, withClient } from "../../postgres/connection";
import { countRows } from "../../postgres/counts";
import {
  closeFailed,
  closeSucceeded,
  ensureLedger,
  LedgerError,
  ledgerVersion,
  nextAttempt,
  openAttempt,
  readLedger,
  recordBackup,
  recordCounts,
  recordPhase,
} from "../../postgres/ledger";
import { ledgerMigrations } from "../../postgres/ledger-schema";
import { testDatabase } from "../support/postgres";
import { installation, newAttempt, outsider, query } from "./installation";

const test = { name: "test" };
const preview = { name: "preview", readOnly: true };

describe("the ledger", () => {
  it("reads as empty where there is none, also in a READ ONLY session", async () => {
    const ledger = await withClient(parseDatabaseUrl(await testDatabase()), preview, readLedger);
    assert.deepEqual(ledger, {
      schemaVersion: 0,
      lastAttempt: null,
      openAttempt: null,
      lastInstallation: null,
      lastSucceeded: null,
      lastWished: null,
      unfinishedBatches: null,
      appliedRevisions: [],
    });
    assert.equal(nextAttempt(ledger), 1);
  });

  it("is made once, however many make it at once", async () => {
    const address = parseDatabaseUrl(await testDatabase());
    await Promise.all(Array.from({ length: 6 }, () => withClient(address, test, ensureLedger)));
    assert.equal((await withClient(address, preview, readLedger)).schemaVersion, ledgerVersion);
  });

  it("of the first version of this program is read by a preview as it is, and brought up to date by the next up", async () => {
    const address = parseDatabaseUrl(await testDatabase());
    await query(address, ledgerMigrations[0] ?? "");
    await query(
      address,
      `INSERT INTO octollm_upgrade.attempts (attempt, stack, host, pid, program_version, plan_id, from_version, to_version,
         direction, status, finished_at) VALUES (1, 'dev', 'h', 1, '0.1.0', 'x', '0.1.0', '0.2.0', 'up', 'succeeded', now())`,
    );
    const old = await withClient(address, preview, readLedger);
    assert.deepEqual(
      [old.schemaVersion, old.lastSucceeded?.toVersion, old.lastSucceeded?.revision],
      [1, "0.2.0", null],
    );
    await withClient(address, test, async (client) => {
      await ensureLedger(client);
      assert.equal(await openAttempt(client, newAttempt), 2);
      await closeSucceeded(client, { attempt: 2, revision: "e4f5a6", environmentDigest: "0123456789ab" });
    });
    const { schemaVersion, lastSucceeded } = await withClient(address, preview, readLedger);
    assert.deepEqual(
      [schemaVersion, lastSucceeded?.revision, lastSucceeded?.environmentDigest],
      [ledgerVersion, "e4f5a6", "0123456789ab"],
    );
  });

  it("tells an attempt's story", async () => {
    const address = await installation();
    await withClient(address, test, async (client) => {
      await recordPhase(client, { attempt: 1, phase: "quiesce", status: "started" });
      await recordPhase(client, { attempt: 1, phase: "quiesce", status: "done", detail: "3 services" });
      await recordPhase(client, { attempt: 1, phase: "backup", status: "note" });
      await recordCounts(client, { attempt: 1, counts: { tasks: 1000 } });
      await recordBackup(client, { attempt: 1, backupId: "b1" });
      const { openAttempt: open } = await readLedger(client);
      assert.deepEqual(
        [open?.attempt, open?.phase, open?.counts, open?.backupId],
        [1, "quiesce", { tasks: 1000 }, "b1"],
      );
      await closeSucceeded(client, { attempt: 1, revision: "e4f5a6", environmentDigest: "0123456789ab" });
      const ledger = await readLedger(client);
      assert.equal(ledger.openAttempt, null);
      assert.equal(ledger.lastSucceeded?.attempt, 1);
      assert.equal(ledger.lastSucceeded.toVersion, "1.0.0");
      await assert.rejects(closeFailed(client, { attempt: 9, error: "it failed" }), LedgerError);
    });
    const events = await query(address, "SELECT phase, status, detail FROM octollm_upgrade.events ORDER BY id");
    assert.deepEqual(
      events.map(({ phase, status, detail }) => [phase, status, detail]),
      [
        ["quiesce", "started", null],
        ["quiesce", "done", "3 services"],
        ["backup", "note", null],
      ],
    );
  });

  it("supersedes an attempt that a dead run left open, and refuses a number that is taken", async () => {
    const address = await installation();
    await withClient(address, test, async (client) => {
      assert.equal(nextAttempt(await readLedger(client)), 2);
      assert.equal(await openAttempt(client, { ...newAttempt, expected: 2 }), 2);
      await assert.rejects(
        openAttempt(client, { ...newAttempt, expected: 2 }),
        /plan is for attempt 2, but the ledger is at attempt 3/,
      );
      const numbers = await Promise.all(
        Array.from({ length: 5 }, () => withClient(address, test, (other) => openAttempt(other, newAttempt))),
      );
      assert.deepEqual(numbers.sort(), [3, 4, 5, 6, 7]);
      const statuses = await query(
        address,
        "SELECT status, count(*)::int FROM octollm_upgrade.attempts GROUP BY 1 ORDER BY 1",
      );
      assert.deepEqual(
        statuses.map(({ status, count }) => [status, count]),
        [
          ["open", 1],
          ["superseded", 6],
        ],
      );
    });
  });

  it("tells attempts that moved the schema alone from those of the installation", async () => {
    const address = await installation();
    await withClient(address, test, async (client) => {
      const schema = { ...newAttempt, stack: "migrate", scope: "schema" as const };
      await closeSucceeded(client, { attempt: 1, revision: "def456", environmentDigest: "0123456789ab" });
      assert.equal(await openAttempt(client, schema), 2);
      await closeSucceeded(client, { attempt: 2, revision: "abc123", environmentDigest: null });
      const { lastAttempt, lastInstallation, lastSucceeded } = await readLedger(client);
      assert.deepEqual([lastAttempt?.attempt, lastInstallation?.attempt, lastSucceeded?.attempt], [2, 1, 1]);
      assert.deepEqual([lastAttempt?.scope, lastInstallation?.scope], ["schema", "installation"]);
    });
  });

  it("is left alone when a newer program has written it", async () => {
    const address = await installation();
    await query(address, "INSERT INTO octollm_upgrade.ledger (version) VALUES (99)");
    await assert.rejects(withClient(address, preview, readLedger), /written by a newer version/);
    await assert.rejects(withClient(address, test, ensureLedger), /written by a newer version/);
  });
});

describe("counts and checks", () => {
  it("count exactly, partitions and children once, the program's own tables never", async () => {
    const address = await installation();
    await query(
      address,
      `CREATE SCHEMA "Odd s"; CREATE TABLE "Odd s"."T" AS SELECT 1 AS one;
       CREATE TABLE part (id int) PARTITION BY RANGE (id); CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (1) TO (9);
       INSERT INTO part VALUES (1), (2); CREATE TABLE child () INHERITS (task_history); INSERT INTO child VALUES (DEFAULT)`,
    );
    const counts = await withClient(address, preview, countRows);
    assert.deepEqual(counts, { '"Odd s"."T"': 1, child: 1, part: 2, task_history: 1000, tasks: 1000 });
  });

  it("refuse to count what row security hides", async () => {
    const address = await installation();
    const name = `u_${Date.now().toString(36)}`;
    await query(
      address,
      `ALTER TABLE tasks ENABLE ROW LEVEL SECURITY; CREATE ROLE ${name} LOGIN PASSWORD 'reader'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${name}`,
    );
    await assert.rejects(
      withClient({ ...address, user: name, password: "reader" }, preview, countRows),
      /row-level security/,
    );
  });

  it("compare table by table", () => {
    assert.deepEqual(
      compareCounts({ a: 1, b: 2, gone: 3 }, { a: 1, b: 3, made: 4 }).map(({ check, passed, detail }) => [
        check,
        passed,
        detail,
      ]),
      [
        ["rows of a", true, "1 rows, as before"],
        ["rows of b", false, "2 rows before, 3 after"],
        ["rows of gone", false, "3 rows before, no table after"],
        ["rows of made", false, "no table rows before, 4 after"],
      ],
    );
  });

  it("judge invariants, and let none of them write", async () => {
    const address = await installation();
    await withClient(address, test, async (client) => {
      const judge = (violations: string) => checkInvariant(client, { name: "scale", violations });
      assert.deepEqual(await judge("SELECT count(*) FROM tasks WHERE priority > 5"), {
        check: "invariant: scale",
        passed: true,
        detail: "no violation",
      });
      assert.deepEqual((await judge("SELECT count(*) FROM tasks WHERE priority = 5")).detail, "200 rows violate it");
      assert.equal((await judge("SELECT 1, 2")).passed, false);
      await assert.rejects(judge("DELETE FROM tasks RETURNING 1"), { code: "25006" });
    });
  });

  it("find indexes that are missing or invalid", async () => {
    const address = await installation();
    await query(address, "CREATE INDEX good ON tasks (status); CREATE INDEX bad ON tasks (status)");
    await outsider(address, (client) =>
      client.query("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'bad'::regclass"),
    );
    const results = await withClient(address, preview, (client) =>
      checkIndexes(client, ["good", "public.bad", "none"]),
    );
    assert.deepEqual(
      results.map(({ passed, detail }) => [passed, detail]),
      [
        [true, "valid"],
        [false, "INVALID: a build was cut short"],
        [false, "does not exist"],
      ],
    );
  });
});
