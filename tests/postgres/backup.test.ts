import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import * as tar from "tar";

import { type BackupError, backupInstallation, listBackups, verifyBackup } from "../../backup/backup";
import { libpqEnvironment } from "../../backup/libpq-environment";
import { chooseCompression, chooseDumpTools } from "../../backup/tools";
import { findBinary } from "../../postgres/binaries";
import { type DatabaseAddress, withClient } from "../../postgres/connection";
import { countRows } from "../../postgres/counts";
import { testServer } from "../support/postgres";
import { installation, outsider, query, until } from "./installation";

const unproven = { verify: "checksums" as const, invariants: [], recipients: [], inside: null };
const never = new AbortController().signal;
const environment = "# ours\nPOSTGRES_PASSWORD='s3cr3t'\r\nEMPTY=\n\nLAST=no newline";

interface Site {
  readonly address: DatabaseAddress;
  readonly folder: string;
  readonly envFile: string;
  readonly configFolder: string;
}

let root: string;

async function site(): Promise<Site> {
  const home = mkdtempSync(join(root, "site-"));
  mkdirSync(join(home, "config/arms"), { recursive: true });
  writeFileSync(join(home, "config/arms/planner.yaml"), "model: ünïcode\n");
  writeFileSync(join(home, ".env"), environment, { mode: 0o644 });
  return {
    address: await installation(),
    folder: join(home, "backups"),
    envFile: join(home, ".env"),
    configFolder: join(home, "config"),
  };
}

function backUp(at: Site, { id = "b1", signal = never, lines = [] as string[] } = {}) {
  const about = { release: "0.1.0", revision: "def456", planId: "0123456789ab", attempt: 1, ...unproven };
  return backupInstallation({ ...at, ...about, id, jobs: 2, progress: (line) => lines.push(line), signal });
}

async function failing(work: Promise<unknown>): Promise<BackupError> {
  try {
    await work;
  } catch (error) {
    return error as BackupError;
  }
  throw new Error("it should have failed");
}

/** Restores the dump into a new database of the same server. */
async function restore(at: Site, path: string): Promise<DatabaseAddress> {
  const database = `r_${randomBytes(6).toString("hex")}`;
  (await testServer()).createDatabase(database);
  const address = { ...at.address, database };
  execFileSync(findBinary("pg_restore"), ["-d", database, "--exit-on-error", join(path, "database")], {
    env: libpqEnvironment(address),
    stdio: "pipe",
  });
  return address;
}

/** Processes of pg_dump for one database's backups, found by the folder in their arguments. */
function dumpProcesses(folder: string): { pid: number; arguments: string }[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const line = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ");
        return line.includes(folder) ? [{ pid: Number(name), arguments: line }] : [];
      } catch {
        return [];
      }
    });
}

/** Makes the next dump of an installation wait for a lock, so that it can be looked at and broken. */
async function withStuckDump<T>(at: Site, use: (release: () => Promise<void>) => Promise<T>): Promise<T> {
  return outsider(at.address, async (client) => {
    await client.query("CREATE TABLE zz_stuck (id int)");
    await client.query("BEGIN; LOCK TABLE zz_stuck");
    return use(async () => void (await client.query("ROLLBACK")));
  });
}

describe("a backup", () => {
  before(() => (root = mkdtempSync(join(tmpdir(), "octollm-backup-"))));
  after(() => rmSync(root, { recursive: true, force: true }));

  it("holds database, .env and config, privately, and can be verified and listed", async () => {
    const at = await site();
    const result = await backUp(at);
    assert.equal(result.counts.tasks, 1000);
    assert.equal(readFileSync(join(result.path, "environment.env"), "utf8"), environment);
    const names: string[] = [];
    await tar.list({ file: join(result.path, "config.tar.gz"), onReadEntry: (entry) => names.push(entry.path) });
    assert.ok(names.includes("./config/arms/planner.yaml"), names.join());
    for (const file of ["", "database"]) assert.equal(statSync(join(result.path, file)).mode & 0o777, 0o700);
    for (const { path } of [...result.files, { path: "manifest.json" }])
      assert.equal(statSync(join(result.path, path)).mode & 0o777, 0o600, path);
    const manifest = await verifyBackup(result.path);
    assert.deepEqual([manifest.release, manifest.revision, manifest.attempt], ["0.1.0", "def456", 1]);
    assert.match(manifest.installation.systemIdentifier ?? "", /^\d+$/);
    assert.deepEqual(
      (await listBackups(at.folder)).map(({ id, fault }) => [id, fault]),
      [["b1", null]],
    );
    assert.deepEqual(readdirSync(at.folder), ["b1"]);
    assert.doesNotMatch(readFileSync(join(result.path, "manifest.json"), "utf8"), new RegExp(at.address.password));
  });

  it("counts exactly the rows of its dump while somebody writes", async () => {
    const at = await site();
    let writing = true;
    const writer = outsider(at.address, async (client) => {
      while (writing)
        await client.query("INSERT INTO tasks (description) SELECT 'meanwhile' FROM generate_series(1, 20)");
    });
    const result = await backUp(at);
    writing = false;
    await writer;
    const restored = await restore(at, result.path);
    const there = await withClient(restored, { name: "test", readOnly: true }, countRows);
    assert.deepEqual(there, result.counts);
    const live = await withClient(at.address, { name: "test", readOnly: true }, countRows);
    assert.ok((live.tasks ?? 0) > (there.tasks ?? 0), "the writer wrote during the backup");
    assert.equal((await query(restored, "SELECT FROM octollm_upgrade.attempts")).length, 1);
  });

  it("names every file that is not as it was written", async () => {
    const at = await site();
    const { path } = await backUp(at);
    const table = readdirSync(join(path, "database")).find((name) => /^\d+\.dat/.test(name)) ?? "";
    appendFileSync(join(path, "environment.env"), "x");
    truncateSync(join(path, "database/toc.dat"), 100);
    rmSync(join(path, "config.tar.gz"));
    writeFileSync(join(path, "database/extra"), "");
    const bytes = readFileSync(join(path, "database", table));
    bytes[bytes.length - 3] = 255 - (bytes[bytes.length - 3] ?? 0);
    writeFileSync(join(path, "database", table), bytes);
    const error = await failing(verifyBackup(path));
    assert.deepEqual(
      [...error.faults]
        .map((fault) => fault.replace(/\d+ bytes/g, "n bytes").replace(/instead of \d+/, "instead of n"))
        .sort(),
      [
        "config.tar.gz: is missing",
        `database/${table}: its content has changed (SHA-256)`,
        "database/extra: is not part of the backup",
        "database/toc.dat: has n bytes instead of n",
        "environment.env: has n bytes instead of n",
      ].sort(),
    );
  });

  it("is refused when its manifest leads out of its folder, is cut off or is gone, and when a file became a link", async () => {
    const at = await site();
    const { path } = await backUp(at);
    const manifest = join(path, "manifest.json");
    const good = readFileSync(manifest, "utf8");
    writeFileSync(manifest, good.replace('"environment.env"', '"../.env"'));
    assert.match((await failing(verifyBackup(path))).message, /files\.\d+\.path: is not a plain relative path/);
    writeFileSync(manifest, good.slice(0, 50));
    assert.match((await failing(verifyBackup(path))).message, /manifest\.json: cannot be read/);
    rmSync(manifest);
    assert.match((await failing(verifyBackup(path))).message, /manifest\.json: is missing/);
    assert.match((await listBackups(at.folder))[0]?.fault ?? "", /is missing/);
    writeFileSync(manifest, good);
    rmSync(join(path, "environment.env"));
    symlinkSync(at.envFile, join(path, "environment.env"));
    assert.deepEqual((await failing(verifyBackup(path))).faults, ["environment.env: is not a plain file"]);
  });

  it("never shows the password in arguments, and is not there after pg_dump was killed", async () => {
    const at = await site();
    await withStuckDump(at, async () => {
      const failed = failing(backUp(at));
      await until(() =>
        Promise.resolve(
          dumpProcesses(at.folder).some(
            (dump) => dump.arguments.startsWith("/") && !dump.arguments.startsWith("/bin/sh"),
          ),
        ),
      );
      const processes = dumpProcesses(at.folder);
      for (const process of processes) assert.ok(!process.arguments.includes(at.address.password));
      const dump = processes.find(
        (process) => process.arguments.includes("pg_dump") && !process.arguments.startsWith("/bin/sh"),
      );
      process.kill(dump?.pid ?? 0, "SIGKILL");
      const error = await failed;
      assert.match(error.message, /'.*pg_dump' was killed by signal 9/);
      assert.match(
        error.message,
        /No backup 'b1' was made.*removed.*not|neither the database nor the installation was changed/,
      );
      assert.ok(!error.message.includes(at.address.password));
    });
    assert.deepEqual(readdirSync(at.folder), []);
  });

  it("ends pg_dump and leaves nothing when it is cancelled", async () => {
    const at = await site();
    await withStuckDump(at, async () => {
      const cancel = new AbortController();
      const failed = failing(backUp(at, { signal: cancel.signal }));
      await until(() => Promise.resolve(dumpProcesses(at.folder).length > 1));
      cancel.abort();
      assert.match((await failed).message, /was cancelled\. No backup 'b1' was made/);
    });
    assert.deepEqual(dumpProcesses(at.folder), []);
    assert.deepEqual(readdirSync(at.folder), []);
  });

  it("ends pg_dump when its own process is killed, and the next one clears up", async () => {
    const at = await site();
    await withStuckDump(at, async (release) => {
      const script = `
        require(${JSON.stringify(join(__dirname, "../../boot/register.cjs"))});
        const { backupInstallation } = require(${JSON.stringify(join(__dirname, "../../backup/backup.ts"))});
        const options = JSON.parse(require("fs").readFileSync(0, "utf8"));
        setTimeout(() => process.kill(process.pid, "SIGKILL"), 2500);
        backupInstallation({ ...options, progress() {}, signal: new AbortController().signal });`;
      const about = { release: "0.1.0", revision: null, planId: "x", attempt: 1, ...unproven };
      const options = { ...at, id: "killed", ...about, jobs: 2 };
      assert.throws(
        () => execFileSync(process.execPath, ["-e", script], { input: JSON.stringify(options), stdio: "pipe" }),
        { signal: "SIGKILL" },
      );
      await until(() => Promise.resolve(dumpProcesses(at.folder).length === 0));
      assert.deepEqual(readdirSync(at.folder), ["killed.partial"]);
      mkdirSync(join(at.folder, "somebody-elses.partial"));
      await release();
    });
    const lines: string[] = [];
    await backUp(at, { lines });
    assert.ok(lines.some((line) => line.includes("removed 'killed.partial'")));
    assert.deepEqual(readdirSync(at.folder).sort(), ["b1", "somebody-elses.partial"]);
  });

  it("says that the disk is full, and leaves nothing behind", async function () {
    const at = await site();
    mkdirSync(at.folder, { mode: 0o700 });
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", at.folder], { stdio: "pipe" });
    } catch {
      return this.skip();
    }
    try {
      await query(
        at.address,
        "INSERT INTO tasks (description) SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 20000) n GROUP BY n % 200",
      );
      const error = await failing(backUp(at));
      assert.match(error.message, /There is not enough room in '.*backups' for the backup/);
      assert.deepEqual(readdirSync(at.folder), []);
    } finally {
      execFileSync("umount", [at.folder]);
    }
  });

  it("is not made over another one, under a bad name, without its .env or into a file", async () => {
    const at = await site();
    await backUp(at);
    assert.match((await failing(backUp(at))).message, /There is a backup 'b1' in .* already; it was left as it is/);
    assert.match((await failing(backUp(at, { id: "../b2" }))).message, /cannot name a backup/);
    assert.match(
      (await failing(backUp({ ...at, envFile: "/nowhere/.env" }, { id: "b2" }))).message,
      /\/nowhere\/\.env/,
    );
    assert.match((await failing(backUp({ ...at, folder: at.envFile }))).message, /backup folder .* cannot be used/);
    assert.deepEqual(readdirSync(at.folder), ["b1"]);
    await verifyBackup(join(at.folder, "b1"));
  });

  it("fails clearly, without the password, where a table may not be read or the password is wrong", async () => {
    const at = await site();
    const name = `u_${randomBytes(4).toString("hex")}`;
    await query(
      at.address,
      `CREATE ROLE ${name} LOGIN PASSWORD 'pw-of-reader'; GRANT SELECT ON alembic_version TO ${name}`,
    );
    const reader = { ...at.address, user: name, password: "pw-of-reader" };
    const denied = await failing(backUp({ ...at, address: reader }));
    assert.match(denied.message, /permission denied for (table|schema)/);
    const wrong = await failing(backUp({ ...at, address: { ...at.address, password: "not-the-password" } }));
    assert.match(wrong.message, /The password for .* is wrong/);
    for (const error of [denied, wrong]) assert.doesNotMatch(error.message, /pw-of-reader|not-the-password/);
    assert.deepEqual(readdirSync(at.folder), []);
  });

  it("is refused with every pg_dump named when all are older than the server", async () => {
    const error = await failing(chooseDumpTools({ serverMajor: 99, inside: null, signal: never }));
    assert.match(error.message, /The server is PostgreSQL 99, and pg_dump must not be older\. Found:/);
    assert.match(error.message, new RegExp(findBinary("pg_dump").replaceAll("/", "\\/")));
    assert.match(error.message, /apt install postgresql-client-99/);
  });

  it("passes over an old pg_dump on PATH, and takes zstd where the build has it", async () => {
    const fake = (major: number, compression: string) => {
      const folder = mkdtempSync(join(root, "tools-"));
      const say = `case "$1" in --version) echo "pg_dump (PostgreSQL) ${major}.3";; *) echo "${compression}" >&2; exit 1;; esac`;
      for (const name of ["pg_dump", "pg_restore"]) {
        writeFileSync(join(folder, name), `#!/bin/sh\n${say}\n`);
        chmodSync(join(folder, name), 0o755);
      }
      return folder;
    };
    const path = process.env.PATH;
    const [old, bare, full] = [
      fake(14, ""),
      fake(17, "this build does not support compression with ZSTD"),
      fake(18, "no such host"),
    ];
    try {
      process.env.PATH = [old, bare, full, path].join(":");
      const chosen = await chooseDumpTools({ serverMajor: 15, inside: null, signal: never });
      assert.deepEqual([chosen.dump, chosen.version], [join(bare, "pg_dump"), "17.3"]);
      assert.equal(await chooseCompression(chosen, never), "gzip:1");
      const newest = await chooseDumpTools({ serverMajor: 18, inside: null, signal: never });
      assert.equal(await chooseCompression(newest, never), "zstd:1");
    } finally {
      process.env.PATH = path;
    }
    assert.ok(existsSync(old));
  });
});
