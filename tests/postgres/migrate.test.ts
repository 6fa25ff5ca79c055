import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { createInstallation, fingerprint } from "../../demo/installation";
import { writeRevision } from "../../migrate/new-revision";
import { parseDatabaseUrl } from "../../postgres/connection";
import { loadCatalogue } from "../../releases/catalogue";
import { soak } from "../e2e/support/soak";
import { testDatabase } from "../support/postgres";
import { octollm } from "../support/run";
import { CatalogueCopy } from "../unit/catalogue-cases";
import { outsider, query, revisionOf, until } from "./installation";

/** An installation at 0.1.0 that nothing serves, and `octollm migrate` in its folder. */
class Site {
  readonly folder = mkdtempSync(join(tmpdir(), "octollm-migrate-"));
  databaseUrl = "";

  async create(tasks = 50): Promise<this> {
    this.databaseUrl = await testDatabase();
    await createInstallation({ folder: this.folder, databaseUrl: this.databaseUrl, tasks });
    return this;
  }

  get address() {
    return parseDatabaseUrl(this.databaseUrl);
  }

  async migrate(...argv: string[]): Promise<string> {
    const { code, stdout, stderr } = await octollm(this.folder, ["migrate", ...argv]);
    assert.equal(code, 0, stderr);
    return stdout;
  }

  /** What it says when it refuses; the database must be as it was, but for attempts in the ledger. */
  async refusal(...argv: string[]): Promise<string> {
    const before = [await revisionOf(this.address), await fingerprint(this.databaseUrl)];
    const { code, stderr } = await octollm(this.folder, ["migrate", ...argv]);
    assert.equal(code, 1, stderr);
    assert.deepEqual([await revisionOf(this.address), await fingerprint(this.databaseUrl)], before);
    return stderr;
  }

  /** Kills a run with SIGKILL as soon as it says something. */
  async killAt(text: RegExp, ...argv: string[]): Promise<void> {
    const entry = resolve(__dirname, "..", "..", "bin", "octollm");
    const child = spawn(process.execPath, [entry, "migrate", ...argv], { cwd: this.folder, stdio: "pipe" });
    let said = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => {
        said += chunk.toString();
        if (text.test(said)) child.kill("SIGKILL");
      });
    const [, signal] = (await once(child, "exit")) as [number | null, string | null];
    assert.equal(signal, "SIGKILL", `it ended before it said ${String(text)}:\n${said}`);
  }

  async attempts(): Promise<string[]> {
    const rows = await query<{ line: string }>(
      this.address,
      `SELECT format('%s %s %s %s -> %s', stack, scope, status, from_version, to_version) AS line
       FROM octollm_upgrade.attempts ORDER BY attempt`,
    );
    return rows.map(({ line }) => line);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const all = ["upgrade", "head", "--yes", "--accept-breaking", "1.0.0"];

describe("octollm migrate", function () {
  this.timeout(60_000);
  let site: Site;
  beforeEach(async () => {
    site = await new Site().create();
  });
  afterEach(() => site.remove());

  it("shows all that it is going to do, and without a terminal does it only with --yes", async () => {
    const { code, stdout, stderr } = await octollm(site.folder, ["migrate", "upgrade", "+1"]);
    assert.equal(code, 1);
    assert.match(stdout, /^revision {2}def456 -> abc123$/m);
    assert.match(stdout, /^ {2}CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_tasks_status_priority$/m);
    assert.match(stdout, /^locks {5}line 11: tasks SHARE UPDATE EXCLUSIVE: blocks nobody, builds an$/m);
    assert.match(stdout, /^loses {5}nothing$/m);
    assert.ok(
      stdout.split("\n").every((line) => line.length <= 80),
      stdout,
    );
    assert.match(stderr, /Without a terminal, --yes is needed\. Nothing was touched\./);
    assert.equal(await revisionOf(site.address), "def456");
    await assert.rejects(site.attempts(), /octollm_upgrade/);
  });

  it("makes a backup of the state that it changes, and notes what it did in the ledger", async () => {
    const said = await site.migrate("upgrade", "b1c2d3", "--yes");
    assert.match(said, /Done: .* is at b1c2d3 \(attempt 1\)\.\nBackup: backups\//);
    const [backup] = readdirSync(join(site.folder, "backups"));
    const manifest = JSON.parse(
      readFileSync(join(site.folder, "backups", backup ?? "", "manifest.json"), "utf8"),
    ) as object;
    assert.deepEqual(
      Object.fromEntries(Object.entries(manifest).filter(([key]) => ["release", "revision", "attempt"].includes(key))),
      { release: "0.1.0", revision: "def456", attempt: 1 },
    );
    assert.deepEqual(await site.attempts(), ["migrate schema succeeded def456 -> b1c2d3"]);
  });

  it("makes none where the operator says so by name, and refuses where it could not be restored", async () => {
    const env = { DATABASE_URL: site.databaseUrl };
    const elsewhere = mkdtempSync(join(tmpdir(), "octollm-migrate-"));
    try {
      const { stderr } = await octollm(elsewhere, ["migrate", "upgrade", "+1", "--yes"], env);
      assert.match(
        stderr,
        /A backup holds the installation's \.env, and DATABASE_URL does not tell where that is\. Nothing/,
      );
      assert.equal(await revisionOf(site.address), "def456");
      const { code, stdout } = await octollm(elsewhere, ["migrate", "upgrade", "+1", "--yes", "--no-backup"], env);
      assert.equal(code, 0);
      assert.match(stdout, /^backup {4}none, as --no-backup says$/m);
      assert.deepEqual(readdirSync(elsewhere), []);
      assert.equal(await revisionOf(site.address), "abc123");
    } finally {
      rmSync(elsewhere, { recursive: true, force: true });
    }
  });

  it("goes through a breaking release only when clients are ready for it", async () => {
    const said = await site.refusal("upgrade", "head", "--yes");
    assert.match(said, /--accept-breaking: 1\.0\.0 breaks clients .*--accept-breaking 1\.0\.0$/m);
    assert.ok(!readdirSync(site.folder).includes("backups"));
    await site.migrate(...all);
    assert.equal(await revisionOf(site.address), "e4f5a6");
  });

  it("changes nothing under clients that could not bear it, and names them", async () => {
    await outsider(site.address, async () => {
      const said = await site.refusal(...all);
      assert.match(said, /Other clients are connected to .*\n {2}e4f5a6: its data change needs the writers stopped/);
      assert.match(said, /'some service' of octollm from 127\.0\.0\.1, server process \d+, idle/);
      assert.match(said, /No revision was applied or undone\. Stop the services, then run the command again\./);
      await site.migrate("upgrade", "b1c2d3", "--yes");
    });
    assert.equal(await revisionOf(site.address), "b1c2d3");
  });

  it("loses data only where that is accepted by the id that it shows", async () => {
    const copy = new CatalogueCopy();
    try {
      copy.edit(
        "0.2.0/migrations/b1c2d3_task_history_created_brin.sql",
        "-- down: exact",
        "-- down: lossy\n-- down_loss: the map",
      );
      const catalogue = ["--catalogue", copy.folder];
      await site.migrate("upgrade", "b1c2d3", "--yes", ...catalogue);
      const said = await site.refusal("downgrade", "-1", "--yes", ...catalogue);
      const [, id = ""] = /--accept-loss ([0-9a-f]{8})$/m.exec(said) ?? [];
      assert.match(said, /this loses data: b1c2d3 \(BRIN index on task_history\.created_at\): the map/);
      await site.refusal("downgrade", "-1", "--yes", "--accept-loss", "00000000", ...catalogue);
      await site.migrate("downgrade", "-1", "--yes", "--accept-loss", id, ...catalogue);
      assert.equal(await revisionOf(site.address), "abc123");
    } finally {
      copy.remove();
    }
  });

  it("takes a database without anything from nothing to the head, and needs no backup of that", async () => {
    const url = await testDatabase();
    const { code, stdout, stderr } = await octollm(site.folder, ["migrate", ...all], { DATABASE_URL: url });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^backup {4}none: the database is empty$/m);
    assert.equal(await revisionOf(parseDatabaseUrl(url)), "e4f5a6");
  });

  it("says what failed and what to type, and is at it again with the same command", async () => {
    await query(site.address, "ALTER TABLE tasks ADD CONSTRAINT at_most_five CHECK (priority <= 5)");
    await site.migrate("upgrade", "b1c2d3", "--yes", "--no-backup");
    const said = await site.refusal(...all.with(1, "e4f5a6"), "--no-backup");
    assert.match(said, /check constraint "at_most_five" of relation "tasks" is violated by some row/);
    assert.match(said, /Next: octollm migrate current, then octollm migrate upgrade e4f5a6 once the cause is mended\./);
    await query(site.address, "ALTER TABLE tasks DROP CONSTRAINT at_most_five");
    await site.migrate(...all);
    assert.deepEqual(
      (await site.attempts()).map((line) => line.split(" ")[2]),
      ["succeeded", "failed", "succeeded"],
    );
  });
});

describe("octollm migrate, killed", function () {
  this.timeout(60_000);
  const points: [when: string, text: RegExp][] = [
    ["while it backs up", /backup: pg_dump/],
    ["before the first revision", /backup: .* is complete/],
    ["between two revisions", /abc123 .*: applied/],
    ["in the middle of the last one", /e4f5a6 .*: 4 statements/],
  ];
  let expected: object;
  before(async () => {
    const site = await new Site().create();
    await site.migrate(...all);
    expected = await fingerprint(site.databaseUrl);
    site.remove();
  });
  for (const [when, text] of soak ? points : points.slice(-1))
    it(`${when}, reaches the same end with the same command`, async () => {
      const site = await new Site().create();
      try {
        const command = all.with(1, "+3");
        await site.killAt(text, ...command);
        await site.migrate(...command);
        assert.equal(await revisionOf(site.address), "e4f5a6");
        assert.deepEqual(await fingerprint(site.databaseUrl), expected);
        assert.match((await site.attempts()).at(-1) ?? "", /^migrate schema succeeded .* -> e4f5a6$/);
        const left = readdirSync(join(site.folder, "backups")).filter((name) => name.endsWith(".partial"));
        assert.deepEqual(left, []);
        await until(
          async () => (await query(site.address, "SELECT FROM pg_locks WHERE locktype = 'advisory'")).length === 0,
        );
      } finally {
        site.remove();
      }
    });

  it("when all was done but its end was not noted, does nothing twice", async () => {
    const site = await new Site().create();
    try {
      await site.migrate("upgrade", "+1", "--yes");
      await query(site.address, "UPDATE octollm_upgrade.attempts SET status = 'open', finished_at = NULL");
      assert.match(await site.migrate("upgrade", "+1", "--yes"), /^Nothing to do: .* is at abc123\.$/m);
      assert.deepEqual(await site.attempts(), ["migrate schema succeeded def456 -> abc123"]);
      await site.migrate("upgrade", "+1", "--yes");
      assert.equal(await revisionOf(site.address), "b1c2d3");
    } finally {
      site.remove();
    }
  });
});

describe("octollm migrate new", () => {
  let copy: CatalogueCopy;
  beforeEach(() => {
    copy = new CatalogueCopy();
  });
  afterEach(() => copy.remove());

  const write = (release: string, message: string) =>
    writeRevision({ catalogue: copy.folder, release, message, today: new Date() });

  it("adds a revision to a release that is being made, which lacks nothing but its SQL", async () => {
    copy.editAll("1.0.0/release.yaml", (text) => text.replace("date: 2026-01-01", "date: 2999-01-01"));
    const words = ["migrate", "new", "Add a due date, to tasks!", "--release", "1.0.0", "--catalogue", copy.folder];
    const { code, stdout, stderr } = await octollm(copy.folder, words);
    assert.equal(code, 0, stderr);
    const [, file = "", revision = ""] = /wrote (.*\/([0-9a-f]{12})_add_a_due_date_to_tasks\.sql)/.exec(stdout) ?? [];
    const path = `1.0.0/migrations/${file.split("/").at(-1) ?? ""}`;
    assert.deepEqual(
      (await copy.faults()).map((fault) => fault.replace(/^.*?: /, "")),
      ["this section has no statement"],
    );
    copy.editAll(
      path,
      (text) =>
        text.replace("-- up\n", "-- up\nALTER TABLE tasks ADD COLUMN due date;\n") +
        "ALTER TABLE tasks DROP COLUMN due;\n",
    );
    const catalogue = await loadCatalogue(copy.folder);
    assert.deepEqual(
      catalogue.chain.slice(-2).map((migration) => migration.revision),
      ["e4f5a6", revision],
    );
    assert.equal(catalogue.chain.at(-1)?.title, "Add a due date, to tasks!");
  });

  it("adds none to a release that is out, or that another one follows, and writes nothing then", async () => {
    const before = readdirSync(copy.folder, { recursive: true }).length;
    await assert.rejects(write("1.0.0", "x"), /1\.0\.0 is out since 2026-01-01: .* Nothing was written\./);
    await assert.rejects(write("0.2.0", "x"), /0\.2\.0 is followed by 1\.0\.0: .* Nothing was written\./);
    await assert.rejects(write("1.1.0", "x"), /has no release '1\.1\.0'\. .* Nothing was written\./);
    copy.editAll("1.0.0/release.yaml", (text) => text.replace("date: 2026-01-01", "date: 2999-01-01"));
    await assert.rejects(write("1.0.0", "!?"), /needs a word of letters or digits/);
    assert.equal(readdirSync(copy.folder, { recursive: true }).length, before);
  });
});
