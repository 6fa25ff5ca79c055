import assert from "node:assert/strict";

import { engines } from "./support/engines";
import { killAll, workersIn } from "./support/processes";
import { assertSays, inScenario, unwrapped } from "./support/story";
import { together } from "./support/together";

const upgrade = { version: "1.0.0", acceptBreaking: "1.0.0" };

for (const engine of engines)
  describe(`a supervised night (${engine})`, () => {
    const story = together();

    story("up stops after the backup and after the migration for somebody to look, then goes on to the end", () =>
      inScenario({ engine, settings: { ...upgrade, stopAfter: "backup" } }, async (scenario) => {
        const original = await scenario.world();
        assertSays(await scenario.must(["preview"]), "after 'backup', as stopAfter says");
        const stopped = unwrapped(await scenario.upFails());
        assertSays(
          stopped,
          "Stopped after 'backup', as stopAfter says. Nothing was undone.",
          /Now: orchestrator stopped; database '\w+' at revision def456; backup \S+-0\.1\.0-attempt2\./,
          "npx octollm config rm stopAfter && npx octollm up",
          "or to bring OctoLLM 0.1.0 back: npx octollm abort",
        );
        assert.deepEqual(await scenario.world(), { ...original, serves: null });
        assertSays(
          unwrapped(await scenario.must(["status"])),
          /attempt 2, 0\.1\.0 -> 1\.0\.0, failed in Backup/,
          "Stopped after 'backup', as stopAfter says",
          "octollm preview, then octollm up, or octollm abort to bring 0.1.0 back",
        );
        await scenario.must(["config", "set", "stopAfter", "migrate"]);
        assertSays(unwrapped(await scenario.upFails()), /Now: orchestrator stopped; .* at revision e4f5a6;/);
        assert.equal((await scenario.world()).env, original.env);
        await scenario.must(["config", "rm", "stopAfter"]);
        await scenario.up();
        assert.deepEqual([(await scenario.world()).serves, (await scenario.world()).revision], ["1.0.0", "e4f5a6"]);
        await scenario.must(["preview", "--expect-no-changes"]);
        assert.deepEqual(await scenario.revisions(), ["+abc123 3", "+b1c2d3 3", "+e4f5a6 3"]);
      }),
    );

    story("abort brings the old release back after an attempt that was killed, and says so where there is none", () =>
      inScenario({ engine, settings: upgrade }, async (scenario) => {
        const original = await scenario.world();
        assertSays(await scenario.must(["abort"]), "There is no unfinished attempt. Nothing was touched.");
        const run = scenario.start(["up", "--yes", "--skip-preview"]);
        assert.ok(await run.says(/Environment environment updating/), run.output);
        killAll(() => workersIn(scenario.folder));
        await run.ended;
        assert.equal((await scenario.world()).revision, "e4f5a6");
        assertSays(await scenario.mustFail(["abort"]), "Without a terminal, --yes is needed. Nothing was touched.");
        assert.equal((await scenario.world()).revision, "e4f5a6");
        const said = unwrapped(await scenario.must(["abort", "--yes"]));
        assertSays(
          said,
          "revisions -e4f5a6, -b1c2d3, -abc123",
          "OctoLLM 0.1.0 serves again. Now: orchestrator 0.1.0; database",
          "at revision def456; backup ",
          "The stack still asks for 1.0.0. Next, to stay with 0.1.0: npx octollm config set version 0.1.0 && npx octollm up",
        );
        assert.deepEqual(await scenario.world(), original);
        assert.deepEqual(
          (await scenario.attempts()).map(({ attempt, status }) => `${attempt} ${status}`),
          ["1 succeeded", "2 superseded", "3 succeeded"],
        );
        scenario.set({ version: "0.1.0" });
        await scenario.up();
        assert.deepEqual(await scenario.world(), original);
        await scenario.must(["preview", "--expect-no-changes"]);
      }),
    );

    story("abort waits for nobody: while an up is at work it says who, and touches nothing", () =>
      inScenario({ engine, settings: upgrade }, async (scenario) => {
        scenario.leaveLock(process.pid);
        const before = await scenario.world();
        assertSays(
          unwrapped(await scenario.mustFail(["abort", "--yes"])),
          "the stack is currently locked by 1 lock(s)",
          new RegExp(`pid ${process.pid}`),
        );
        assert.deepEqual(await scenario.world(), before);
      }),
    );
  });
