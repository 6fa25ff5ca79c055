import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { text as readText } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";

import { backupInstallation, verifyBackup } from "../../backup/backup";
import { loadBeside } from "../../backup/beside";
import { loadCluster } from "../../backup/cluster";
import { loadSchema } from "../../backup/compare";
import { replaceContents } from "../../backup/replace";
import { chooseDumpTools, describeProgram } from "../../backup/tools";
import { type DatabaseAddress, parseDatabaseUrl, withClient } from "../../postgres/connection";
import { countRows } from "../../postgres/counts";
import { dropDatabase, newMark } from "../../postgres/databases";
import { withMaintenance } from "../../postgres/maintenance";
import { containerPlace } from "../../runtimes/docker/exec";
import { images } from "./support/images";
import { type DockerInstallation, startInstallation } from "./support/installation";

const container = "octollm-postgres";
const never = new AbortController().signal;
const quiet: { progress: (line: string) => void; signal: AbortSignal } = { progress: () => undefined, signal: never };
/** Where Debian has the programs; the ring's mounts are its own, so they can be hidden from this host. */
const programs = "/usr/lib/postgresql";

describe("PostgreSQL's tools in the container of the database", function () {
  this.timeout(120_000);
  let octollm: DockerInstallation;
  let address: DatabaseAddress;
  let folder: string;

  before(async () => {
    octollm = await startInstallation({ tasks: 3_000, services: ["planner-arm"] });
    address = parseDatabaseUrl(octollm.databaseUrl);
    folder = mkdtempSync(join(tmpdir(), "octollm-tools-"));
  });
  // The server is the container's first process: what it takes for a crash ends every session.
  afterEach(async () => {
    const log = await octollm.docker.getContainer(container).logs({ stdout: true, stderr: true });
    const [crash] = /.*(?:terminated by signal|server process .* exited).*/.exec(log.toString()) ?? [];
    assert.equal(crash, undefined);
  });
  after(async () => {
    await octollm?.remove();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  const inside = (name = container) => containerPlace(name, octollm.engine.host);

  /** Runs a test as on a host without PostgreSQL's programs. */
  async function withoutPrograms<T>(test: () => Promise<T>): Promise<T> {
    execFileSync("mount", ["-t", "tmpfs", "none", programs]);
    try {
      return await test();
    } finally {
      execFileSync("umount", [programs]);
    }
  }

  const wish = (id: string) => ({
    address,
    folder,
    id,
    envFile: join(octollm.folder, ".env"),
    configFolder: join(octollm.folder, "config"),
    release: "0.1.0",
    revision: "def456",
    planId: "0123456789ab",
    attempt: 1,
    jobs: 2,
    verify: "checksums" as const,
    invariants: [],
    recipients: [],
  });

  const backUp = (id: string, changes: object = {}) =>
    backupInstallation({ ...wish(id), inside: inside(), ...quiet, ...changes });

  /** Loads a backup into a database beside, where it is compared with what was dumped, and drops that. */
  async function load(id: string, activity = quiet): Promise<void> {
    const path = join(folder, id);
    const manifest = await verifyBackup(path, { inside: inside() });
    const { counts, revision } = manifest;
    const expected = { counts, revision, invariants: [], schema: await loadSchema(path) };
    const settings = (await loadCluster(path)).database;
    const mark = newMark("restore", { database: "octollm", backup: id });
    const target = { address: { ...address, database: "beside" }, settings, mark, folder: path, manifest, expected };
    await withMaintenance(address, { name: "test" }, async (client) => {
      await loadBeside(client, { ...target, jobs: 2, inside: inside(), label: "test", ...activity });
      await dropDatabase(client, "beside");
    });
  }

  /** Command lines in the container that are not the server's. */
  async function strangers(): Promise<string[]> {
    const top = (await octollm.docker.getContainer(container).top({ ps_args: "-eo pid,args" })) as {
      Processes: string[][];
    };
    const lines = top.Processes.map(([, line = ""]) => line);
    return lines.filter((line) => /pg_dump|pg_restore|psql|octollm-pid/.test(line) && !line.startsWith("postgres:"));
  }

  async function untilDumping(wanted: boolean): Promise<string[]> {
    for (const end = Date.now() + 20_000; Date.now() < end; await sleep(100)) {
      const found = await strangers();
      if (wanted ? found.some((line) => line.startsWith("pg_dump --format")) : found.length === 0) return found;
    }
    throw new Error(`in the container: ${(await strangers()).join("; ") || "nobody"}`);
  }

  async function temporaryFiles(): Promise<string> {
    const output = new PassThrough();
    const streams = { input: Readable.from([]), output, errors: new PassThrough().resume() };
    const [, text] = await Promise.all([
      inside().exec(["/bin/sh", "-c", "echo /tmp/*"], streams, never),
      readText(output),
    ]);
    return text;
  }

  /** Makes the next dump wait for a lock, so that it can be looked at and broken. */
  async function withStuckDump(test: () => Promise<void>): Promise<void> {
    await withClient(address, { name: "test" }, async (client) => {
      await client.query("BEGIN; LOCK TABLE api_keys");
      try {
        await test();
      } finally {
        await client.query("ROLLBACK");
      }
    });
  }

  it("are used where this host has none, and make a backup that is proven by a restore through them", async () => {
    await withoutPrograms(async () => {
      const lines: string[] = [];
      const progress = (line: string) => lines.push(line);
      const { counts } = await backUp("inside", { verify: "restore", progress });
      const { tool, verified } = await verifyBackup(join(folder, "inside"), { inside: inside() });
      assert.deepEqual([tool.program, tool.format], [`pg_dump in container '${container}'`, "custom"]);
      assert.equal(verified, "restore");
      assert.equal(counts.tasks, 3_000);
      assert.match(lines.join("\n"), /backup: pg_dump 15\.\d+ in container 'octollm-postgres', .* 1 jobs/);
      assert.match(lines.join("\n"), /verify: pg_restore 15\.\d+ in container 'octollm-postgres', 1 jobs/);
    });
    assert.ok(readdirSync(join(folder, "inside")).includes("database.dump"));
    assert.deepEqual(await strangers(), []);
  });

  it("stay unused where this host has fit ones, and read what those have made, as those read theirs", async () => {
    await backUp("here");
    const { tool } = await verifyBackup(join(folder, "here"));
    assert.deepEqual([tool.program.startsWith("/"), tool.format], [true, "directory"]);
    await load("inside");
    await withoutPrograms(() => load("here"));
    assert.doesNotMatch(await temporaryFiles(), /octollm/);
  });

  it("replace what is in a database, in one transaction, from either kind of dump", async () => {
    const before = await withClient(address, { name: "test" }, countRows);
    for (const id of ["inside", "here"]) {
      const path = join(folder, id);
      const manifest = await verifyBackup(path, { inside: inside() });
      await octollm.sql("CREATE TABLE made_since (n int)");
      await octollm.sql("DELETE FROM task_history");
      const what = { address, folder: path, manifest, extensions: [], statements: [] };
      await withoutPrograms(() => replaceContents({ ...what, inside: inside(), ...quiet }));
      assert.deepEqual(await withClient(address, { name: "test" }, countRows), before);
    }
    const path = join(folder, "inside");
    const manifest = await verifyBackup(path, { inside: inside() });
    const failing = { address, folder: path, manifest, extensions: [], statements: ["SELECT 1 / 0"] };
    await octollm.sql("CREATE TABLE made_since (n int)");
    await withoutPrograms(async () => {
      await assert.rejects(replaceContents({ ...failing, inside: inside(), ...quiet }), /division by zero/);
    });
    assert.equal((await octollm.sql("SELECT FROM made_since")).length, 0);
    await octollm.sql("DROP TABLE made_since");
    assert.deepEqual(await strangers(), []);
  });

  it("leave nothing behind when a restore is cancelled", async () => {
    for (const id of ["inside", "here"]) {
      const cancel = new AbortController();
      const progress = (line: string) => {
        if (line.startsWith("test: pg_restore"))
          setTimeout(() => cancel.abort(new Error("cancelled by the test")), 200);
      };
      const cancelled = withoutPrograms(() => load(id, { progress, signal: cancel.signal }));
      await assert.rejects(cancelled, /cancelled by the test/);
      assert.deepEqual(await octollm.sql("SELECT FROM pg_database WHERE datname = 'beside'"), []);
      await untilDumping(false);
    }
    assert.doesNotMatch(await temporaryFiles(), /octollm/);
  });

  it("get the password by standard input alone, and are gone from the container when the backup is cancelled", async () => {
    const cancel = new AbortController();
    await withoutPrograms(() =>
      withStuckDump(async () => {
        const failed = assert.rejects(backUp("stuck", { signal: cancel.signal }), /was cancelled/);
        try {
          const seen = (await untilDumping(true)).join("\n");
          const { ExecIDs } = await octollm.docker.getContainer(container).inspect();
          const execs = await Promise.all((ExecIDs ?? []).map((id) => octollm.docker.getExec(id).inspect()));
          assert.ok(execs.length > 0);
          for (const text of [seen, JSON.stringify(execs)]) assert.ok(!text.includes("not-a-real-password"), text);
        } finally {
          cancel.abort();
          await failed;
        }
        await untilDumping(false);
      }),
    );
    assert.ok(!readdirSync(folder).some((name) => name.startsWith("stuck")));
  });

  it("are gone from the container when this process is killed", async () => {
    await withoutPrograms(() =>
      withStuckDump(async () => {
        const script = `
          require(${JSON.stringify(join(__dirname, "../../boot/register.cjs"))});
          const { backupInstallation } = require(${JSON.stringify(join(__dirname, "../../backup/backup.ts"))});
          const { containerPlace } = require(${JSON.stringify(join(__dirname, "../../runtimes/docker/exec.ts"))});
          const inside = containerPlace(${JSON.stringify(container)}, ${JSON.stringify(octollm.engine.host)});
          const options = JSON.parse(process.argv[1]);
          backupInstallation({ ...options, inside, progress() {}, signal: new AbortController().signal });`;
        const child = spawn(process.execPath, ["-e", script, JSON.stringify(wish("killed"))], { stdio: "inherit" });
        await untilDumping(true);
        await sleep(500);
        child.kill("SIGKILL");
        await once(child, "exit");
        await untilDumping(false);
      }),
    );
  });

  it("are refused in a container of another server, in one that has none, and in one that is not there", async () => {
    const others = { "another-postgres": images.postgres, "no-tools": images.tools };
    const { docker } = octollm;
    for (const [name, Image] of Object.entries(others)) {
      const isServer = name === "another-postgres";
      const Env = [`POSTGRES_USER=${address.user}`, `POSTGRES_PASSWORD=${address.password}`, "POSTGRES_DB=octollm"];
      const how = isServer ? { Env } : { Cmd: ["sleep", "600"] };
      await (await docker.createContainer({ name, Image, ...how })).start();
    }
    const ready = ["pg_isready", "-h", "127.0.0.1", "-U", address.user];
    const nothing = () => ({
      input: Readable.from([]),
      output: new PassThrough().resume(),
      errors: new PassThrough().resume(),
    });
    while ((await inside("another-postgres").exec(ready, nothing(), never)) !== 0) await sleep(200);
    await withoutPrograms(async () => {
      await assert.rejects(
        backUp("another", { inside: inside("another-postgres") }),
        /In container 'another-postgres' there is another database server than the one at 127\.0\.0\.1:15432/,
      );
      const looks = {
        "no-tools": /container 'no-tools' {2}has no pg_dump/,
        missing: /There is no container 'missing'/,
      };
      for (const [name, text] of Object.entries(looks))
        await assert.rejects(chooseDumpTools({ serverMajor: 15, inside: inside(name), signal: never }), text);
      const found = await chooseDumpTools({ serverMajor: 15, inside: inside(), signal: never });
      assert.equal(describeProgram(found), `pg_dump in container '${container}'`);
    });
  });
});
