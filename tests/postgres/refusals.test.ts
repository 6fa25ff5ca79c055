import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { Client } from "pg";

import { freePort, makeReachable, PrivatePostgres } from "../../demo/private-postgres";
import { parseDatabaseUrl } from "../../postgres/connection";
import type { Properties } from "../../provider/codec";
import { withAdopted } from "../support/adopted";
import { Installed, preflight } from "../support/installed";
import { ProviderProcess } from "../support/provider-client";

describe("a world that cannot be upgraded", function () {
  this.timeout(60_000);
  let installed: Installed;
  let provider: ProviderProcess;
  let adopted: Properties;

  withAdopted((there) => void ({ installed, provider, adopted } = there));

  /** What a preview of 1.0.0 says is wrong; nothing may have been touched by it. */
  async function refusals(): Promise<string[]> {
    const before = await installed.everything();
    const { failures } = await provider.check(preflight, installed.inputs("1.0.0"), adopted);
    assert.deepEqual(await installed.everything(), before);
    return failures;
  }

  async function assertRefused(...patterns: RegExp[]): Promise<void> {
    const found = await refusals();
    for (const pattern of patterns)
      assert.ok(
        found.some((text) => pattern.test(text)),
        `${String(pattern)} in:\n${found.join("\n")}`,
      );
    assert.equal(found.length, patterns.length, found.join("\n"));
  }

  const env = () => installed.installation.env;

  /** Puts another `.env` in place while a test runs. */
  async function withEnv(change: (text: string) => string, test: () => Promise<void>): Promise<void> {
    const kept = `${env()}.kept`;
    renameSync(env(), kept);
    try {
      writeFileSync(env(), change(readFileSync(kept, "utf8")), { mode: 0o600 });
      await test();
    } finally {
      rmSync(env());
      renameSync(kept, env());
    }
  }

  const withUrl = (url: string, test: () => Promise<void>) =>
    withEnv((text) => text.replaceAll(installed.databaseUrl, url), test);

  async function withSql(change: string, back: string, test: () => Promise<void>): Promise<void> {
    await installed.sql(change);
    try {
      await test();
    } finally {
      await installed.sql(back);
    }
  }

  it("has no .env: what can be looked at without it is", async () => {
    renameSync(env(), `${env()}.kept`);
    try {
      await assertRefused(/^\.env: The settings file '.*\.env' does not exist\. Nothing was touched\./);
    } finally {
      renameSync(`${env()}.kept`, env());
    }
  });

  it("has an .env that cannot be read", async () => {
    renameSync(env(), `${env()}.kept`);
    mkdirSync(env());
    try {
      await assertRefused(/^\.env: The settings file '.*\.env' cannot be read \(EISDIR\)/);
    } finally {
      rmSync(env(), { recursive: true });
      renameSync(`${env()}.kept`, env());
    }
  });

  it("refuses our password, without showing it", async () => {
    const url = new URL(installed.databaseUrl);
    url.password = "wrong-marked-4711";
    await withUrl(url.href, async () => {
      await assertRefused(/^database: Cannot connect to .* as octollm\. .*password/);
      assert.ok(!provider.said.join("\n").includes("wrong-marked-4711"));
    });
  });

  it("is nowhere to be reached, and its catalogue is broken as well: both are said", async () => {
    const url = new URL(installed.databaseUrl);
    url.port = "1";
    const settings = { ...installed.site, catalogue: "no-such-folder" };
    await withUrl(url.href, async () => {
      const { failures } = await provider.check(preflight, { ...installed.inputs("1.0.0"), settings }, adopted);
      assert.match(failures.join("\n"), /no-such-folder: the release catalogue is broken: there is no such folder/);
      assert.match(failures.join("\n"), /^database: Cannot connect to .*127\.0\.0\.1:1/m);
      assert.equal(failures.length, 2);
    });
  });

  it("lets our role read and nothing else: every missing right is said at once, with the command that gives it", async () => {
    await installed.sql("CREATE ROLE watcher LOGIN PASSWORD 'watch'; GRANT pg_read_all_data TO watcher");
    // Up to PostgreSQL 14 everybody may.
    await installed.sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    const url = new URL(installed.databaseUrl);
    url.username = "watcher";
    url.password = "watch";
    await withUrl(url.href, () =>
      assertRefused(
        /^database: role 'watcher' may not make the schema .*: GRANT CREATE ON DATABASE \S+ TO watcher$/,
        /^database: role 'watcher' may not change alembic_version\. .* ON alembic_version TO watcher$/,
        /abc123_add_task_priority_index\.sql:11: only the owner may do this to tasks, which belongs to 'octollm', not 'watcher'/,
        /abc123.*:11: role 'watcher' may not make idx_tasks_status_priority\. .*: GRANT CREATE ON SCHEMA public TO watcher/,
        /b1c2d3.*:11: only the owner may do this to task_history/,
        /b1c2d3.*:11: role 'watcher' may not make idx_task_history_created_brin/,
        /e4f5a6.*:12: only the owner may do this to tasks/,
        /e4f5a6.*:19: role 'watcher' may not change rows of tasks/,
        /e4f5a6.*:28: only the owner may do this to tasks/,
      ),
    );
  });

  it("has no alembic_version: its schema is recognised, and the command that stamps it proposed", async () => {
    await withSql(
      "ALTER TABLE alembic_version RENAME TO elsewhere",
      "ALTER TABLE elsewhere RENAME TO alembic_version",
      () =>
        assertRefused(
          /^alembic_version: database '\S+' has no revision .* Its schema is that of OctoLLM 0\.1\.0\. .*\n {2}npx octollm adopt --revision def456$/,
        ),
    );
  });

  it("has two heads, or a revision that nobody knows", async () => {
    await withSql(
      "INSERT INTO alembic_version VALUES ('zzz999')",
      "DELETE FROM alembic_version WHERE version_num = 'zzz999'",
      () => assertRefused(/^alembic_version: .* has 2 heads \(def456, zzz999\)/),
    );
    await withSql(
      "UPDATE alembic_version SET version_num = 'fff000'",
      "UPDATE alembic_version SET version_num = 'def456'",
      () => assertRefused(/^alembic_version: .* at revision 'fff000', which is in no release of the catalogue/),
    );
  });

  it("lacks a table that pending SQL names, or has a view in its place", async () => {
    const back = "ALTER TABLE elsewhere RENAME TO task_history";
    await withSql("ALTER TABLE task_history RENAME TO elsewhere", back, () =>
      assertRefused(
        /^0\.2\.0\/migrations\/b1c2d3\S+:11: needs relation task_history, which is not there \(in database/,
      ),
    );
    const hidden = "ALTER TABLE task_history RENAME TO elsewhere; CREATE VIEW task_history AS SELECT * FROM elsewhere";
    await withSql(hidden, `DROP VIEW task_history; ${back}`, () =>
      assertRefused(/^0\.2\.0\/migrations\/b1c2d3\S+:11: needs task_history to be a table, and it is a view/),
    );
  });

  it("takes no changes by default", async () => {
    const { database } = parseDatabaseUrl(installed.databaseUrl);
    const reset = `BEGIN READ WRITE; ALTER DATABASE ${database} RESET default_transaction_read_only; COMMIT`;
    await withSql(`ALTER DATABASE ${database} SET default_transaction_read_only = on`, reset, () =>
      assertRefused(/^database: '\S+' takes no changes: default_transaction_read_only is on/),
    );
  });

  it("has a variable twice that the upgrade changes", async () => {
    await withEnv(
      (text) => `${text}CACHE_TTL=1\n`,
      () => assertRefused(/^\.env: CACHE_TTL: stands more than once, and the upgrade changes it/),
    );
  });

  it("has something else on the service's port", async () => {
    const port = await freePort();
    const stranger: Server = createServer((_request, response) => response.writeHead(404).end("not me"));
    stranger.listen(port, "127.0.0.1");
    await once(stranger, "listening");
    const [service] = installed.site.services;
    const settings = { ...installed.site, services: [{ ...service, port }] };
    try {
      const { failures } = await provider.check(preflight, { ...installed.inputs("1.0.0"), settings }, adopted);
      assert.equal(failures.length, 1, failures.join("\n"));
      assert.match(
        failures[0] ?? "",
        /^octollm:services\.orchestrator: port \d+ is held by '\S+' \(pid \d+\), which answered 404 at \/health\. It is not taken for the service/,
      );
    } finally {
      stranger.close();
    }
  });

  it("is a standby, which nobody can write to", async () => {
    const parent = mkdtempSync(join(tmpdir(), "octollm-standby-"));
    makeReachable(parent);
    const server = await PrivatePostgres.create(join(parent, "postgres"));
    try {
      server.createDatabase("octollm");
      const { host, port, user, password } = server.address;
      const source = parseDatabaseUrl(installed.databaseUrl);
      const dump = spawnSync(
        "sh",
        [
          "-c",
          `pg_dump -h 127.0.0.1 -p ${source.port} -U ${source.user} ${source.database} | PGPASSWORD=${password} psql -q -h ${host} -p ${port} -U ${user} octollm`,
        ],
        { env: { ...process.env, PGPASSWORD: source.password }, encoding: "utf8" },
      );
      assert.equal(dump.status, 0, dump.stderr);
      server.stop();
      writeFileSync(join(parent, "postgres", "data", "standby.signal"), "");
      chmodSync(join(parent, "postgres", "data", "standby.signal"), 0o644);
      server.start();
      await withUrl(server.url("octollm"), async () => {
        const { failures } = await provider.check(preflight, installed.inputs("1.0.0"), adopted);
        assert.match(failures.join("\n"), /^database: 'octollm' is on a read-only replica \(in recovery\)/m);
      });
    } finally {
      server.destroy();
      rmSync(parent, { recursive: true, force: true });
    }
  });

  it("is behind pgbouncer in transaction mode, and not refused behind one in session mode", async function () {
    if (spawnSync("sh", ["-c", "command -v pgbouncer"]).status !== 0) this.skip();
    for (const mode of ["transaction", "session"] as const) {
      const bouncer = await Bouncer.start(installed.databaseUrl, mode);
      try {
        await withUrl(bouncer.url, async () => {
          if (mode === "session") return assertRefused();
          await assertRefused(
            /^database: \S+ on 127\.0\.0\.1:\d+ as octollm is reached through a connection pooler in transaction mode: .* database\.host <host>/,
          );
          // What we set in a session of ours would have stayed in the server's, for the next client of the pooler.
          const client = new Client({ connectionString: bouncer.url });
          await client.connect();
          const { rows } = await client.query("SHOW default_transaction_read_only");
          await client.end();
          assert.deepEqual(rows, [{ default_transaction_read_only: "off" }]);
        });
      } finally {
        await bouncer.stop();
      }
    }
  });
});

/** A real pgbouncer in front of a test's server. */
class Bouncer {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(url: string, child: ChildProcess, folder: string) {
    this.url = url;
    this.#child = child;
    this.#folder = folder;
  }

  static async start(databaseUrl: string, mode: "transaction" | "session"): Promise<Bouncer> {
    const { host, port, database, user, password } = parseDatabaseUrl(databaseUrl);
    const folder = mkdtempSync(join(tmpdir(), "octollm-pgbouncer-"));
    chmodSync(folder, 0o777);
    const listen = await freePort();
    const users = join(folder, "users.txt");
    writeFileSync(users, `"${user}" "${password}"\n`, { mode: 0o644 });
    const settings = [
      "[databases]",
      `${database} = host=${host} port=${port} dbname=${database}`,
      "[pgbouncer]",
      "listen_addr = 127.0.0.1",
      `listen_port = ${listen}`,
      "unix_socket_dir =",
      "auth_type = scram-sha-256",
      `auth_file = ${users}`,
      `pool_mode = ${mode}`,
    ];
    const file = join(folder, "pgbouncer.ini");
    writeFileSync(file, settings.join("\n"), { mode: 0o644 });
    const asOther = process.getuid?.() === 0 ? ["-u", "nobody"] : [];
    const child = spawn("pgbouncer", [...asOther, file], { stdio: "ignore" });
    await listening(listen);
    const url = new URL(databaseUrl);
    url.port = String(listen);
    return new Bouncer(url.href, child, folder);
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function listening(port: number): Promise<void> {
  for (const end = Date.now() + 5_000; Date.now() < end; await sleep(50)) {
    const socket = connect(port, "127.0.0.1");
    const open = await Promise.race([
      once(socket, "connect").then(() => true),
      once(socket, "error").then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (open) return;
  }
  throw new Error(`nothing listens on port ${port}`);
}
