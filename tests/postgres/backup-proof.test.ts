import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { backupInstallation, type BackupOptions, type BackupResult, verifyBackup } from "../../backup/backup";
import { loadCluster } from "../../backup/cluster";
import { loadSchema } from "../../backup/compare";
import { withOpenBackup } from "../../backup/open";
import { proveByRestore } from "../../backup/scratch";
import type { DatabaseAddress } from "../../postgres/connection";
import { soak } from "../e2e/support/soak";
import { installation, query } from "./installation";

const signal = new AbortController().signal;
let root: string;

interface Place {
  readonly address: DatabaseAddress;
  readonly folder: string;
  readonly envFile: string;
  readonly configFolder: string;
}

async function place(): Promise<Place> {
  const home = mkdtempSync(join(root, "site-"));
  mkdirSync(join(home, "config"));
  writeFileSync(join(home, "config/a.yaml"), "marked: config-mark-4711\n");
  writeFileSync(join(home, ".env"), "SECRET=env-mark-0815\n");
  const at = { folder: join(home, "backups"), envFile: join(home, ".env"), configFolder: join(home, "config") };
  return { address: await installation(), ...at };
}

function backUp(at: Place, changes: Partial<BackupOptions> = {}): Promise<BackupResult> {
  const about = { release: "0.1.0", revision: "def456", planId: "0123456789ab", attempt: 1 };
  const proof = { verify: "checksums" as const, invariants: [], recipients: [], inside: null };
  return backupInstallation({
    id: "b1",
    ...at,
    ...about,
    ...proof,
    jobs: 2,
    progress: () => undefined,
    signal,
    ...changes,
  });
}

async function databasesOf({ address }: Place): Promise<string[]> {
  const rows = await query<{ name: string }>(address, "SELECT datname AS name FROM pg_database ORDER BY 1");
  return rows.map(({ name }) => name);
}

async function prove(
  at: Place,
  path: string,
  changes: Partial<Parameters<typeof proveByRestore>[0]> = {},
): Promise<void> {
  const manifest = await verifyBackup(path);
  const folder = changes.folder ?? path;
  const dump = { ...manifest, schema: await loadSchema(folder), cluster: await loadCluster(folder) };
  const { id, revision } = manifest;
  const options = { address: at.address, id, folder, revision, invariants: [], jobs: 2, inside: null, dump };
  await proveByRestore({ ...options, progress: () => undefined, signal, ...changes });
}

describe("a backup that is proven by a restore", () => {
  before(() => (root = mkdtempSync(join(tmpdir(), "octollm-proof-"))));
  after(() => rmSync(root, { recursive: true, force: true }));

  it("is loaded into a scratch database and compared when it is made, which leaves no database behind", async () => {
    const at = await place();
    await query(
      at.address,
      `CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN short AS varchar(9) CHECK (VALUE IN ('a', 'b'));
       CREATE TABLE odd (id int GENERATED ALWAYS AS IDENTITY, m mood DEFAULT 'ok', s short, v varchar(20) CHECK (v IN ('x', 'y')),
         n numeric GENERATED ALWAYS AS (1.5) STORED);
       CREATE VIEW seen AS SELECT description FROM tasks WHERE status IN ('pending', 'x');
       CREATE INDEX ON tasks (lower(description)) WHERE priority > 2;
       CREATE TABLE parted (at date) PARTITION BY RANGE (at); CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
       INSERT INTO parted VALUES ('2026-05-05'); CREATE SCHEMA extra; CREATE TABLE extra."Odd Name" (id int); INSERT INTO extra."Odd Name" VALUES (1);
       CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql AS 'SELECT a'; GRANT SELECT ON tasks TO PUBLIC; ALTER TABLE odd ENABLE ROW LEVEL SECURITY;
       CREATE POLICY p ON odd USING (id > 0)`,
    );
    const before = await databasesOf(at);
    const invariants = [{ name: "no priority above 5", violations: "SELECT count(*) FROM tasks WHERE priority > 5" }];
    const result = await backUp(at, { verify: "restore", invariants });
    const manifest = await verifyBackup(result.path);
    assert.equal(manifest.verified, "restore");
    assert.ok((manifest.durations.restore ?? 0) > 0);
    assert.equal(manifest.counts['extra."Odd Name"'], 1);
    assert.deepEqual(await databasesOf(at), before);
  });

  it("is not there when an invariant does not hold in it", async () => {
    const at = await place();
    const invariants = [{ name: "no task at all", violations: "SELECT count(*) FROM tasks" }];
    await assert.rejects(
      backUp(at, { verify: "restore", invariants }),
      /invariant: no task at all: 1000 rows violate it/,
    );
    assert.deepEqual(readdirSync(at.folder), []);
  });

  it("lists each difference when it holds something else than it says", async () => {
    const at = await place();
    const { path } = await backUp(at);
    const file = join(path, "manifest.json");
    const manifest = JSON.parse(readFileSync(file, "utf8")) as { counts: Record<string, number>; revision: string };
    manifest.counts.tasks = 999;
    manifest.revision = "abc123";
    writeFileSync(file, JSON.stringify(manifest));
    const before = await databasesOf(at);
    await assert.rejects(prove(at, path), (error: Error) => {
      assert.match(error.message, /rows of tasks: 999 rows before, 1000 after/);
      assert.match(error.message, /alembic_version: def456 instead of abc123/);
      return true;
    });
    assert.deepEqual(await databasesOf(at), before);
  });

  it("is never proven in the installation's own database, nor in one that is there already", async () => {
    const at = await place();
    const { path } = await backUp(at);
    await assert.rejects(
      prove(at, path, { scratch: at.address.database }),
      /is the installation's own database: a backup is never proven in it/,
    );
    await assert.rejects(prove(at, path, { scratch: "postgres" }), /already exists/);
    assert.equal((await query(at.address, "SELECT FROM tasks")).length, 1000);
    assert.ok((await databasesOf(at)).includes("postgres"));
  });

  it("says which right is missing when the role may not make a scratch database", async () => {
    const at = await place();
    const name = `u_${randomBytes(4).toString("hex")}`;
    await query(at.address, `CREATE ROLE ${name} LOGIN PASSWORD 'pw-of-reader' IN ROLE pg_read_all_data`);
    const reader = { ...at, address: { ...at.address, user: name, password: "pw-of-reader" } };
    await assert.rejects(
      backUp(reader, { verify: "restore" }),
      new RegExp(`ALTER ROLE "${name}" CREATEDB; or: octollm config set --path backup\\.verify checksums`),
    );
    assert.deepEqual(readdirSync(at.folder), []);
  });

  it("holds what no dump holds: roles, and the database's own settings, rights and limits", async () => {
    const at = await place();
    const { database } = at.address;
    await query(
      at.address,
      `ALTER DATABASE ${database} SET work_mem = '7MB'; ALTER DATABASE ${database} SET search_path = "$user", public, "odd, name";
       ALTER DATABASE ${database} CONNECTION LIMIT 55; REVOKE CONNECT ON DATABASE ${database} FROM PUBLIC; COMMENT ON DATABASE ${database} IS 'it''s ours'`,
    );
    const cluster = await loadCluster((await backUp(at)).path);
    assert.deepEqual(
      cluster.database.settings.map(({ name, value }) => `${name}=${value}`),
      ['search_path="$user", public, "odd, name"', "work_mem=7MB"],
    );
    assert.deepEqual([cluster.database.connectionLimit, cluster.database.comment], [55, "it's ours"]);
    assert.ok(!cluster.database.grants.some(({ role, privilege }) => role === null && privilege === "CONNECT"));
    assert.ok(cluster.roles.some(({ name, superuser }) => name === at.address.user && superuser));
  });

  it("is made by one of two that would have the same name, and the other says so", async () => {
    const at = await place();
    const outcomes = await Promise.allSettled([backUp(at), backUp(at)]);
    assert.deepEqual(outcomes.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
    await verifyBackup(join(at.folder, "b1"));
    await Promise.all([backUp(at, { id: "b2" }), backUp(at, { id: "b3" })]);
    for (const id of ["b2", "b3"]) await verifyBackup(join(at.folder, id));
  });
});

describe("a backup of a large database", () => {
  before(() => (root = mkdtempSync(join(tmpdir(), "octollm-large-"))));
  after(() => rmSync(root, { recursive: true, force: true }));

  it("takes no more than 64 MB of this program's own memory for 300 MB", async function () {
    if (!soak) return this.skip();
    this.timeout(300_000);
    const at = await place();
    await query(
      at.address,
      `CREATE TABLE large AS SELECT n, (SELECT string_agg(md5(n::text || m), '') FROM generate_series(1, 60) m) AS text
       FROM generate_series(1, 160000) n`,
    );
    const script = `
      require(${JSON.stringify(join(__dirname, "../../boot/register.cjs"))});
      const { backupInstallation } = require(${JSON.stringify(join(__dirname, "../../backup/backup.ts"))});
      const options = JSON.parse(require("fs").readFileSync(0, "utf8"));
      const before = process.resourceUsage().maxRSS;
      backupInstallation({ ...options, progress() {}, signal: new AbortController().signal })
        .then(({ bytes }) => console.log(JSON.stringify({ bytes, kilobytes: process.resourceUsage().maxRSS - before })));`;
    const about = { release: "0.1.0", revision: "def456", planId: "x", attempt: 1, id: "large", jobs: 2 };
    const input = JSON.stringify({
      ...at,
      ...about,
      verify: "checksums",
      invariants: [],
      recipients: [],
      inside: null,
    });
    const said = execFileSync(process.execPath, ["-e", script], { input, encoding: "utf8" });
    const { bytes, kilobytes } = JSON.parse(said) as { bytes: number; kilobytes: number };
    assert.ok(bytes > 150e6, `only ${bytes} bytes`);
    assert.ok(kilobytes < 64_000, `${kilobytes} kB more than at the start`);
  });
});

describe("a backup that is encrypted", () => {
  before(() => (root = mkdtempSync(join(tmpdir(), "octollm-age-"))));
  after(() => rmSync(root, { recursive: true, force: true }));

  async function keys(): Promise<{ recipient: string; identityFile: string }> {
    const age = await import("age-encryption");
    const identity = await age.generateX25519Identity();
    const identityFile = join(root, `key-${randomBytes(4).toString("hex")}.txt`);
    writeFileSync(identityFile, `# created by a test\n${identity}\n`, { mode: 0o600 });
    return { recipient: await age.identityToRecipient(identity), identityFile };
  }

  it("is read by each of its recipients and by nobody else, and shows nothing of what is in it", async () => {
    const at = await place();
    const [ours, deputy, stranger] = [await keys(), await keys(), await keys()];
    const { path, files } = await backUp(at, { recipients: [ours.recipient, deputy.recipient] });
    assert.ok(
      files.every((file) => file.path.endsWith(".age")),
      JSON.stringify(files),
    );
    for (const name of readdirSync(path, { recursive: true, encoding: "utf8" }).filter((one) => /\.\w+$/.test(one)))
      assert.doesNotMatch(readFileSync(join(path, name), "latin1"), /env-mark-0815|config-mark-4711|CREATE TABLE/);
    await verifyBackup(path);
    const open = (identityFile: string) =>
      withOpenBackup(path, { identityFile, signal, progress: () => undefined }, async (folder) => {
        await prove(at, path, { folder });
        return readFileSync(join(folder, "environment.env"), "utf8");
      });
    for (const { identityFile } of [ours, deputy]) assert.equal(await open(identityFile), "SECRET=env-mark-0815\n");
    await assert.rejects(
      open(stranger.identityFile),
      /cannot be decrypted with the identities in .* It is encrypted to age1/s,
    );
    await assert.rejects(
      open(""),
      /Name the file with your age identity: octollm config set --path backup\.identityFile/,
    );
    assert.deepEqual(readdirSync(at.folder), ["b1"]);
  });

  it("is refused when a byte of it was changed, and by an identity file that others may read", async () => {
    const at = await place();
    const { recipient, identityFile } = await keys();
    const { path } = await backUp(at, { recipients: [recipient] });
    const file = join(path, "environment.env.age");
    const bytes = readFileSync(file);
    bytes[bytes.length - 1] = 255 - (bytes.at(-1) ?? 0);
    writeFileSync(file, bytes);
    await assert.rejects(verifyBackup(path), /environment\.env\.age: its content has changed \(SHA-256\)/);
    const open = (key: string) =>
      withOpenBackup(path, { identityFile: key, signal, progress: () => undefined }, () => Promise.resolve());
    await assert.rejects(open(identityFile), /'environment\.env\.age' of backup 'b1' cannot be decrypted/);
    assert.deepEqual(readdirSync(at.folder), ["b1"]);
    const loose = join(root, "loose.txt");
    writeFileSync(loose, readFileSync(identityFile), { mode: 0o644 });
    await assert.rejects(open(loose), /other users may read it; close it to them: chmod 600/);
  });
});
