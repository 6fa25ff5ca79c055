import assert from "node:assert/strict";

import { addsColumn, inventedCatalogue, type InventedRevision, inventRelease } from "./support/catalogue";
import { engines } from "./support/engines";
import { Proxy } from "./support/proxy";
import type { Scenario } from "./support/scenario";
import { assertSays, inScenario, unwrapped } from "./support/story";
import { together } from "./support/together";

/** Slow enough to be cut in the middle; the first one is committed by then. */
const sleeps = "SELECT pg_sleep(CASE WHEN EXISTS (SELECT FROM slow) THEN 60 ELSE 0 END);";
const second = addsColumn("bbb222", "second");
const revisions: readonly InventedRevision[] = [
  { ...addsColumn("aaa111", "first"), writers: "stopped" },
  { ...second, up: `${second.up}\n${sleeps}` },
];

/** Release 0.3.0, whose second revision takes a minute for as long as `setSlow` says so. */
async function invent(scenario: Scenario): Promise<void> {
  inventRelease(scenario.folder, { version: "0.3.0", after: "def456", revisions }, "0.1.0");
  scenario.behave({ "0.3.0": "stub" });
  await scenario.query("CREATE TABLE slow (yes boolean)");
  await scenario.query("INSERT INTO slow VALUES (true)");
}

async function inTheMiddle(scenario: Scenario): Promise<number> {
  for (;;) {
    const [session] = await scenario.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE application_name = 'octollm-upgrade: revision bbb222 up' AND query LIKE '%pg_sleep%'
         AND state = 'active' AND datname = current_database()`,
    );
    if (session) return session.pid;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

for (const engine of engines)
  describe(`a connection that breaks while up works (${engine})`, () => {
    const story = together();
    const settings = { version: "0.3.0", catalogue: inventedCatalogue };

    async function completes(scenario: Scenario): Promise<void> {
      await scenario.query("DELETE FROM slow");
      await scenario.up();
      const { revision, serves, data } = await scenario.world();
      assert.deepEqual([revision, serves, data.tasks], ["bbb222", "0.3.0", 500]);
    }

    story("the session of a revision is ended by the server: the old release serves again, then up completes", () =>
      inScenario({ engine, settings }, async (scenario) => {
        await invent(scenario);
        const before = await scenario.world();
        const run = scenario.start(["up", "--yes", "--skip-preview"]);
        await scenario.query(`SELECT pg_terminate_backend(${await inTheMiddle(scenario)})`);
        const { code, output } = await run.ended;
        assert.notEqual(code, 0, output);
        assertSays(
          unwrapped(output),
          "SchemaMigration failed: Revision bbb222 (invented bbb222), going up, failed:",
          "terminating connection due to administrator command",
          "Rolled back: the database is at revision aaa111, nothing of this revision stands.",
          "It was undone: OctoLLM 0.1.0 serves again.",
        );
        assert.deepEqual(await scenario.world(), before);
        assertSays(unwrapped(await scenario.must(["status"])), "failed in SchemaMigration");
        await completes(scenario);
      }),
    );

    story("every connection is cut at once, and the next ones get through: the old release serves again", () =>
      inScenario({ engine, settings }, async (scenario) => {
        await invent(scenario);
        const proxy = await Proxy.to(Number(new URL(scenario.databaseUrl).port));
        scenario.set({ database: { host: "127.0.0.1", port: proxy.port } });
        try {
          const before = await scenario.world();
          const run = scenario.start(["up", "--yes", "--skip-preview"]);
          await inTheMiddle(scenario);
          proxy.endConnections();
          const { code, output } = await run.ended;
          assert.notEqual(code, 0, output);
          assertSays(unwrapped(output), "It was undone: OctoLLM 0.1.0 serves again.");
          assert.deepEqual(await scenario.world(), before);
          await completes(scenario);
        } finally {
          await proxy.close();
        }
      }),
    );

    story("the way to the database stays cut: the text says what could not be done, and up completes later", () =>
      inScenario({ engine, settings }, async (scenario) => {
        await invent(scenario);
        const proxy = await Proxy.to(Number(new URL(scenario.databaseUrl).port));
        scenario.set({ database: { host: "127.0.0.1", port: proxy.port } });
        try {
          const run = scenario.start(["up", "--yes", "--skip-preview"]);
          await inTheMiddle(scenario);
          proxy.cut();
          const { code, output } = await run.ended;
          assert.notEqual(code, 0, output);
          assertSays(
            unwrapped(output),
            "The database does not answer now",
            "It could not be undone:",
            "Next, once the cause is removed: npx octollm up",
          );
          proxy.mend();
          assertSays(unwrapped(await scenario.must(["status"])), /attempt 2, 0\.1\.0 -> 0\.3\.0, (open|failed) in/);
          await completes(scenario);
        } finally {
          await proxy.close();
        }
      }),
    );
  });
