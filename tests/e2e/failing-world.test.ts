import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Client } from "pg";

import { engines } from "./support/engines";
import { assertSays, inScenario, unwrapped } from "./support/story";
import { together } from "./support/together";

const upgrade = { version: "1.0.0", acceptBreaking: "1.0.0" };

for (const engine of engines)
  describe(`a world that does not play along (${engine})`, () => {
    const story = together();

    story("a backup folder that cannot be used: refused before anything is touched; once it can, up completes", () =>
      inScenario({ engine, settings: upgrade }, async (scenario) => {
        const inTheWay = join(scenario.installation, "backups");
        writeFileSync(inTheWay, "a file, not a folder");
        const before = await scenario.world();
        assertSays(
          unwrapped(await scenario.upFails()),
          `octollm:backup.folder: '${inTheWay}' cannot be used: ENOTDIR: not a directory`,
          "name another folder: octollm config set --path backup.folder <folder>",
        );
        assert.deepEqual(await scenario.world(), before);
        assert.equal((await scenario.attempts()).length, 1);
        rmSync(inTheWay);
        await scenario.up();
        assert.equal((await scenario.world()).serves, "1.0.0");
      }),
    );

    story("a client that stays in the database is named, the old release serves again; without it up completes", () =>
      inScenario({ engine, settings: { ...upgrade, quiesce: { timeout: 2 } } }, async (scenario) => {
        const before = await scenario.world();
        const client = new Client({ connectionString: scenario.databaseUrl, application_name: "nightly report" });
        await client.connect();
        try {
          assertSays(
            unwrapped(await scenario.upFails()),
            "Quiesce failed: After 2 s other clients are still connected to the database, and what they write now could be lost:",
            /'nightly report' of octollm from 127\.0\.0\.1, server process \d+, idle, since \d{4}-/,
            "octollm config set --path quiesce.terminate true",
            "It was undone: OctoLLM 0.1.0 serves again.",
          );
          assert.deepEqual(await scenario.world(), before);
          assert.deepEqual((await client.query("SELECT 1 AS alive")).rows, [{ alive: 1 }]);
        } finally {
          await client.end();
        }
        assert.deepEqual(scenario.backups(), []);
        await scenario.up();
        assert.equal((await scenario.world()).serves, "1.0.0");
      }),
    );

    story("a client that stays is ended where the settings say so, in the words of the refusal", () =>
      inScenario({ engine, settings: upgrade }, async (scenario) => {
        await scenario.must(["config", "set", "--path", "quiesce.terminate", "true"]);
        const client = new Client({ connectionString: scenario.databaseUrl, application_name: "nightly report" });
        client.on("error", () => undefined);
        await client.connect();
        const ended = new Promise((resolve) => client.once("end", resolve));
        await scenario.up();
        await ended;
        assert.equal((await scenario.world()).serves, "1.0.0");
      }),
    );

    story(
      "an .env that was edited between preview and up is upgraded as it is then, unless the preview was reviewed",
      () =>
        inScenario({ engine, settings: upgrade }, async (scenario) => {
          const [, reviewedPlan] = /plan +([0-9a-f]{12}), attempt/.exec(await scenario.must(["preview"])) ?? [];
          scenario.env = scenario.env.replace("CACHE_TTL=7200", "CACHE_TTL=900");
          const before = await scenario.world();
          scenario.set({ reviewedPlan });
          assertSays(
            unwrapped(await scenario.upFails()),
            /octollm:reviewedPlan: the plan is [0-9a-f]{12}, but [0-9a-f]{12} was reviewed/,
          );
          assert.deepEqual(await scenario.world(), before);
          scenario.set({ reviewedPlan: "" });
          await scenario.up();
          assertSays(scenario.env, "# [octollm 0.2.0] CACHE_TTL=900", "CACHE_L2_TTL=900");
          scenario.set({ version: "0.1.0" });
          await scenario.up();
          assert.deepEqual(await scenario.world(), before);
        }),
    );

    story(
      "an .env that is edited while up works is not written over, and the old release serves again with the edit",
      () =>
        inScenario({ engine, settings: upgrade }, async (scenario) => {
          const before = await scenario.world();
          const run = scenario.start(["up", "--yes", "--skip-preview"]);
          assert.ok(await run.says(/Backup backup updating/), run.output);
          const edited = scenario.env.replace("CACHE_TTL=7200", "CACHE_TTL=900");
          scenario.env = edited;
          const { code, output } = await run.ended;
          assert.notEqual(code, 0, output);
          assertSays(
            unwrapped(output),
            "Environment failed: '.env' was changed by somebody while the upgrade ran",
            "The file was not written.",
            "It was undone: OctoLLM 0.1.0 serves again.",
          );
          assert.deepEqual(await scenario.world(), { ...before, env: edited });
          await scenario.up();
          assertSays(scenario.env, "CACHE_L2_TTL=900");
          assert.equal((await scenario.world()).serves, "1.0.0");
        }),
    );
  });
