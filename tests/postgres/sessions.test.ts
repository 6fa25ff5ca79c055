import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { createServer } from "node:net";

import { freePort } from "../../demo/private-postgres";
import {
  type DatabaseAddress,
  DatabaseFault,
  describeAddress,
  parseDatabaseUrl,
  withClient,
} from "../../postgres/connection";
import { readDatabaseFacts } from "../../postgres/facts";
import { acquireUpgradeLock, UpgradeLockedError } from "../../postgres/lock";
import { foreignSessions, terminateSessions } from "../../postgres/sessions";
import { testDatabase } from "../support/postgres";
import { installation, outsider, query, until } from "./installation";

const test = { name: "test" };
const preview = { name: "preview", readOnly: true };

async function fault(work: Promise<unknown>): Promise<DatabaseFault> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof DatabaseFault, String(error));
    return error;
  }
  throw new Error("it should have failed");
}

describe("a database URL", () => {
  const cases: [url: string, expected: Partial<DatabaseAddress>][] = [
    ["postgres://u:p@h/d", { host: "h", port: 5432, database: "d", user: "u", password: "p" }],
    [
      "postgresql+asyncpg://u:p%40%2Fä@h:6432/d?ssl=require",
      { port: 6432, password: "p@/ä", ssl: { mode: "require" } },
    ],
    ["postgresql+psycopg2://u:p/#?%zz@[::1]:1/d", { host: "::1", port: 1, password: "p/#?%zz" }],
    ["postgresql://u@/d?host=/run/postgresql", { host: "/run/postgresql", password: "" }],
    [
      "postgresql://u:p@h/d?sslmode=verify-full&sslrootcert=/c.pem",
      { ssl: { mode: "verify-full", rootCertificate: "/c.pem" } },
    ],
    ["postgresql://u:p@h/d%20e?sslmode=prefer", { database: "d e" }],
  ];
  for (const [url, expected] of cases)
    it(`is read: ${url}`, () => {
      const address = parseDatabaseUrl(url);
      assert.deepEqual({ ...address, ...expected }, address);
      assert.ok(
        address.password === "" || address.password === "p" || !describeAddress(address).includes(address.password),
      );
    });

  for (const url of [
    "mysql://u:s3cr3t@h/d",
    "s3cr3t",
    "postgresql://u:s3cr3t@h",
    "postgresql://h/s3cr3t",
    "postgresql://u:s3cr3t@h:99999/d",
    "postgresql://u:s3@cr3t@h/d",
    "postgresql://u:s3cr3t@a,b/d",
    "postgresql://u:s3cr3t@h/d?sslmode=s3cr3t",
  ])
    it(`is refused without quoting it: ${url}`, () => {
      assert.throws(
        () => parseDatabaseUrl(url),
        (error: Error) => /cannot be used/.test(error.message) && !/s3|cr3t/.test(error.message),
      );
    });
});

describe("a session", () => {
  let address: DatabaseAddress;
  before(async () => (address = await installation()));

  it("has the program's name, keeps microseconds and big numbers, and may be READ ONLY", async () => {
    await withClient(address, { ...preview, name: "ä".repeat(60) }, async (client) => {
      const { rows } = await client.query<Record<string, string>>(
        "SELECT current_setting('application_name') AS name, timestamptz '2026-01-02 03:04:05.123456+00' AS at, 9007199254740993::int8 AS big",
      );
      assert.match(rows[0]?.name ?? "", /^octollm-upgrade: /);
      assert.match(rows[0]?.at ?? "", /05\.123456/);
      assert.equal(rows[0]?.big, "9007199254740993");
      await assert.rejects(client.query("CREATE TABLE x ()"), { code: "25006" });
    });
  });

  const wrong = { password: "Wr0ng-pass", database: "no_such_db" };
  it("says what is wrong when it cannot begin, without the password", async () => {
    const use = () => Promise.resolve();
    const refused = await fault(withClient({ ...address, port: await freePort() }, test, use));
    assert.match(refused.message, /Nobody answers at .*Start PostgreSQL/);
    const password = await fault(withClient({ ...address, password: wrong.password }, test, use));
    assert.deepEqual([password.kind, password.code], ["refused-login", "28P01"]);
    const none = await fault(withClient({ ...address, password: "" }, test, use));
    assert.equal(none.kind, "refused-login");
    const database = await fault(withClient({ ...address, database: wrong.database }, test, use));
    assert.match(database.message, /There is no database 'no_such_db'.*createdb no_such_db/);
    const host = await fault(withClient({ ...address, host: "no-such-host.invalid" }, test, use));
    assert.equal(host.kind, "unreachable");
    const ssl = await fault(withClient({ ...address, ssl: { mode: "require" } }, test, use));
    assert.match(ssl.message, /offers no encryption/);
    for (const error of [refused, password, none, database, host, ssl])
      assert.ok(!error.message.includes(wrong.password) && !error.message.includes(address.password));
  });

  it("gives up on a server that never answers", async () => {
    const hole = createServer();
    await new Promise<void>((resolve) => hole.listen(0, "127.0.0.1", resolve));
    const { port } = hole.address() as { port: number };
    const started = Date.now();
    const error = await fault(
      withClient({ ...address, port }, { ...test, connectTimeoutMs: 300 }, () => Promise.resolve()),
    );
    hole.close();
    assert.equal(error.kind, "timeout");
    assert.ok(Date.now() - started < 4_000);
  });

  it("reports its end by the server, in a query and between queries", async () => {
    const kill = (pid: number) => query(address, `SELECT pg_terminate_backend(${pid})`);
    const pidOf = async (client: { query: (sql: string) => Promise<{ rows: { pid: number }[] }> }) =>
      (await client.query("SELECT pg_backend_pid() AS pid")).rows[0]?.pid ?? 0;
    const during = await fault(
      withClient(address, test, async (client) => {
        const pid = await pidOf(client);
        setTimeout(() => void kill(pid), 100);
        await client.query("SELECT pg_sleep(20)");
      }),
    );
    assert.equal(during.kind, "terminated");
    const between = await fault(
      withClient(address, test, async (client) => {
        await kill(await pidOf(client));
        await new Promise((resolve) => setTimeout(resolve, 200));
        await client.query("SELECT 1");
      }),
    );
    assert.equal(between.kind, "lost");
  });

  it("of somebody else is listed and ended; the program's own are not", async () => {
    await withClient(address, preview, async (client) => {
      assert.deepEqual(await foreignSessions(client), []);
      const staying = outsider(address, (other) => other.query("SELECT pg_sleep(30)"));
      staying.catch(() => undefined);
      await until(async () => (await foreignSessions(client)).some(({ state }) => state === "active"));
      const [session] = await foreignSessions(client);
      assert.deepEqual(
        [session?.application, session?.user, session?.clientAddress],
        ["some service", "octollm", "127.0.0.1"],
      );
      assert.deepEqual(await terminateSessions(client, [session?.pid ?? 0]), []);
      assert.deepEqual(await foreignSessions(client), []);
      await assert.rejects(staying);
    });
  });
});

describe("the facts of a database", () => {
  it("show an installation", async () => {
    const address = await installation();
    await query(
      address,
      "ANALYZE; CREATE INDEX broken ON tasks (status); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'broken'::regclass",
    );
    const facts = await withClient(address, preview, readDatabaseFacts);
    assert.deepEqual(facts.revisions, ["def456"]);
    assert.equal(facts.isEmpty, false);
    assert.equal(facts.inRecovery, false);
    assert.match(facts.systemIdentifier ?? "", /^\d{19}$/);
    assert.ok(facts.serverVersionNumber >= 140_000);
    assert.deepEqual(facts.invalidIndexes, ["public.broken"]);
    assert.deepEqual([facts.role.isOwnerOrSuperuser, facts.role.isSuperuser], [true, true]);
    const tasks = facts.relations.find(({ name }) => name === "tasks");
    assert.equal(tasks?.estimatedRows, 1000);
    assert.ok(tasks.bytes > 50_000);
  });

  it("show an empty database, and are not held up by an exclusive lock", async () => {
    const address = parseDatabaseUrl(await testDatabase());
    const empty = await withClient(address, preview, readDatabaseFacts);
    assert.deepEqual([empty.isEmpty, empty.hasAlembicVersion, empty.revisions], [true, false, []]);
    await outsider(address, async (client) => {
      await client.query("CREATE TABLE t (id int)");
      await client.query("BEGIN; LOCK TABLE t");
      const facts = await withClient(address, preview, readDatabaseFacts);
      assert.deepEqual(
        facts.relations.map(({ name, bytes }) => [name, bytes]),
        [["t", 0]],
      );
    });
  });

  it("show a role that owns nothing", async () => {
    const address = await installation();
    const name = `u_${randomBytes(4).toString("hex")}`;
    await query(address, `CREATE ROLE ${name} LOGIN PASSWORD 'reader'; GRANT SELECT ON alembic_version TO ${name}`);
    const { role } = await withClient({ ...address, user: name, password: "reader" }, preview, readDatabaseFacts);
    assert.equal(role.isOwnerOrSuperuser, false);
    assert.ok(role.notOwned.includes("public.tasks"));
    assert.equal(role.mayCreateSchema, false);
  });
});

describe("the upgrade lock", () => {
  it("is had by one of eight, and the others are told who has it", async () => {
    const address = await installation();
    const takers = Array.from({ length: 8 }, (_, n) =>
      acquireUpgradeLock(address, { holder: { stack: `stack${n}`, host: "laptop", pid: 100 + n } }),
    );
    const ends = await Promise.allSettled(takers);
    const locks = ends.flatMap((end) => (end.status === "fulfilled" ? [end.value] : []));
    assert.equal(locks.length, 1);
    const winner = ends.findIndex((end) => end.status === "fulfilled");
    for (const end of ends) {
      if (end.status === "fulfilled") continue;
      const { message } = end.reason as Error;
      assert.ok(end.reason instanceof UpgradeLockedError, message);
      assert.ok(
        message.includes(
          `'octollm-upgrade: stack${winner}@laptop ${100 + winner}' from 127.0.0.1, server process ${locks[0]?.backend}`,
        ),
        message,
      );
      assert.match(message, /attempt 1, stack 'dev', host 'test-host', pid 4711, 0\.1\.0 -> 1\.0\.0/);
      assert.match(message, /nothing was changed/);
    }
    await locks[0]?.release();
    await locks[0]?.release();
    const next = await acquireUpgradeLock(address, { holder: { stack: "next" } });
    assert.equal(next.lost.aborted, false);
    await next.release();
    assert.equal(next.lost.aborted, false);
  });

  it("keeps the pid in its name, says when it is lost, and can be had again then", async () => {
    const address = await installation();
    const lock = await acquireUpgradeLock(address, {
      holder: { stack: "s".repeat(80), host: "h".repeat(80), pid: 31_337 },
    });
    const [session] = await query<{ application_name: string }>(
      address,
      `SELECT application_name FROM pg_stat_activity WHERE pid = ${lock.backend}`,
    );
    assert.match(session?.application_name ?? "", / 31337$/);
    await query(address, `SELECT pg_terminate_backend(${lock.backend})`);
    await until(() => Promise.resolve(lock.lost.aborted));
    assert.match((lock.lost.reason as Error).message, /upgrade lock of .* is gone/);
    await lock.release();
    await (await acquireUpgradeLock(address, { holder: { stack: "next" } })).release();
  });
});
