import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";

import type { DatabaseAddress } from "../../postgres/connection";
import { withMaintenance } from "../../postgres/maintenance";
import type { CloneWish } from "../../rehearsal/staging/clone";
import {
  clone,
  contents,
  databasesOf,
  makeProductionDatabase,
  makeStaging,
  removeStaging,
  secret,
  type Staging,
  wishOf,
} from "./clone-cases";
import { until } from "./installation";

const rules = [
  { table: "people", column: "name", as: "hash" },
  { table: "people", column: "notes", as: "jsonb_build_object('n', notes -> 'n')" },
  { table: "people", column: "photo", as: "hash" },
  { table: "people", column: "tags", as: "null" },
  { table: "letters", column: "body", as: "hash" },
  { table: "visits", column: "who", as: "hash" },
  { table: "animals", column: "name", as: "hash" },
];

/** Lines at which a clone is killed, and whose database staging has then. */
const points: readonly [line: RegExp, what: string, has: "its own" | "the clone"][] = [
  [/pg_dump \d/, "while production is read", "its own"],
  [/pg_restore \d/, "while objects and rows are loaded", "its own"],
  [/rows of \d+ masked tables/, "while the masked rows are loaded", "its own"],
  [/comparing rows/, "while it is compared", "its own"],
  [/is the clone now/, "right after the swap", "the clone"],
];

/** Clones in a process of its own, and kills that at a line. */
async function killedAt(line: RegExp, wish: CloneWish): Promise<void> {
  const child = spawn(process.execPath, ["-r", resolve("boot/register.cjs"), join(__dirname, "clone-child.ts")], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => {
    said += chunk.toString();
    if (line.test(said)) child.kill("SIGKILL");
  });
  child.stdin.end(JSON.stringify(wish));
  const [, signal] = (await once(child, "close")) as [number | null, string | null];
  assert.equal(signal, "SIGKILL", `it ended by itself:\n${said}`);
}

describe("a clone that is killed", function () {
  this.timeout(120_000);
  let production: DatabaseAddress;
  let original: string[];
  let staging: Staging;
  before(async () => {
    production = await makeProductionDatabase();
    original = await contents(production);
  });
  beforeEach(async () => (staging = await makeStaging()));
  afterEach(() => removeStaging(staging));

  /** What a kill cuts off goes on for a moment in the server and in pg_restore. */
  const quiet = () =>
    until(() =>
      withMaintenance(staging.address, { name: "test" }, async (client) => {
        const { rows } = await client.query(
          "SELECT FROM pg_stat_activity WHERE datname LIKE $1 || '%' AND backend_type = 'client backend'",
          [staging.address.database],
        );
        return rows.length === 0;
      }),
    );

  for (const [line, what, has] of points)
    it(`${what} leaves production untouched and staging whole, and the next one leaves nothing behind`, async () => {
      const own = await contents(staging.address);
      await killedAt(line, await wishOf(production, staging, rules));
      await quiet();
      assert.deepEqual(await contents(production), original);
      const now = await contents(staging.address);
      if (has === "its own") assert.deepEqual(now, own);
      else assert.ok(now.some((row) => row.startsWith("public.people ")) && !now.some((row) => row.includes(secret)));

      await clone({ ...(await wishOf(production, staging, rules)), at: Date.now() + 5_000 });
      assert.deepEqual(await databasesOf(staging), ["staging", "staging_before_clone-*"]);
      assert.deepEqual(readdirSync(join(staging.folder, "backups")), []);
      const cloned = await contents(staging.address);
      assert.deepEqual(
        cloned.filter((row) => row.includes(secret)),
        [],
      );
      assert.deepEqual(await contents(production), original);
    });

  it("at any moment, no unmasked value was ever written to a file or a table of staging", async () => {
    const wish = await wishOf(production, staging, rules);
    await killedAt(/comparing rows/, wish);
    await quiet();
    const [incoming] = await withMaintenance(staging.address, { name: "test" }, async (client) => {
      const { rows } = await client.query<{ name: string }>(
        "SELECT datname AS name FROM pg_database WHERE datname LIKE $1 || '_restore_%'",
        [staging.address.database],
      );
      return rows;
    });
    const rows = await contents({ ...staging.address, database: incoming?.name ?? "" });
    assert.deepEqual(
      rows.filter((row) => row.includes(secret)),
      [],
    );
    assert.ok(rows.filter((row) => row.startsWith("public.people ")).length > 500);
    await clone({ ...wish, at: Date.now() + 5_000 });
  });
});
