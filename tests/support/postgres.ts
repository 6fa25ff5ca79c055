import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { Client } from "pg";

import { makeReachable, PrivatePostgres } from "../../demo/private-postgres";
import { atExit } from "./at-exit";

let shared: Promise<PrivatePostgres> | undefined;

/** One real PostgreSQL for the whole test process, started on first use and removed when the process ends. */
export async function testServer(): Promise<PrivatePostgres> {
  shared ??= start();
  return shared;
}

async function start(): Promise<PrivatePostgres> {
  const parent = mkdtempSync(join(tmpdir(), "octollm-test-"));
  makeReachable(parent);
  const server = await PrivatePostgres.create(join(parent, "postgres"));
  atExit(() => {
    server.destroy();
    rmSync(parent, { recursive: true, force: true });
  });
  return server;
}

/** A fresh, empty database on the shared server; answers its connection URL. */
export async function testDatabase(): Promise<string> {
  const server = await testServer();
  const name = `t_${randomBytes(6).toString("hex")}`;
  server.createDatabase(name);
  return server.url(name);
}

/** Statements that older servers do not know, with the major version that does. */
const since: readonly [RegExp, number][] = [
  [/^MERGE/, 15],
  [/SET EXPRESSION/, 17],
  [/VIRTUAL|ADD CONSTRAINT \w+ NOT NULL/, 18],
];

/** Whether the server of a session knows a statement, for tables of statements that all majors are judged by. */
export async function understoodBy(client: Pick<Client, "query">): Promise<(sql: string) => boolean> {
  const { rows } = await client.query<{ major: number }>(
    "SELECT current_setting('server_version_num')::int / 10000 AS major",
  );
  const major = rows[0]?.major ?? 0;
  return (sql) => since.every(([pattern, first]) => major >= first || !pattern.test(sql));
}

/**
 * Stops the server's own housekeeping, in whichever database, and waits until none is under way: it takes transaction
 * ids and writes sizes, which a test would take for ours.
 */
export async function pauseAutovacuum(databaseUrl: string): Promise<void> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query("ALTER SYSTEM SET autovacuum = off");
  await client.query("SELECT pg_reload_conf()");
  const workers = "SELECT 1 FROM pg_stat_activity WHERE backend_type LIKE 'autovacuum%'";
  while ((await client.query(workers)).rows.length > 0) await sleep(50);
  await client.end();
}
