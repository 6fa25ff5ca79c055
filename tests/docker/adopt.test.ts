import { strict as assert } from "node:assert";

import { dockerEngines, DockerStack } from "./support/stack";

for (const engine of dockerEngines)
  describe(`adopting an OctoLLM that docker-compose started (${engine})`, function () {
    this.timeout(180_000);
    let stack: DockerStack;

    before(async () => (stack = await DockerStack.create(engine, { tasks: 50 })));
    after(() => stack.remove());

    it("finds its services and its database, and writes what it found", async () => {
      const output = await stack.must("adopt", "--installation", stack.octollm.folder);
      assert.match(output, /Found OctoLLM 0\.1\.0 in/);
      assert.match(output, /orchestrator: container octollm-orchestrator, port 8000/);
      assert.match(output, /reflex-layer: container octollm-reflex, no published port/);
      assert.match(output, /Nothing else was changed\./);
    });

    it("shows no container in preview, and touches none: ids, starts and environment stay", async () => {
      const before = await stack.octollm.containers();
      const preview = await stack.must("preview");
      assert.doesNotMatch(preview, /docker:index/);
      await stack.up();
      assert.deepEqual(await stack.octollm.containers(), before);
      assert.match(await stack.must("preview"), /13 unchanged/);
      await stack.must("refresh", "--yes");
      assert.match(await stack.must("preview"), /13 unchanged/);
      assert.deepEqual(await stack.octollm.containers(), before);
      assert.doesNotMatch(stack.state, /docker:index/);
    });

    it("warns in preview of a container that was stopped, and starts it again with up, the same one", async () => {
      const before = await stack.octollm.containers();
      await stack.octollm.docker.getContainer("octollm-orchestrator").stop();
      const preview = await stack.must("preview");
      assert.match(preview, /orchestrator does not run/);
      await stack.up();
      assert.deepEqual(await stack.octollm.serving(), { version: "0.1.0", revision: "def456" });
      const after = await stack.octollm.containers();
      assert.equal(after["octollm-orchestrator"]?.id, before["octollm-orchestrator"]?.id);
      assert.match(await stack.must("preview"), /13 unchanged/);
    });

    it("is refused while the engine does not answer: its address and what to do are said, and nothing is planned", async () => {
      await stack.octollm.engine.stop();
      const preview = await stack.mustFail("preview");
      await stack.octollm.engine.start();
      assert.match(
        preview,
        /The Docker engine at 'unix:\/\/[^']*' cannot be reached: (nothing listens there|there is no such socket)/,
      );
      assert.match(preview, /systemctl start docker/);
      assert.match(preview, /2 unchanged\n +1 errored/);
    });
  });
