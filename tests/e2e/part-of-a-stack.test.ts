import assert from "node:assert/strict";

import { engines } from "./support/engines";
import { assertSays, inScenario, unwrapped } from "./support/story";
import { together } from "./support/together";

const urn = (type: string, name: string) =>
  `urn:pulumi:dev::octollm::upgrade:index:Upgrade$upgrade:index:${type}::${name}`;

for (const engine of engines)
  describe(`a run of a part of the stack (${engine})`, () => {
    const story = together();
    const settings = { version: "1.0.0", acceptBreaking: "1.0.0" };

    story("with only Preflight as its target goes no further, and leaves the installation as it was", () =>
      inScenario({ engine, settings }, async (scenario) => {
        const before = await scenario.world();
        await scenario.octollm(["up", "--yes", "--skip-preview", "--target", urn("Preflight", "preflight")]);
        assert.deepEqual(await scenario.world(), before);
        assert.deepEqual(await scenario.revisions(), []);
        assertSays(unwrapped(await scenario.must(["status"])), /attempt 2, 0\.1\.0 -> 1\.0\.0, failed/);
        await scenario.up();
        assert.equal((await scenario.world()).serves, "1.0.0");
      }),
    );

    story("with a migration as its target migrates nothing: Preflight has planned nothing", () =>
      inScenario({ engine, settings }, async (scenario) => {
        const before = await scenario.world();
        await scenario.octollm(["up", "--yes", "--skip-preview", "--target", urn("SchemaMigration", "pre")]);
        assert.deepEqual(await scenario.world(), before);
        assert.equal((await scenario.attempts()).length, 1);
      }),
    );

    for (const [type, name] of [
      ["Backup", "backup"],
      ["SchemaMigration", "pre"],
    ] as const)
      story(`that was tainted (${type}) is refused where nothing else is to be done, and comes with the whole`, () =>
        inScenario({ engine }, async (scenario) => {
          const before = await scenario.world();
          await scenario.must(["state", "taint", urn(type, name), "--yes"]);
          assertSays(
            unwrapped(await scenario.upFails()),
            "is not under way: a phase runs only after Preflight in the same run. Nothing was touched.",
          );
          assert.deepEqual(await scenario.world(), before);
          assert.deepEqual(scenario.backups(), []);
          await scenario.must(["state", "untaint", urn(type, name), "--yes"]);
          await scenario.must(["preview", "--expect-no-changes"]);
        }),
      );
  });
