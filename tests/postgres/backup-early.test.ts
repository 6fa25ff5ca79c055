import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { backupInstallation, type BackupOptions, changeSince } from "../../backup/backup";
import { withClient } from "../../postgres/connection";
import { installation, query } from "./installation";

describe("a backup that was made before the services stopped", () => {
  let root: string;
  before(() => (root = mkdtempSync(join(tmpdir(), "octollm-early-"))));
  after(() => rmSync(root, { recursive: true }));

  async function site(): Promise<BackupOptions> {
    const home = mkdtempSync(join(root, "site-"));
    mkdirSync(join(home, "config"));
    writeFileSync(join(home, "config", "planner.yaml"), "model: small\n");
    writeFileSync(join(home, ".env"), "POSTGRES_PASSWORD=not-a-real-password\n");
    const address = await installation();
    await query(address, "CREATE SEQUENCE numbers");
    const about = { release: "0.1.0", revision: "def456", planId: "0123456789ab", attempt: 1, jobs: 2 };
    const unproven = { verify: "checksums" as const, invariants: [], recipients: [], inside: null };
    return {
      ...{ address, folder: join(home, "backups"), id: "b1", envFile: join(home, ".env") },
      ...{ configFolder: join(home, "config"), ...about, ...unproven },
      ...{ progress: () => undefined, signal: new AbortController().signal },
    };
  }

  async function changeAfter(what: (at: BackupOptions) => Promise<unknown> | void): Promise<string | null> {
    const at = await site();
    const { state } = await backupInstallation(at);
    await what(at);
    return changeSince(at, state);
  }

  const written: readonly [string, string][] = [
    ["inserted", "INSERT INTO tasks (id, description, status) VALUES (gen_random_uuid(), 'late', 'pending')"],
    ["changed", "UPDATE tasks SET description = description WHERE id = (SELECT id FROM tasks LIMIT 1)"],
    ["deleted", "DELETE FROM task_history; DELETE FROM tasks"],
  ];
  for (const [name, sql] of written)
    it(`counts no more when a row was ${name}`, async () => {
      assert.match((await changeAfter(({ address }) => query(address, sql))) ?? "", /\btasks\b/);
    });

  it("counts no more when a row was changed and frozen since, whose number says less then", async () => {
    const change = await changeAfter(async ({ address }) => {
      await query(address, "UPDATE tasks SET description = 'late'");
      await query(address, "VACUUM (FREEZE, FULL) tasks");
    });
    assert.equal(change, "tasks");
  });

  it("counts no more when a sequence has moved, an object or a role's right has changed, or a file", async () => {
    const changes = [
      await changeAfter(({ address }) => query(address, "SELECT nextval('numbers')")),
      await changeAfter(({ address }) => query(address, "CREATE INDEX late ON tasks (description)")),
      await changeAfter(({ address }) => query(address, "GRANT SELECT ON tasks TO PUBLIC")),
      await changeAfter(({ envFile }) => appendFileSync(envFile as string, "LATE=1\n")),
      await changeAfter(({ configFolder = "" }) => writeFileSync(join(configFolder, "late.yaml"), "")),
    ];
    const files = "the installation's files";
    assert.deepEqual(changes, ["public.numbers", "the schema", "the schema", files, files]);
  });

  it("counts no more when a transaction was under way as it began, whatever that did", async () => {
    const at = await site();
    const { state } = await withClient(at.address, { name: "writer" }, async (client) => {
      await client.query("BEGIN; SELECT pg_current_xact_id()");
      await query(at.address, "UPDATE tasks SET description = 'early' WHERE priority = 1");
      const made = await backupInstallation(at);
      await client.query("ROLLBACK");
      return made;
    });
    assert.equal(await changeSince(at, state), "a transaction that was under way");
  });

  it("counts while nobody has written, whatever the server has done of itself", async () => {
    const change = await changeAfter(async ({ address }) => {
      await query(address, "VACUUM (FREEZE, ANALYZE)");
      await query(address, "SELECT count(*) FROM tasks");
      await withClient(address, { name: "writer" }, async (client) => {
        await client.query("BEGIN; UPDATE tasks SET description = 'never'; ROLLBACK");
      });
    });
    assert.equal(change, null);
  });
});
