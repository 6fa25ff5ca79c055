import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { images } from "./support/images";
import { dockerEngines, DockerStack } from "./support/stack";

const services = ["octollm-orchestrator", "octollm-reflex", "octollm-planner"];

for (const engine of dockerEngines)
  describe(`an upgrade on Docker that fails (${engine})`, function () {
    this.timeout(300_000);
    let stack: DockerStack;
    let ids: readonly (string | undefined)[];
    let data: Awaited<ReturnType<DockerStack["octollm"]["fingerprint"]>>;
    let env: string;
    let compose: string;

    const read = (name: string) => readFileSync(join(stack.octollm.folder, name), "utf8");
    const idsNow = async () => {
      const containers = await stack.octollm.containers();
      return services.map((name) => containers[name]?.id);
    };

    /** The old release serves from the very containers that were there before, and nothing else has changed. */
    async function assertUndone(): Promise<void> {
      assert.deepEqual(await stack.octollm.serving(), { version: "0.1.0", revision: "def456" });
      assert.deepEqual(await idsNow(), ids);
      assert.deepEqual(await stack.octollm.fingerprint(), data);
      assert.equal(stack.env, env);
      assert.equal(read("docker-compose.yml"), compose);
      const all = await stack.octollm.containers();
      assert.deepEqual(
        Object.keys(all).filter((name) => name.endsWith("_before")),
        [],
      );
      for (const name of services) {
        const { HostConfig, State } = await stack.octollm.docker.getContainer(name).inspect();
        assert.equal(HostConfig.RestartPolicy?.Name, "unless-stopped");
        assert.equal(State.Running, true);
      }
    }

    /** Another image has the tag of an orchestrator while this is done. */
    async function withImage(image: string, work: () => Promise<void>): Promise<void> {
      const tag = { repo: "octollm/orchestrator", tag: "1.0.0" };
      const { docker } = stack.octollm;
      const kept = { repo: "octollm-test/kept", tag: "orchestrator" };
      await docker.getImage("octollm/orchestrator:1.0.0").tag(kept);
      await docker.getImage(image).tag(tag);
      try {
        await work();
      } finally {
        await docker.getImage("octollm-test/kept:orchestrator").tag(tag);
      }
    }

    before(async () => {
      stack = await DockerStack.adopted(engine, { tasks: 300 });
      ids = await idsNow();
      data = await stack.octollm.fingerprint();
      env = stack.env;
      compose = read("docker-compose.yml");
      stack.wants("1.0.0");
    });
    after(() => stack.remove());

    it("because the new image ends at once is undone: the reason and its last words are said, the old containers serve", () =>
      withImage(images.exitsAtOnce, async () => {
        const output = await stack.upFails();
        assert.match(output, /Service 'orchestrator': 1\.0\.0 ended early: .*exit code 3/);
        assert.match(output, /It was undone: OctoLLM 0\.1\.0 serves again\./);
        assert.match(output, /npx octollm up/);
        await assertUndone();
      }));

    it("because the new one never becomes healthy is undone after its time is over", () =>
      withImage(images.neverHealthy, async () => {
        stack.set({ services: stack.services.map((service) => ({ ...service, startTimeout: 5 })) });
        const output = await stack.upFails();
        assert.match(output, /Service 'orchestrator': 1\.0\.0 did not become healthy within 5 s/);
        assert.match(output, /It was undone/);
        await assertUndone();
        stack.set({ services: stack.services.map((service) => ({ ...service, startTimeout: 60 })) });
      }));

    it("because a migration fails is undone before any container was replaced", async () => {
      await stack.octollm.sql("ALTER TABLE tasks ADD CONSTRAINT in_the_way CHECK (priority < 9)");
      const output = await stack.upFails();
      await stack.octollm.sql("ALTER TABLE tasks DROP CONSTRAINT in_the_way");
      assert.match(output, /SchemaMigration failed/);
      assert.match(output, /It was undone/);
      await assertUndone();
    });

    it("works once the cause is removed", async () => {
      await stack.up();
      assert.deepEqual(await stack.octollm.serving(), { version: "1.0.0", revision: "e4f5a6" });
      assert.equal((await stack.octollm.fingerprint()).tasks, data.tasks);
      assert.match(read("docker-compose.yml"), /octollm\/orchestrator:1\.0\.0" # keep in step/);
      assert.match(await stack.must("preview"), /22 unchanged/);
    });

    it("back is undone as well when the old image does not start, and the new release serves again", async () => {
      const { docker } = stack.octollm;
      const tag = { repo: "octollm/orchestrator", tag: "0.1.0" };
      await docker.getImage("octollm/orchestrator:0.1.0").tag({ repo: "octollm-test/kept", tag: "old" });
      await docker.getImage(images.exitsAtOnce).tag(tag);
      const now = await idsNow();
      stack.wants("0.1.0");
      const output = await stack.upFails();
      assert.match(output, /It was undone: OctoLLM 1\.0\.0 serves again\./);
      assert.deepEqual(await stack.octollm.serving(), { version: "1.0.0", revision: "e4f5a6" });
      assert.deepEqual(await idsNow(), now);
      await docker.getImage("octollm-test/kept:old").tag(tag);
      await stack.up();
      assert.deepEqual(await stack.octollm.fingerprint(), data);
      assert.equal(stack.env, env);
      assert.equal(read("docker-compose.yml"), compose);
    });

    it("while the engine is restarted comes to its end with the next up", async () => {
      stack.wants("1.0.0");
      const run = stack.start("up", "--yes", "--skip-preview");
      assert.ok(await run.says(/SchemaMigration pre (updating|updated)/), run.output);
      await stack.octollm.engine.restart();
      await run.ended;
      const { code, output } = await stack.run("up", "--yes", "--skip-preview");
      assert.equal(code, 0, output);
      assert.deepEqual(await stack.octollm.serving(), { version: "1.0.0", revision: "e4f5a6" });
      assert.equal((await stack.octollm.fingerprint()).tasks, data.tasks);
    });
  });
