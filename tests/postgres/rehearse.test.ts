import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { createInstallation, fingerprint } from "../../demo/installation";
import { makeReachable, PrivatePostgres } from "../../demo/private-postgres";
import { describeRehearsals } from "../../phases/rehearsed";
import { lookAtDatabase } from "../../phases/restore-facts";
import type { Site } from "../../phases/site";
import { moveSchema } from "../../planner/schema-move";
import { parseDatabaseUrl } from "../../postgres/connection";
import { chooseBackup } from "../../rehearsal/choose";
import { type Rehearsal, rehearse } from "../../rehearsal/rehearse";
import { isGood, reportLines } from "../../rehearsal/report";
import { judgeScratch, scratchAddress } from "../../rehearsal/scratch";
import { loadCatalogue, ownCatalogue } from "../../releases/catalogue";
import { parseSettings, siteOf } from "../../settings";
import { makeProject, removeProject } from "../e2e/support/project";
import { testDatabase } from "../support/postgres";
import { type Ended, octollm } from "../support/run";
import { CatalogueCopy, scale } from "../unit/catalogue-cases";
import { server } from "../unit/planner-cases";
import { query, revisionOf, until } from "./installation";

const program = resolve(__dirname, "..", "..");

describe("octollm rehearse", function () {
  this.timeout(90_000);
  const project = makeProject();
  const folder = join(project, "octollm");
  let databaseUrl = "";
  let site: Site;

  /** An installation at 0.1.0 with a backup of that; its database has gone on to abc123 since. */
  before(async () => {
    databaseUrl = await testDatabase();
    await createInstallation({ folder, databaseUrl, tasks: 60 });
    const { code, stderr } = await octollm(folder, ["migrate", "upgrade", "+1", "--yes"]);
    assert.equal(code, 0, stderr);
    const service = { name: "orchestrator", command: "exec true", port: 8000, health: "/health", log: "logs/x.log" };
    const settings = { version: "0.1.0", target: "local", installation: folder, services: [service] };
    site = siteOf(parseSettings({ ...settings, services: JSON.stringify(settings.services) }));
    await run("stack", "init", "dev");
    const lines = Object.entries(settings).map(([key, value]) => `  octollm:${key}: ${JSON.stringify(value)}\n`);
    writeFileSync(join(project, "Pulumi.dev.yaml"), `config:\n${lines.join("")}`);
  });
  after(() => removeProject(project));

  const environment = { PULUMI_CONFIG_PASSPHRASE: "test", NO_COLOR: "1" };
  const address = () => parseDatabaseUrl(databaseUrl);
  const run = (...argv: string[]): Promise<Ended> => octollm(project, argv, environment);

  async function refusal(...argv: string[]): Promise<string> {
    const { code, stderr } = await run("rehearse", ...argv);
    assert.equal(code, 1, stderr);
    return stderr;
  }

  async function scratches(): Promise<string[]> {
    const rows = await query<{ datname: string }>(
      address(),
      "SELECT datname FROM pg_database WHERE datname LIKE 'octollm_rehearse%'",
    );
    return rows.map(({ datname }) => datname);
  }

  /** A rehearsal of the way to 1.0.0 with another catalogue. */
  async function rehearseWith(catalogueFolder: string): Promise<{ found: Rehearsal; lines: string[] }> {
    const catalogue = await loadCatalogue(catalogueFolder);
    const signal = new AbortController().signal;
    const activity = { signal, progress: () => undefined };
    const look = await lookAtDatabase(address(), { budgetMs: 10_000, mayBeDamaged: false });
    const backup = await chooseBackup({ site, look, id: "", ...activity });
    const scratch = scratchAddress("", { address: address(), systemIdentifier: null });
    const wish = {
      site,
      catalogue,
      backup,
      to: "1.0.0",
      here: 0,
      place: 3,
      live: address(),
      scratch,
      keep: false,
    };
    const found = await rehearse(wish, activity);
    assert.deepEqual(await scratches(), []);
    return { found, lines: reportLines(wish, found) };
  }

  it("tries an upgrade up, down and up on the newest backup, and leaves the installation as it is", async () => {
    const before = await fingerprint(databaseUrl);
    const { code, stdout, stderr } = await run("rehearse");
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^rehearsed OctoLLM 0\.1\.0 -> 1\.0\.0, def456 -> e4f5a6$/m);
    assert.match(stdout, /^backup {4}\d+T\d+Z-0\.1\.0-attempt1, \d+ rows of 4 tables$/m);
    assert.match(
      stdout,
      /^REVISION {2}UP {5}DOWN {3}UP AGAIN\n(?:(?:abc123|b1c2d3|e4f5a6|total) {2,5}(?:\d+\.\d s {2}?){2}.*\n){4}/m,
    );
    assert.match(stdout, /^down {6}every object and every row is as before$/m);
    assert.match(stdout, /^up again {2}every object and every row is as after the first way up$/m);
    assert.match(stdout, /^result {4}good$/m);
    assert.ok(
      stdout.split("\n").every((line) => line.length <= 80),
      stdout,
    );
    assert.deepEqual(await scratches(), []);
    assert.deepEqual([await revisionOf(address()), await fingerprint(databaseUrl)], ["abc123", before]);
  });

  it("puts the times into the next plan, and only those of the files as they are", async () => {
    const catalogue = await loadCatalogue(ownCatalogue);
    const steps = (places: { here: number; place: number }) => {
      const move = moveSchema(catalogue, { ...places, serves: null, server });
      return "dead" in move ? [] : move.steps;
    };
    const pre = steps({ here: 1, place: 3 });
    const lines = await describeRehearsals({ revisions: { pre, post: [] } }, address());
    assert.equal(lines.length, 2);
    for (const line of lines)
      assert.match(
        line,
        /^rehearsed (b1c2d3|e4f5a6) up \d\.\d s, down \d\.\d s \(backup of 20\d\d-\d\d-\d\d, \d+ rows\)$/,
      );
    const edited = pre.map((step) => ({ ...step, checksum: "0".repeat(64) }));
    assert.deepEqual(await describeRehearsals({ revisions: { pre: edited, post: [] } }, address()), []);
  });

  it("never takes place in the installation's own database, by whatever name that is reached", async () => {
    const { database, user, password, port } = address();
    const { systemIdentifier } = (await lookAtDatabase(address(), { budgetMs: 10_000, mayBeDamaged: false })).database;
    const live = { address: address(), systemIdentifier };
    const judge = (wish: string, own = live) => judgeScratch(scratchAddress(wish, own), own);
    assert.match(
      await refusal("--scratch", database),
      /is the installation's own database \(cluster \d+\).* Nothing was touched\./,
    );
    process.env.PGPASSWORD = password;
    try {
      const other = `postgresql://${user}@localhost:${port}/${database}`;
      await assert.rejects(judge(other), /is the installation's own database \(cluster \d+\)/);
      await assert.rejects(judge(other, { ...live, systemIdentifier: null }), /cannot be told from this one/);
      await judge(`postgresql://${user}@localhost:${port}/octollm_rehearse_it`);
    } finally {
      delete process.env.PGPASSWORD;
    }
    assert.throws(
      () => scratchAddress(`postgresql://${user}:${password}@localhost:${port}/x`, live),
      (error: Error) =>
        /A password in a command line can be read/.test(error.message) && !error.message.includes(password),
    );
    await assert.rejects(judge("postgres"), /There is a database 'postgres' already/);
  });

  it("may take place on another server, even under the name of the installation's own database", async () => {
    const parent = mkdtempSync(join(tmpdir(), "octollm-other-"));
    makeReachable(parent);
    const other = await PrivatePostgres.create(join(parent, "postgres"));
    try {
      const { host, port, user, password } = other.address;
      const wish = `postgresql://${user}@${host}:${port}/${address().database}`;
      const { code, stdout, stderr } = await octollm(
        project,
        ["rehearse", "--to", "0.2.0", "--keep", "--scratch", wish],
        {
          ...environment,
          PGPASSWORD: password,
        },
      );
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^scratch {3}database t_[0-9a-f]+, which is kept$/m);
      const there = { ...address(), host, port, user, password };
      assert.equal(await revisionOf(there), "b1c2d3");
      assert.equal(await revisionOf(address()), "abc123");
    } finally {
      other.destroy();
      rmSync(parent, { recursive: true, force: true });
    }
  });

  it("finds a way down that does not bring every value back, and names the table", async () => {
    const copy = new CatalogueCopy();
    try {
      copy.edit(scale, "USING (priority + 1) / 2", "USING greatest(priority / 2 - 1, 1)");
      const { found, lines } = await rehearseWith(copy.folder);
      assert.equal(isGood(found), false);
      assert.deepEqual(found.afterDown, ["tasks: the same 60 rows, with other values"]);
      assert.match(
        lines.join("\n"),
        /down {6}differs from what was before\n {10}tasks: the same 60 rows, with other values/,
      );
    } finally {
      copy.remove();
    }
  });

  it("finds an object that the way down forgets", async () => {
    const copy = new CatalogueCopy();
    try {
      copy.edit(scale, "ALTER COLUMN priority SET DEFAULT 3,", "");
      const { found } = await rehearseWith(copy.folder);
      assert.match(found.afterDown.join("\n"), /is missing: column public\.tasks\.priority .* default 3/);
      assert.equal(isGood(found), false);
    } finally {
      copy.remove();
    }
  });

  it("goes only up where a revision has no way down, and says so", async () => {
    const copy = new CatalogueCopy();
    try {
      copy.edit(scale, "-- down: kept", "-- down: none\n-- down_loss: the old scale");
      copy.editAll(scale, (text) => text.replace(/\n-- down\n[^]*/, "\n"));
      const { found, lines } = await rehearseWith(copy.folder);
      assert.deepEqual([found.up.length, found.down.length, found.upAgain.length, isGood(found)], [3, 0, 0, true]);
      assert.match(lines.join("\n"), /down {6}not gone: e4f5a6 has no way down \(the old scale\)/);
    } finally {
      copy.remove();
    }
  });

  it("drops the scratch database after a Ctrl-C, and after a kill with the next run", async () => {
    const begin = async (signal: NodeJS.Signals) => {
      const child = spawn(process.execPath, [join(program, "bin", "octollm"), "rehearse"], {
        cwd: project,
        env: { ...process.env, ...environment },
        stdio: ["ignore", "ignore", "pipe"],
      });
      let said = "";
      child.stderr.on("data", (chunk: Buffer) => {
        said += chunk.toString();
        if (!child.killed && /reading every row/.test(said)) child.kill(signal);
      });
      const [code] = (await once(child, "close")) as [number | null];
      return { code, said };
    };
    const { code, said } = await begin("SIGINT");
    assert.equal(code, 1);
    assert.match(said, /cancelled/);
    assert.deepEqual(await scratches(), []);
    await begin("SIGKILL");
    const [left] = await scratches();
    assert.ok(left);
    const next = await run("rehearse", "--json", "--to", "0.2.0");
    assert.equal(next.code, 0, next.stderr);
    assert.match(next.stderr, new RegExp(`dropped '${left}', left by a run that died`));
    const { good, revisions } = JSON.parse(next.stdout) as { good: boolean; revisions: { revision: string }[] };
    assert.deepEqual([good, revisions.map(({ revision }) => revision)], [true, ["abc123", "b1c2d3"]]);
    await until(async () => (await scratches()).length === 0);
  });
});
