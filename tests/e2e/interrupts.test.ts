import assert from "node:assert/strict";

import { engines } from "./support/engines";
import { gone, isPulumisOwn, workersIn } from "./support/processes";
import type { Scenario } from "./support/scenario";
import { soak } from "./support/soak";
import { assertSays, inScenario, unwrapped } from "./support/story";
import { taskCount } from "./support/template";
import { together } from "./support/together";

/** What an engine writes when a phase begins; the others only where there is time. */
const sample = new Set(["SchemaMigration pre", "Command services-orchestrator"]);
const phases = [
  "Preflight preflight",
  "Quiesce quiesce",
  "Backup backup",
  "SchemaMigration pre",
  "Environment environment",
  "Command services-orchestrator",
  "Resume resume",
  "Verification verification",
  "SchemaMigration post",
].filter((phase) => soak || sample.has(phase));

/** Ctrl-C: a terminal sends it to every process of its foreground group. */
async function interrupt(scenario: Scenario, phase: string): Promise<string> {
  const run = scenario.start(["up", "--yes", "--skip-preview"]);
  assert.ok(await run.says(new RegExp(`${phase} updating`)), run.output);
  process.kill(-run.pid, "SIGINT");
  const { code, output } = await run.ended;
  assert.notEqual(code, 0, output);
  assert.deepEqual(await gone(() => workersIn(scenario.folder).filter((found) => !isPulumisOwn(found)), 20), []);
  return unwrapped(output);
}

for (const engine of engines)
  describe(`an up that is interrupted by Ctrl-C (${engine})`, () => {
    const story = together();

    for (const phase of phases)
      story(`during ${phase}: the old release serves again and takes tasks, and the next up brings them along`, () =>
        inScenario({ engine, settings: { version: "1.0.0", acceptBreaking: "1.0.0" } }, async (scenario) => {
          const before = await scenario.world();
          const said = await interrupt(scenario, phase);
          assert.deepEqual(await scenario.world(), before, said);
          if (phase !== "Preflight preflight")
            assertSays(said, /It was undone: OctoLLM 0\.1\.0 serves again\.|Nothing was touched\./, "npx octollm up");
          const { body } = await scenario.request("POST", "/tasks", { description: "in between", priority: 3 });
          const { id } = body as { id: string };
          const status = unwrapped(await scenario.must(["status"]));
          assertSays(status, "release 0.1.0", "revision def456");
          if ((await scenario.attempts()).length > 1)
            assertSays(status, /attempt 2, 0\.1\.0 -> 1\.0\.0, failed in \w+/);
          await scenario.up();
          const { serves, revision, data } = await scenario.world();
          assert.deepEqual([serves, revision, data.tasks], ["1.0.0", "e4f5a6", taskCount + 1]);
          assert.deepEqual(await scenario.query(`SELECT priority FROM tasks WHERE id = '${id}'`), [{ priority: 6 }]);
        }),
      );
  });
