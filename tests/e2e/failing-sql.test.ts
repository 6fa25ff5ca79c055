import assert from "node:assert/strict";

import { addsColumn, inventedCatalogue, type InventedRevision, inventRelease } from "./support/catalogue";
import { engines } from "./support/engines";
import type { Scenario } from "./support/scenario";
import { assertSays, inScenario, unwrapped } from "./support/story";
import { together } from "./support/together";

const revisions: readonly InventedRevision[] = [
  { ...addsColumn("aaa111", "first"), writers: "stopped" },
  addsColumn("bbb222", "second"),
  addsColumn("ccc333", "third"),
];

/** Release 0.3.0 with three revisions, one of which fails when `broken` names it. */
function invent({ folder }: Scenario, broken: string | null): void {
  const fails = (revision: InventedRevision) => ({
    ...revision,
    up: `${revision.up}\nSELECT 1 / count(*) FILTER (WHERE false) FROM tasks;`,
  });
  const release = {
    version: "0.3.0",
    after: "def456",
    revisions: revisions.map((revision) => (revision.revision === broken ? fails(revision) : revision)),
  };
  inventRelease(folder, release, "0.1.0");
}

for (const engine of engines)
  describe(`a migration that fails (${engine})`, () => {
    const story = together();
    const places = {
      "first revision brings the old release back; mended, up completes": "aaa111",
      "middle revision brings the old release back; the old setting then completes": "bbb222",
      "last revision brings the old release back; mended, up completes": "ccc333",
    };

    for (const [title, broken] of Object.entries(places))
      story(`in its ${title}`, () =>
        inScenario({ engine, settings: { catalogue: inventedCatalogue } }, async (scenario) => {
          scenario.behave({ "0.3.0": "stub" });
          invent(scenario, broken);
          const before = await scenario.world();
          scenario.set({ version: "0.3.0" });
          const said = await scenario.upFails();
          assertSays(
            unwrapped(said),
            "SchemaMigration failed:",
            broken,
            "division by zero",
            "It was undone: OctoLLM 0.1.0 serves again.",
            /Now: orchestrator 0\.1\.0; database 't_[0-9a-f]+' at revision def456; backup /,
            "Next, once the cause is removed: npx octollm up",
            "or stay with OctoLLM 0.1.0: npx octollm config set version 0.1.0 && npx octollm up",
          );
          assert.deepEqual(await scenario.world(), before);
          const status = unwrapped(await scenario.must(["status"]));
          assertSays(
            status,
            "release 0.1.0",
            "revision def456",
            /attempt 2, 0\.1\.0 -> 0\.3\.0, failed in SchemaMigration/,
            "division by zero",
          );
          await complete(scenario, broken);
        }),
      );

    async function complete(scenario: Scenario, broken: string): Promise<void> {
      if (broken === "bbb222") {
        const before = await scenario.world();
        await scenario.must(["config", "set", "version", "0.1.0"]);
        await scenario.up();
        assert.deepEqual(await scenario.world(), before);
      } else {
        invent(scenario, null);
        await scenario.up();
        const { revision, serves, data } = await scenario.world();
        assert.deepEqual([revision, serves, data.tasks], ["ccc333", "0.3.0", 500]);
        assertSays(scenario.env, "INVENTED=yes");
      }
      assert.equal((await scenario.attempts()).at(-1)?.status, "succeeded");
    }
  });
