import assert from "node:assert/strict";

import { engines } from "./support/engines";
import { kill, whole } from "./support/kill";
import { marked, marks, SecretSearch } from "./support/marks";
import { isService, killAll, processesIn } from "./support/processes";
import type { Scenario } from "./support/scenario";
import { assertSays, assertSilent, inScenario, unwrapped } from "./support/story";
import { taskCount } from "./support/template";
import { together } from "./support/together";
import { servedOn } from "./support/world";

const upgrade = { version: "1.0.0", acceptBreaking: "1.0.0" };

async function create(scenario: Scenario, path: string, priority: number): Promise<string> {
  const { status, body } = await scenario.request("POST", path, { description: "in between", priority });
  assert.equal(status, 201, JSON.stringify(body));
  return (body as { id: string }).id;
}

async function priorityOf(scenario: Scenario, id: string): Promise<number | undefined> {
  return (await scenario.query<{ priority: number }>(`SELECT priority FROM tasks WHERE id = '${id}'`))[0]?.priority;
}

/** Kills an up once the schema is the new one. */
async function stopHalfWay(scenario: Scenario): Promise<void> {
  const run = scenario.start(["up", "--yes", "--skip-preview"]);
  assert.ok(await run.says(/Environment environment updating/), run.output);
  await kill(scenario, run, whole);
}

for (const engine of engines)
  describe(`services that come and go as they like (${engine})`, () => {
    const story = together();

    story("the new one ends while it is verified: the old one serves again, then up completes", () =>
      inScenario({ engine, settings: upgrade }, async (scenario) => {
        scenario.behave({ "1.0.0": "mortal" });
        const before = await scenario.world();
        assertSays(
          unwrapped(await scenario.upFails()),
          "Verification failed:",
          "orchestrator answers GET /api/v1/tasks?limit=1 with 200: no answer",
          "It was undone: OctoLLM 0.1.0 serves again.",
        );
        assert.deepEqual(await scenario.world(), before);
        scenario.behave({});
        await scenario.up();
        assert.equal((await scenario.world()).serves, "1.0.0");
      }),
    );

    story("what clients write to a new release that then fails, and to the old one after it, is there in the end", () =>
      inScenario({ engine, settings: upgrade }, async (scenario) => {
        scenario.env = marked(scenario.env);
        scenario.behave({ "1.0.0": "faulty" });
        const run = scenario.start(["up", "--yes", "--skip-preview"]);
        while ((await servedOn(scenario.port)) !== "1.0.0") assert.equal(run.child.exitCode, null, run.output);
        const onNew = await create(scenario, "/api/v1/tasks", 7);
        const { code, output } = await run.ended;
        assert.notEqual(code, 0, output);
        assertSays(
          unwrapped(output),
          "Verification failed:",
          "ERROR the cellar is flooded, https://example.com/***",
          "serves again.",
        );
        assertSilent(output, ...marks);
        assert.equal(await priorityOf(scenario, onNew), 4);
        const onOld = await create(scenario, "/tasks", 5);
        scenario.behave({});
        await scenario.up();
        const { serves, data } = await scenario.world();
        assert.deepEqual([serves, data.tasks], ["1.0.0", taskCount + 2]);
        assert.deepEqual([await priorityOf(scenario, onNew), await priorityOf(scenario, onOld)], [7, 10]);
      }),
    );

    story("whose last words are full of secrets: nothing of it is told or kept, at failure, rollback and after", () =>
      inScenario({ engine, settings: upgrade }, async (scenario) => {
        scenario.env = marked(scenario.env);
        const search = new SecretSearch([...marks, new URL(scenario.databaseUrl).password]);
        scenario.behave({ "1.0.0": "leaky" });
        const texts = [await scenario.upFails()];
        assertSays(unwrapped(texts.join()), "Resume failed:", "cannot start with", "OctoLLM 0.1.0 serves again.");
        texts.push(await scenario.must(["status"]));
        scenario.behave({});
        await stopHalfWay(scenario);
        scenario.set({ version: "0.1.0" });
        for (const argv of [["up", "--yes"], ["preview", "--diff"], ["stack", "export", "--show-secrets"], ["status"]])
          texts.push(await scenario.must(argv));
        texts.push(JSON.stringify(await scenario.ledger()));
        assert.deepEqual(search.findings({ folder: scenario.folder, texts }), []);
      }),
    );

    story("the command that starts the new one fails outright: the old one serves again, then up completes", () =>
      inScenario({ engine, settings: upgrade }, async (scenario) => {
        const before = await scenario.world();
        const real = `exec '${process.execPath}' "$@"`;
        scenario.installTools({
          node: `case "$*" in *'service start'*) echo 'no cellar' >&2; exit 9;; *) ${real};; esac`,
        });
        assertSays(
          unwrapped(await scenario.upFails()),
          "no cellar",
          "The run ended before its last phase. It was undone: OctoLLM 0.1.0 serves again.",
        );
        assert.deepEqual(await scenario.world(), before);
        assertSays(unwrapped(await scenario.must(["status"])), "failed in Environment");
        scenario.installTools({ node: real });
        await scenario.up();
        assert.equal((await scenario.world()).serves, "1.0.0");
      }),
    );

    story("killed after up, status says so, and up starts it again and does nothing else", () =>
      inScenario({ engine }, async (scenario) => {
        const before = await scenario.world();
        killAll(() => processesIn(scenario.folder).filter(isService));
        assert.equal(await servedOn(scenario.port), null);
        assertSays(
          unwrapped(await scenario.must(["status"])),
          /service orchestrator : nothing listens on port \d+/,
          "next octollm preview, then octollm up",
        );
        await scenario.up();
        assert.deepEqual(await scenario.world(), before);
        assert.deepEqual(scenario.backups(), []);
        await scenario.must(["preview", "--expect-no-changes"]);
      }),
    );

    story("the old one is killed while it is being stopped: up completes all the same", () =>
      inScenario({ engine, settings: upgrade }, async (scenario) => {
        const run = scenario.start(["up", "--yes", "--skip-preview"]);
        assert.ok(await run.says(/Quiesce quiesce updating/), run.output);
        killAll(() => processesIn(scenario.folder).filter(isService));
        const { code, output } = await run.ended;
        assert.equal(code, 0, output);
        assert.equal((await scenario.world()).serves, "1.0.0");
      }),
    );
  });
