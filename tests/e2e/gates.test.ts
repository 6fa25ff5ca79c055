import assert from "node:assert/strict";

import { inventedCatalogue, inventRelease } from "./support/catalogue";
import { engines } from "./support/engines";
import { gone, killAll, workersIn } from "./support/processes";
import type { Scenario } from "./support/scenario";
import { assertSays, assertSilent, inScenario, unwrapped } from "./support/story";
import { together } from "./support/together";

async function plannedId(scenario: Scenario): Promise<string> {
  const [, id = ""] = /plan +([0-9a-f]{12}), attempt/.exec(await scenario.must(["preview"])) ?? [];
  assert.match(id, /^[0-9a-f]{12}$/);
  return id;
}

/** Release 1.1.0, whose way down loses what it has written. */
function inventLossy({ folder }: Scenario): void {
  const revision = {
    revision: "ddd444",
    up: "ALTER TABLE tasks ADD COLUMN cost integer NOT NULL DEFAULT 0;",
    down: "ALTER TABLE tasks DROP COLUMN cost;",
    downLoss: "the cost of every task",
    previousCode: "breaks" as const,
    writers: "stopped" as const,
  };
  inventRelease(folder, { version: "1.1.0", after: "e4f5a6", revisions: [revision] }, "1.0.0");
}

for (const engine of engines)
  describe(`what has to be accepted (${engine})`, () => {
    const story = together();
    const upgrade = { version: "1.0.0", acceptBreaking: "1.0.0" };

    story("a plan that nobody has reviewed is refused with nothing touched, the reviewed one passes", () =>
      inScenario({ engine, settings: upgrade }, async (scenario) => {
        const before = await scenario.world();
        const id = await plannedId(scenario);
        await scenario.must(["config", "set", "reviewedPlan", "0123456789ab"]);
        const text =
          `octollm:reviewedPlan: the plan is ${id}, but 0123456789ab was reviewed: the world or the settings have changed ` +
          `since. Look at the preview again, then: octollm config set reviewedPlan ${id}`;
        assertSays(unwrapped(await scenario.must(["preview"])), `warning: 'up' will refuse this. ${text}`);
        assertSays(
          unwrapped(await scenario.upFails()),
          `The upgrade was not started, nothing was touched. Still to be accepted: ${text}`,
        );
        assert.deepEqual(await scenario.world(), before);
        assert.equal((await scenario.attempts()).length, 1);
        assert.deepEqual(scenario.backups(), []);
        await scenario.must(["config", "set", "reviewedPlan", id]);
        await scenario.up();
        assert.equal((await scenario.world()).serves, "1.0.0");
      }),
    );

    story("what is left of a reviewed plan after a kill passes, and so does its way back", () =>
      inScenario({ engine, settings: upgrade }, async (scenario) => {
        const original = await scenario.world();
        const id = await plannedId(scenario);
        scenario.set({ reviewedPlan: id });
        await killAfterMigration(scenario);
        assert.notEqual((await scenario.world()).revision, "def456");
        await scenario.up();
        assert.equal((await scenario.world()).serves, "1.0.0");
        scenario.set({ version: "0.1.0", reviewedPlan: "" });
        await scenario.up();
        assert.deepEqual(await scenario.world(), original);
        // Again, and back at once.
        scenario.set({ version: "1.0.0", reviewedPlan: await plannedIdOf(scenario, "1.0.0") });
        await killAfterMigration(scenario);
        scenario.set({ version: "0.1.0" });
        await scenario.up();
        assert.deepEqual(await scenario.world(), original);
      }),
    );

    story("a way down that loses data is refused until its loss is accepted by its id", () =>
      inScenario({ engine, settings: { ...upgrade, catalogue: inventedCatalogue } }, async (scenario) => {
        inventLossy(scenario);
        scenario.behave({ "1.1.0": "stub" });
        scenario.set({ version: "1.1.0", acceptBreaking: "1.1.0" });
        assertSays(
          unwrapped(await scenario.must(["preview"])),
          "way back lossy-schema-down, loses ddd444 (invented ddd444): the cost of every task",
        );
        await scenario.up();
        assert.deepEqual([(await scenario.world()).serves, (await scenario.world()).revision], ["1.1.0", "ddd444"]);
        scenario.set({ version: "1.0.0" });
        const before = await scenario.world();
        const preview = unwrapped(await scenario.must(["preview"]));
        const [, loss = ""] =
          /loses ddd444 \(invented ddd444\): the cost of every task \(loss id ([0-9a-f]{8})\)/.exec(preview) ?? [];
        assert.match(loss, /^[0-9a-f]{8}$/, preview);
        assertSays(
          unwrapped(await scenario.upFails()),
          "The upgrade was not started, nothing was touched. Still to be accepted: octollm:acceptLoss: this loses data: ddd444 " +
            `(invented ddd444): the cost of every task. To accept that: octollm config set acceptLoss ${loss}`,
        );
        assert.deepEqual(await scenario.world(), before);
        await scenario.must(["config", "set", "acceptLoss", loss]);
        assertSilent(await scenario.must(["preview"]), "will refuse this");
        await scenario.up();
        const { serves, revision, data } = await scenario.world();
        assert.deepEqual([serves, revision, data.tasks], ["1.0.0", "e4f5a6", before.data.tasks]);
      }),
    );

    async function plannedIdOf(scenario: Scenario, version: string): Promise<string> {
      scenario.set({ version, reviewedPlan: "" });
      return plannedId(scenario);
    }

    async function killAfterMigration(scenario: Scenario): Promise<void> {
      const run = scenario.start(["up", "--yes", "--skip-preview"]);
      assert.ok(await run.says(/SchemaMigration pre updated/), run.output);
      killAll(() => workersIn(scenario.folder));
      await run.ended;
      assert.deepEqual(await gone(() => workersIn(scenario.folder), 5), []);
    }
  });
