import assert from "node:assert/strict";

import { engines } from "./support/engines";
import type { Scenario } from "./support/scenario";
import { assertSays, assertSilent, inScenario, unwrapped } from "./support/story";
import { together } from "./support/together";

const rowsBut = (scenario: Scenario, id: string) =>
  scenario.query(`SELECT * FROM tasks WHERE id <> '${id}' ORDER BY id`);

async function priorityOf(scenario: Scenario, id: string): Promise<number | undefined> {
  return (await scenario.query<{ priority: number }>(`SELECT priority FROM tasks WHERE id = '${id}'`))[0]?.priority;
}

for (const engine of engines)
  describe(`from version to version (${engine})`, () => {
    const story = together();

    story("0.1.0 to 0.2.0 stops nobody, 1.0.0 follows, and 0.1.0 comes back in one go with every task", () =>
      inScenario({ engine, settings: { acceptBreaking: "1.0.0" } }, async (scenario) => {
        const original = await scenario.world();
        scenario.set({ version: "0.2.0" });
        assertSays(unwrapped(await scenario.must(["preview"])), "stops nothing");
        const first = await scenario.up();
        // The one restart of the target `local` comes with the deployment, once the schema and .env are done.
        assertSilent(
          first.slice(0, first.indexOf("services-orchestrator")),
          /stopping orchestrator|orchestrator: stopp/,
        );
        const middle = await scenario.world();
        assert.deepEqual([middle.serves, middle.revision, middle.data], ["0.2.0", "b1c2d3", original.data]);
        scenario.set({ version: "1.0.0" });
        await scenario.up();
        const upper = await scenario.world();
        assert.deepEqual([upper.serves, upper.revision, upper.data.tasks], ["1.0.0", "e4f5a6", original.data.tasks]);
        assert.deepEqual(await scenario.revisions(), ["+abc123 2", "+b1c2d3 2", "+e4f5a6 3"]);
        scenario.set({ version: "0.1.0" });
        await scenario.up();
        assert.deepEqual(await scenario.world(), original);
        assert.deepEqual(await scenario.revisions(), ["+abc123 2 -4", "+b1c2d3 2 -4", "+e4f5a6 3 -4"]);
        await scenario.must(["preview", "--expect-no-changes"]);
      }),
    );

    story("a priority that 0.1.0 cannot express comes back when 1.0.0 does", () =>
      inScenario({ engine, settings: { version: "1.0.0", acceptBreaking: "1.0.0" } }, async (scenario) => {
        const original = await scenario.world();
        await scenario.up();
        const created = await scenario.request("POST", "/api/v1/tasks", { description: "an odd one", priority: 7 });
        const { id } = created.body as { id: string };
        const onNew = await rowsBut(scenario, id);
        scenario.set({ version: "0.1.0" });
        await scenario.up();
        const onOld = await rowsBut(scenario, id);
        assert.equal(await priorityOf(scenario, id), 4);
        assert.equal(onOld.length, original.data.tasks);
        const { env, schema, serves } = await scenario.world();
        assert.deepEqual({ env, schema, serves }, { env: original.env, schema: original.schema, serves: "0.1.0" });
        scenario.set({ version: "1.0.0" });
        await scenario.up();
        assert.equal(await priorityOf(scenario, id), 7);
        assert.deepEqual(await rowsBut(scenario, id), onNew);
        // What was kept is used up: only what is odd at the next way down is kept again.
        assert.deepEqual(await scenario.query("SELECT FROM octollm_upgrade.kept_values"), []);
      }),
    );

    story("a stack without state that asks for an upgrade is told the two commands to type", () =>
      inScenario({ engine, kind: "installed" }, async (scenario) => {
        await scenario.must(["adopt", "--installation", "octollm", "--service", `orchestrator=${scenario.port}`]);
        const before = await scenario.world();
        await scenario.must(["config", "set", "version", "1.0.0"]);
        for (const argv of [["preview"], ["up", "--yes", "--skip-preview"]])
          assertSays(
            unwrapped(await scenario.mustFail(argv)),
            "octollm:version: OctoLLM 0.1.0 runs, and this stack has not adopted it yet. First: " +
              "octollm config set version 0.1.0 && octollm up then: octollm config set version 1.0.0 && octollm up",
          );
        assert.deepEqual(await scenario.world(), before);
        assert.deepEqual(await scenario.query("SELECT FROM pg_namespace WHERE nspname = 'octollm_upgrade'"), []);
      }),
    );

    story("destroy forgets: database, files and backups stay, and only what the stack started is stopped", () =>
      inScenario({ engine, settings: { version: "0.2.0" } }, async (scenario) => {
        await scenario.up();
        const before = await scenario.world();
        const backups = scenario.backups();
        const output = unwrapped(await scenario.must(["destroy", "--yes", "--skip-preview"]));
        assertSays(
          output,
          "Its database, its files and the backups in 'backups' stay as they are; to take it over again: octollm adopt",
        );
        assert.deepEqual(await scenario.world(), { ...before, serves: null });
        assert.deepEqual(scenario.backups(), backups);
      }),
    );

    story("destroy leaves a service alone that the stack did not start", () =>
      inScenario({ engine }, async (scenario) => {
        await scenario.stopService("0.1.0");
        await scenario.startByHand("0.1.0");
        const before = await scenario.world();
        await scenario.must(["destroy", "--yes", "--skip-preview"]);
        assert.deepEqual(await scenario.world(), before);
      }),
    );
  });
