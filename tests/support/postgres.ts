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
