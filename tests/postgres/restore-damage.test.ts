import assert from "node:assert/strict";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { type Fingerprint, fingerprint } from "../../demo/installation";
import { look } from "../../phases/preflight";
import type { Site } from "../../phases/site";
import { strictIdentifier } from "../../postgres/identifiers";
import { Installed } from "../support/installed";
import { type Ran, runPhases } from "../support/phases";

describe("a restore of a database that is lost or damaged", function () {
  this.timeout(60_000);
  let installed: Installed;
  let original: Fingerprint;
  let backup: string;
  let turn = 0;

  const database = () => new URL(installed.databaseUrl).pathname.slice(1);
  const elsewhere = (sql: string) => installed.inDatabase("postgres", sql);
  const wanted = () => ({
    site: installed.site,
    version: "0.1.0",
    restoreFrom: `${backup}${turn++ > 0 ? `#${turn}` : ""}`,
  });

  before(async () => {
    installed = await Installed.create();
    original = await fingerprint(installed.databaseUrl);
    await runPhases({ site: installed.site, version: "0.1.0", emptyStack: true });
    const { progress } = await runPhases({ site: installed.site, version: "1.0.0" });
    backup = progress.backup?.id ?? "";
  });
  after(() => installed?.remove());

  async function isBack({ plan }: Ran, attempt: number): Promise<void> {
    assert.deepEqual(await fingerprint(installed.databaseUrl), original);
    assert.equal(await installed.serving(), "0.1.0");
    assert.equal(plan.attempt, attempt);
    const rows = await installed.sql<{ attempt: number; status: string }>(
      "SELECT attempt, status FROM octollm_upgrade.attempts ORDER BY attempt DESC LIMIT 1",
    );
    assert.deepEqual(rows, [{ attempt, status: "succeeded" }]);
    const request = { site: installed.site, version: "0.1.0", emptyStack: false, databaseUrl: "" };
    const { outcome } = await look({ ...request, restoreFrom: `${backup}${turn > 1 ? `#${turn}` : ""}` });
    assert.ok(outcome.kind === "plan" && outcome.settled, "something is left to do");
  }

  it("gives the database back when somebody has dropped it, with its settings, rights and owner", async () => {
    const name = strictIdentifier(database());
    await elsewhere(`DROP DATABASE ${name} WITH (FORCE)`);
    await isBack(await runPhases(wanted()), 3);
    const rows = await elsewhere(
      `SELECT pg_get_userbyid(datdba) AS owner, pg_encoding_to_char(encoding) AS encoding, datcollate AS collate,
              shobj_description(oid, 'pg_database') AS comment FROM pg_database WHERE datname = '${database()}'`,
    );
    assert.deepEqual(rows, [{ owner: "octollm", encoding: "UTF8", collate: "C", comment: null }]);
  });

  it("replaces one whose catalogue is damaged, and keeps that one", async () => {
    await installed.sql("SET allow_system_table_mods = on; DROP VIEW pg_catalog.pg_stat_progress_copy CASCADE");
    await installed.sql(
      "SET allow_system_table_mods = on; DELETE FROM pg_catalog.pg_class WHERE relname = 'pg_namespace'",
    );
    await isBack(await runPhases(wanted()), 4);
    const kept = await elsewhere(`SELECT 1 FROM pg_database WHERE starts_with(datname, '${database()}_before_')`);
    assert.equal(kept.length, 1);
  });

  it("replaces one without alembic_version, and backs it up before", async () => {
    await installed.sql("DROP TABLE alembic_version");
    const ran = await runPhases(wanted());
    await isBack(ran, 5);
    assert.ok(ran.progress.backup);
  });

  it("goes on when the database cannot be dumped: what is replaced is kept whole", async () => {
    // A text that is taken for a range: it can be counted, and not be read.
    await installed.sql("CREATE TABLE broken (x text); INSERT INTO broken VALUES ('neither 1 nor 2')");
    await installed.sql(
      `SET allow_system_table_mods = on; UPDATE pg_catalog.pg_attribute SET atttypid = 'int4range'::regtype
       WHERE attrelid = 'broken'::regclass AND attname = 'x'`,
    );
    const lines: string[] = [];
    const ran = await runPhases(wanted(), (line) => lines.push(line));
    await isBack(ran, 6);
    assert.equal(ran.progress.backup, null);
    assert.ok(lines.some((line) => /could not be backed up; the restore goes on, and keeps it whole as/.test(line)));
  });

  it("ends clients that connect again and again, and swaps the databases between two of their tries", async () => {
    let tries = 0;
    let over = false;
    const client = (async () => {
      while (!over) {
        tries += 1;
        await installed.sql("SELECT pg_sleep(0.05)").catch(() => undefined);
      }
    })();
    const site: Site = { ...installed.site, quiesce: { timeout: 30, terminate: true } };
    const ran = await runPhases({ ...wanted(), site }).finally(() => (over = true));
    await client;
    await isBack(ran, 7);
    assert.ok(tries > 10, String(tries));
  });

  it("is refused for a backup of another installation, and when a file was tampered with, before anything is touched", async () => {
    const folder = join(installed.installation.folder, "backups");
    const copy = (id: string) => {
      cpSync(join(folder, backup), join(folder, id), { recursive: true });
      const file = join(folder, id, "manifest.json");
      const manifest = JSON.parse(readFileSync(file, "utf8")) as { id: string; installation: Record<string, string> };
      return { file, manifest: { ...manifest, id } };
    };
    const foreign = copy("foreign");
    foreign.manifest.installation.systemIdentifier = "7000000000000000000";
    writeFileSync(foreign.file, JSON.stringify(foreign.manifest));
    const before = await installed.sql("SELECT max(attempt) AS attempt FROM octollm_upgrade.attempts");
    const site: Site = installed.site;
    await assert.rejects(
      runPhases({ site, version: "0.1.0", restoreFrom: "foreign" }),
      /it is of another installation: its database server was 7000000000000000000/,
    );
    const tampered = copy("tampered");
    writeFileSync(tampered.file, JSON.stringify(tampered.manifest));
    const toc = join(folder, "tampered/database/toc.dat");
    const bytes = readFileSync(toc);
    writeFileSync(toc, bytes.fill(bytes[200] === 7 ? 8 : 7, 200, 201));
    await assert.rejects(
      runPhases({ site, version: "0.1.0", restoreFrom: "tampered" }),
      /database\/toc\.dat: its content has changed \(SHA-256\)/,
    );
    assert.deepEqual(await installed.sql("SELECT max(attempt) AS attempt FROM octollm_upgrade.attempts"), before);
    assert.equal(await installed.serving(), "0.1.0");
  });
});
