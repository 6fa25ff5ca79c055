import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

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
