import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { type Fingerprint, fingerprint } from "../../demo/installation";
import { Installed } from "../support/installed";
import { runPhases } from "../support/phases";

describe("a restore by a role that may not make databases", function () {
  this.timeout(60_000);
  let installed: Installed;
  let original: Fingerprint;
  let backup: string;

  const database = () => new URL(installed.databaseUrl).pathname.slice(1);
  const role = () => `plain_${database()}`;

  before(async () => {
    installed = await Installed.create();
    await installed.sql(
      `CREATE ROLE ${role()} LOGIN PASSWORD 'plain-secret'; ALTER DATABASE ${database()} OWNER TO ${role()}`,
    );
    await installed.sql(
      `DO $$ DECLARE line text; BEGIN FOR line IN SELECT format('ALTER %s %I OWNER TO ${role()}', CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, relname)
         FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v') LOOP EXECUTE line; END LOOP; END $$`,
    );
    const env = readFileSync(installed.installation.env, "utf8");
    const { password } = new URL(installed.databaseUrl);
    writeFileSync(installed.installation.env, env.replaceAll(`octollm:${password}@`, `${role()}:plain-secret@`));
    original = await fingerprint(installed.databaseUrl);
    await runPhases({ site: installed.site, version: "0.1.0", emptyStack: true });
    const { progress } = await runPhases({ site: installed.site, version: "1.0.0" });
    backup = progress.backup?.id ?? "";
  });
  after(async () => {
    await installed?.remove();
  });

  it("replaces all that is in the database in one transaction, with nothing left of what was made since", async () => {
    await installed.sql(
      `SET ROLE ${role()}; CREATE SCHEMA since; CREATE TABLE since.t (id int); CREATE TABLE since2 (id int); CREATE TYPE mood AS ENUM ('ok');
       CREATE FUNCTION since_f() RETURNS int LANGUAGE sql AS 'SELECT 1'; DELETE FROM task_history`,
    );
    const { plan } = await runPhases({ site: installed.site, version: "0.1.0", restoreFrom: backup });
    assert.equal(plan.restore.way, "replace");
    assert.deepEqual(await fingerprint(installed.databaseUrl), original);
    const rows = await installed.sql(
      `SELECT proname::text FROM pg_proc WHERE proname = 'since_f' UNION ALL SELECT typname FROM pg_type WHERE typname = 'mood'
       UNION ALL SELECT nspname FROM pg_namespace WHERE nspname = 'since'`,
    );
    assert.deepEqual(rows, []);
    assert.equal(await installed.serving(), "0.1.0");
    const attempts = await installed.sql(
      "SELECT attempt, restored_backup FROM octollm_upgrade.attempts ORDER BY 1 DESC LIMIT 1",
    );
    assert.deepEqual(attempts, [{ attempt: 3, restored_backup: backup }]);
  });

  it("leaves the database as it was when the load is cut short", async () => {
    await installed.sql("INSERT INTO tasks (description) VALUES ('written since')");
    const before = await fingerprint(installed.databaseUrl);
    const lines: string[] = [];
    let isOver = false;
    const cutting = (async () => {
      const cut =
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'octollm-upgrade: psql'";
      for (; !isOver; await sleep(20)) await installed.sql(cut);
    })();
    try {
      const again = { site: installed.site, version: "0.1.0", restoreFrom: `${backup}#2` };
      await assert.rejects(
        runPhases(again, (line) => lines.push(line)),
        /psql' ended with code|terminating connection|connection to server was lost|pg_restore/,
      );
    } finally {
      isOver = true;
      await cutting;
    }
    assert.ok(
      lines.some((line) => /in one transaction/.test(line)),
      lines.join("\n"),
    );
    assert.deepEqual(await fingerprint(installed.databaseUrl), before);
    await runPhases({ site: installed.site, version: "0.1.0", restoreFrom: `${backup}#2` });
    assert.deepEqual(await fingerprint(installed.databaseUrl), original);
  });
});
