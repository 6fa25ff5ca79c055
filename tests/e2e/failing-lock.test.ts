import assert from "node:assert/strict";

import { Client } from "pg";

import { inventedCatalogue, inventRelease } from "./support/catalogue";
import { engines } from "./support/engines";
import type { Scenario } from "./support/scenario";
import { assertSays, inScenario, unwrapped } from "./support/story";
import { together } from "./support/together";

/** A report that runs for hours: it has read `tasks` and goes on. */
async function withReader(scenario: Scenario, use: (reader: Client) => Promise<void>): Promise<void> {
  const reader = new Client({ connectionString: scenario.databaseUrl, application_name: "long report" });
  await reader.connect();
  try {
    await reader.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
    await reader.query("SELECT count(*) FROM tasks");
    await use(reader);
    assert.deepEqual((await reader.query("SELECT 1 AS alive")).rows, [{ alive: 1 }]);
  } finally {
    await reader.end();
  }
}

for (const engine of engines)
  describe(`a lock that somebody holds for long (${engine})`, () => {
    const story = together();

    story(
      "keeps a transactional revision waiting for a bounded time; nobody was stopped; afterwards up completes",
      () =>
        inScenario({ engine, settings: { catalogue: inventedCatalogue, version: "0.3.0" } }, async (scenario) => {
          const up = "ALTER TABLE tasks ADD COLUMN first integer;";
          const revision = { revision: "aaa111", up, down: "ALTER TABLE tasks DROP COLUMN first;" };
          inventRelease(scenario.folder, { version: "0.3.0", after: "def456", revisions: [revision] }, "0.1.0");
          scenario.behave({ "0.3.0": "stub" });
          scenario.set({ migration: { lockTimeout: 1, retries: 1 } });
          const before = await scenario.world();
          await withReader(scenario, async () => {
            const started = Date.now();
            assertSays(
              unwrapped(await scenario.upFails()),
              "SchemaMigration failed: Revision aaa111 (invented aaa111), going up, did not get its lock in 2 tries of 1 s.",
              /In its way: session \d+ of octollm \(long report\), idle in transaction since .*SELECT pg_terminate_backend\(\d+\);/,
              "It was undone: OctoLLM 0.1.0 serves again.",
            );
            assert.ok(Date.now() - started < 60_000);
            assert.deepEqual(await scenario.world(), before);
          });
          await scenario.up();
          assert.deepEqual([(await scenario.world()).serves, (await scenario.world()).revision], ["0.3.0", "aaa111"]);
        }),
    );

    story("keeps an index built CONCURRENTLY waiting for a bounded time; then either way is open", () =>
      inScenario({ engine, settings: { version: "0.2.0" } }, async (scenario) => {
        scenario.set({ migration: { concurrentlyTimeout: 2 } });
        const before = await scenario.world();
        await withReader(scenario, async () => {
          assertSays(
            unwrapped(await scenario.upFails()),
            "SchemaMigration failed: Revision abc123 (add_task_priority_index), going up, failed:",
            "canceling statement due to statement timeout",
            "Not stamped: the database is at revision def456",
            "It was undone: OctoLLM 0.1.0 serves again.",
            "INVALID index public.idx_tasks_status_priority is left behind, since it could not be dropped",
          );
          const { data, env, revision, serves } = await scenario.world();
          assert.deepEqual({ data, env, revision, serves, schema: before.schema }, before);
        });
        scenario.set({ version: "0.1.0" });
        await scenario.up();
        assert.deepEqual(await scenario.world(), before);
        scenario.set({ version: "0.2.0" });
        await scenario.up();
        const { serves, revision, data } = await scenario.world();
        assert.deepEqual([serves, revision, data], ["0.2.0", "b1c2d3", before.data]);
      }),
    );
  });
