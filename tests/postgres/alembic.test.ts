import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { exportAlembic } from "../../alembic/export";
import { createInstallation, fingerprint } from "../../demo/installation";
import { parseDatabaseUrl } from "../../postgres/connection";
import { acquireUpgradeLock } from "../../postgres/lock";
import { loadCatalogue } from "../../releases/catalogue";
import { testDatabase } from "../support/postgres";
import { alembic, alembicProgram, octollm } from "../support/run";
import { CatalogueCopy } from "../unit/catalogue-cases";
import { outsider, query, until } from "./installation";

/** An installation at 0.1.0 that nothing serves, with an exported Alembic environment. */
class Exported {
  readonly folder: string;
  readonly databaseUrl: string;

  private constructor(folder: string, databaseUrl: string) {
    this.folder = folder;
    this.databaseUrl = databaseUrl;
  }

  static async create(): Promise<Exported> {
    const folder = mkdtempSync(join(tmpdir(), "octollm-alembic-"));
    const databaseUrl = await testDatabase();
    await createInstallation({ folder, databaseUrl, tasks: 50 });
    const exported = new Exported(folder, databaseUrl);
    await exported.octollm("migrate", "export-alembic", "alembic");
    return exported;
  }

  get versions(): string {
    return join(this.folder, "alembic", "versions");
  }

  /** What `octollm` says; it must succeed. */
  async octollm(...argv: string[]): Promise<string> {
    const { code, stdout, stderr } = await octollm(this.folder, argv);
    assert.equal(code, 0, stderr);
    return stdout;
  }

  /** What `octollm` says when it refuses. */
  async refusal(...argv: string[]): Promise<string> {
    const { code, stderr } = await octollm(this.folder, argv);
    assert.equal(code, 1, stderr);
    return stderr;
  }

  /** What `alembic` says; it must succeed. */
  async alembic(...argv: string[]): Promise<string> {
    const { code, stdout, stderr } = await alembic(join(this.folder, "alembic"), argv);
    assert.equal(code, 0, stderr);
    return stdout;
  }

  /** What `alembic` says when it refuses: one line or a few, no traceback. */
  async alembicRefusal(...argv: string[]): Promise<string> {
    const { code, stdout, stderr } = await alembic(join(this.folder, "alembic"), argv);
    assert.notEqual(code, 0, stdout);
    assert.doesNotMatch(stderr, /Traceback/);
    return stdout + stderr;
  }

  async sql<Row extends object>(text: string): Promise<Row[]> {
    return query<Row>(parseDatabaseUrl(this.databaseUrl), text);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const yes = ["--yes", "--accept-breaking", "1.0.0"];

describe("Alembic's files, exported", function () {
  let exported: Exported;
  before(async () => {
    exported = await Exported.create();
  });
  after(() => exported?.remove());

  /** Exports again, as the command does. */
  async function again(folder = join(exported.folder, "alembic")) {
    const settings = { environmentFile: join(exported.folder, ".env"), key: "DATABASE_URL", host: "", port: 0 };
    return exportAlembic(await loadCatalogue(), folder, settings);
  }

  it("hold no secret", () => {
    const { password } = parseDatabaseUrl(exported.databaseUrl);
    for (const name of readdirSync(join(exported.folder, "alembic"), { recursive: true, encoding: "utf8" })) {
      const path = join(exported.folder, "alembic", name);
      if (statSync(path).isFile()) assert.ok(!readFileSync(path, "utf8").includes(password), name);
    }
  });

  it("are left alone by a second export, and put right where somebody has edited them", async () => {
    const file = join(exported.versions, "abc123_add_task_priority_index.py");
    const before = statSync(file).mtimeMs;
    const whole = readFileSync(file, "utf8");
    const second = await again();
    assert.deepEqual([second.written, second.removed], [[], []]);
    assert.equal(statSync(file).mtimeMs, before);
    writeFileSync(file, whole.replace("IF NOT EXISTS", ""));
    assert.deepEqual((await again()).written, ["versions/abc123_add_task_priority_index.py"]);
    assert.equal(readFileSync(file, "utf8"), whole);
  });

  it("take no place of a file that somebody else has written, and none is written then", async () => {
    const folder = join(exported.folder, "theirs");
    await again(folder);
    rmSync(join(folder, "alembic.ini"));
    writeFileSync(join(folder, "env.py"), "# ours\n");
    await assert.rejects(again(folder), /has not written: env\.py\. Nothing/);
    assert.equal(readFileSync(join(folder, "env.py"), "utf8"), "# ours\n");
    assert.ok(!readdirSync(folder).includes("alembic.ini"));
  });

  it("of revisions that the catalogue has no longer are removed; a revision of somebody else stays", async () => {
    const gone = join(exported.versions, "aaa000_gone.py");
    const theirs = join(exported.versions, "bbb000_theirs.py");
    writeFileSync(gone, "# Written by OctoLLM Upgrade: octollm migrate export-alembic (from 0.3.0/migrations/x.sql)\n");
    writeFileSync(theirs, "revision = 'bbb000'\n");
    assert.deepEqual((await again()).removed, ["versions/aaa000_gone.py"]);
    assert.deepEqual(
      readdirSync(exported.versions).filter((name) => /^(aaa|bbb)/.test(name)),
      ["bbb000_theirs.py"],
    );
    rmSync(theirs);
  });
});

describe("the real Alembic and this program on one database", function () {
  this.timeout(90_000);
  let exported: Exported;
  before(async function () {
    if (alembicProgram === undefined) this.skip();
    exported = await Exported.create();
  });
  after(() => exported?.remove());

  it("name every revision in the same words", async () => {
    const args = ["migrate", "history"];
    assert.equal(await exported.octollm(...args), await exported.alembic("history"));
    const alembics = await exported.alembic("history", "--verbose");
    const ours = await exported.octollm(...args, "--verbose");
    const strip = (text: string) =>
      text.replace(/^Path: .*\n/gm, "").replace(/\n\n(?: {4}(?:Release|Way|Here).*\n)+/g, "\n");
    assert.equal(strip(ours).trim(), strip(alembics).trim());
  });

  it("agree where the database is, whichever of them has moved it, up and down", async () => {
    const before = await fingerprint(exported.databaseUrl);
    const agree = async (line: string) => {
      assert.equal((await exported.alembic("current")).trim(), line);
      assert.equal((await exported.octollm("migrate", "current")).trim(), line);
    };
    await exported.alembic("upgrade", "+1");
    await exported.octollm("migrate", "upgrade", "+1", "--yes");
    await agree("b1c2d3");
    await exported.alembic("upgrade", "head");
    const there = await fingerprint(exported.databaseUrl);
    await exported.octollm("migrate", "downgrade", "-1", "--yes");
    await exported.octollm("migrate", "upgrade", "head", ...yes);
    await agree("e4f5a6 (head)");
    assert.deepEqual(await fingerprint(exported.databaseUrl), there);
    await exported.alembic("downgrade", "def456");
    assert.deepEqual(await fingerprint(exported.databaseUrl), before);
    await exported.alembic("upgrade", "abc123");
  });

  it("leave a ledger that tells what Alembic has applied and undone", async () => {
    const here = async () => {
      const text = await exported.octollm("migrate", "history", "--json", "--env", ".env");
      const all = JSON.parse(text) as { revision: string; here: { state: string; elsewhere: boolean } }[];
      return Object.fromEntries(
        all.map(({ revision, here: { state, elsewhere } }) => [revision, `${state}, ${elsewhere}`]),
      );
    };
    assert.deepEqual(await here(), {
      def456: "applied, true",
      abc123: "applied, true",
      b1c2d3: "not applied, true",
      e4f5a6: "not applied, true",
    });
    await exported.octollm("migrate", "upgrade", "b1c2d3", "--yes");
    const rows = await exported.sql<{ revision: string; undone_attempt: number | null; standing: boolean }>(
      "SELECT revision, undone_attempt, undone_at IS NULL AS standing FROM octollm_upgrade.revisions ORDER BY id",
    );
    assert.deepEqual(
      rows.filter(({ standing }) => standing).map(({ revision }) => revision),
      ["b1c2d3"],
    );
    // What Alembic had undone: closed, by nobody's attempt.
    assert.ok(rows.some((row) => row.revision === "e4f5a6" && !row.standing && row.undone_attempt === null));
  });

  it("lock each other out, and the one that is refused names the other", async () => {
    const lock = await acquireUpgradeLock(parseDatabaseUrl(exported.databaseUrl), { holder: { stack: "prod" } });
    try {
      const refused = await exported.alembicRefusal("upgrade", "head");
      assert.match(refused, /Another upgrade of this database is under way; nothing was changed\./);
      assert.match(
        refused,
        /Held by session 'octollm-upgrade: prod@.* \d+' from 127\.0\.0\.1, server process \d+, since 20/,
      );
      assert.equal((await exported.alembic("current")).trim(), "b1c2d3");
    } finally {
      await lock.release();
    }
    // The other way round, while Alembic waits for somebody who holds the table.
    await outsider(parseDatabaseUrl(exported.databaseUrl), async (client) => {
      await client.query("BEGIN; LOCK TABLE tasks IN SHARE UPDATE EXCLUSIVE MODE");
      const waiting = exported.alembic("downgrade", "def456");
      await until(async () => (await exported.sql("SELECT FROM pg_locks WHERE locktype = 'advisory'")).length > 0);
      const said = await exported.refusal("migrate", "downgrade", "-1", "--yes");
      assert.match(
        said,
        /Another upgrade of .* is under way; nothing was changed\.\n {2}Held by session 'octollm-upgrade: alembic@/,
      );
      await client.query("ROLLBACK");
      await waiting;
    });
    await exported.alembic("upgrade", "b1c2d3");
  });

  it("let an attempt that did not end be finished first", async () => {
    await exported.sql(`INSERT INTO octollm_upgrade.attempts (attempt, stack, host, pid, program_version, plan_id,
      from_version, to_version, direction) SELECT max(attempt) + 1, 'prod', 'box', 1, '0.1.0', 'x', '0.1.0', '1.0.0', 'up'
      FROM octollm_upgrade.attempts`);
    const text = /has not ended/;
    assert.match(
      await exported.alembicRefusal("downgrade", "-1"),
      /Attempt \d+ of OctoLLM Upgrade \('prod' on box, 0\.1\.0 -> 1\.0\.0/,
    );
    assert.match(await exported.refusal("migrate", "downgrade", "-1", "--yes"), text);
    assert.equal((await exported.alembic("current")).trim(), "b1c2d3");
    await exported.sql(
      "UPDATE octollm_upgrade.attempts SET status = 'failed', finished_at = now() WHERE status = 'open'",
    );
  });

  it("let batches that stopped half-way be finished first", async () => {
    await exported.sql(`INSERT INTO octollm_upgrade.batches (revision, direction, heading, release, checksum, relation, key_columns,
      attempt) VALUES ('e4f5a6', 'up', 'up', '1.0.0', '', 'tasks', '{id}', 1)`);
    assert.match(
      await exported.alembicRefusal("downgrade", "-1"),
      /Revision e4f5a6 has changed a part of its rows, in batches; nothing was changed now\./,
    );
    assert.equal((await exported.alembic("current")).trim(), "b1c2d3");
    await exported.sql("DELETE FROM octollm_upgrade.batches");
  });

  it("stop at an INVALID index, which IF NOT EXISTS would take for one that is there", async () => {
    await exported.alembic("downgrade", "def456");
    await exported.sql("CREATE INDEX idx_tasks_status_priority ON tasks (status, priority DESC)");
    await exported.sql(
      "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_tasks_status_priority'::regclass",
    );
    assert.match(await exported.alembicRefusal("upgrade", "+1"), /INVALID.*abc123 is not stamped/s);
    assert.equal((await exported.alembic("current")).trim(), "def456");
    await exported.octollm("migrate", "upgrade", "+1", "--yes");
    assert.equal((await exported.alembic("current")).trim(), "abc123");
  });

  it("have the same ledger, whichever made it", async () => {
    const [{ url }, other] = [{ url: await testDatabase() }, await testDatabase()];
    const folder = mkdtempSync(join(tmpdir(), "octollm-alembic-"));
    try {
      await createInstallation({ folder, databaseUrl: url, tasks: 1 });
      await exported.alembic("-x", `env=${join(folder, ".env")}`, "upgrade", "abc123");
      await createInstallation({ folder, databaseUrl: other, tasks: 1 });
      await octollm(folder, ["migrate", "upgrade", "abc123", "--yes"]);
      const tables = `SELECT table_name, column_name, data_type, column_default FROM information_schema.columns
        WHERE table_schema = 'octollm_upgrade' ORDER BY 1, 2`;
      const [made, ours] = [await query(parseDatabaseUrl(url), tables), await query(parseDatabaseUrl(other), tables)];
      assert.ok(ours.length > 30);
      assert.deepEqual(made, ours);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("run every statement to the letter, and lose data only where that is accepted by name", async () => {
    const copy = new CatalogueCopy();
    const [theirs, ours] = [await testDatabase(), await testDatabase()];
    const folder = mkdtempSync(join(tmpdir(), "octollm-alembic-"));
    try {
      copy.addRevision("1.0.0/migrations/f6a7b8_odd.sql", "f6a7b8", "e4f5a6");
      copy.editAll("1.0.0/migrations/f6a7b8_odd.sql", (text) =>
        text
          .replace("phase: pre", "phase: post")
          .replace("transaction: none", "transaction: transactional")
          .replace("down: exact", "down: lossy\n-- down_loss: the odd texts")
          .replace(/-- up\n[^]*/, `-- up\n${odd}\n-- down\nDROP TABLE odd;\n`),
      );
      await exported.octollm("migrate", "export-alembic", folder, "--catalogue", copy.folder);
      const env = { DATABASE_URL: theirs };
      assert.equal((await alembic(folder, ["upgrade", "head"], env)).code, 0);
      const args = ["upgrade", "head", "--catalogue", copy.folder, ...yes];
      assert.equal((await octollm(folder, ["migrate", ...args], { DATABASE_URL: ours })).code, 0);
      const [made, same] = [
        await query(parseDatabaseUrl(theirs), "TABLE odd"),
        await query(parseDatabaseUrl(ours), "TABLE odd"),
      ];
      assert.equal(made[0]?.text, '100%\n%s %(x)s :name "" """ \\ é 😀 %%');
      assert.deepEqual(made, same);
      const { code, stderr } = await alembic(folder, ["downgrade", "-1"], env);
      assert.notEqual(code, 0);
      assert.match(stderr, /Undoing f6a7b8 loses data: the odd texts\. Nothing of it was changed\./);
      assert.equal((await alembic(folder, ["-x", "accept_loss=f6a7b8", "downgrade", "-1"], env)).code, 0);
    } finally {
      rmSync(folder, { recursive: true, force: true });
      copy.remove();
    }
  });

  it("find the database in the same line of the same .env", async () => {
    const { host, port, user, password, database } = parseDatabaseUrl(exported.databaseUrl);
    const file = join(exported.folder, "odd.env");
    const lines = [
      "# DATABASE_URL=postgresql://nobody@nowhere/none",
      "DATABASE_URL=postgresql://nobody@nowhere/none",
      `NOTE="two lines`,
      `DATABASE_URL=postgresql://nobody@nowhere/none"`,
      `PASS='${password}'  # not the one of staging`,
      `export DATABASE_URL = "postgresql+asyncpg://${user}:\${PASS}@\${HOST:-${host}}:${port}/${database}?ssl=disable" # here`,
    ];
    writeFileSync(file, `\ufeff${lines.join("\r\n")}\r\n`);
    const ours = await exported.octollm("migrate", "current", "--env", file);
    assert.equal(await exported.alembic("-x", `env=${file}`, "current"), ours);
    writeFileSync(file, `DB=${exported.databaseUrl}\n`);
    assert.equal(await exported.octollm("migrate", "current", "--env", file, "--key", "DB"), ours);
    writeFileSync(
      file,
      `POSTGRES_USER=${user}\nPOSTGRES_PASSWORD=${password} # x\nPOSTGRES_DB=${database}\nPOSTGRES_PORT=${port}\n`,
    );
    assert.equal(await exported.octollm("migrate", "current", "--env", file), ours);
    assert.equal(await exported.alembic("-x", `env=${file}`, "current"), ours);
  });
});

const odd = `CREATE TABLE odd AS
  SELECT E'100%\\n' || '%s %(x)s :name "" """ \\ é 😀 %%' AS text, '{"a": 1}'::jsonb ? 'a' AS has, 7 % 4 AS rest;`;
