import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { until } from "../support/until";
import { dockerEngines, DockerStack } from "./support/stack";

for (const engine of dockerEngines)
  describe(`an OctoLLM that is installed on Docker (${engine})`, function () {
    this.timeout(240_000);
    let stack: DockerStack;

    before(async () => (stack = await DockerStack.nothing(engine, "0.2.0")));
    after(() => stack.remove());

    it("is shown by preview as a whole, although there is no database yet, and nothing is made", async () => {
      const preview = await stack.must("preview", "--diff");
      assert.match(preview, /nothing -> 0\.2\.0: OctoLLM is installed anew/);
      assert.match(preview, /docker:index\/volume:Volume: \(create\)/);
      assert.match(preview, /\+def456, \+abc123, \+b1c2d3/);
      assert.doesNotMatch(preview, /not-a-real-password/);
      assert.deepEqual(await stack.octollm.containers(), {});
      assert.deepEqual((await stack.octollm.docker.listVolumes()).Volumes, []);
      assert.ok(!existsSync(join(stack.octollm.folder, ".octollm")));
    });

    it("serves afterwards, with its stores in a network and its data in volumes", async () => {
      const output = await stack.must("up", "--yes");
      assert.match(output, /octollm-postgres/);
      assert.deepEqual(await stack.octollm.serving(), { version: "0.2.0", revision: "b1c2d3" });
      const { docker } = stack.octollm;
      const names = Object.keys(await stack.octollm.containers());
      assert.deepEqual(names, [
        ...["octollm-orchestrator", "octollm-planner-arm", "octollm-postgres", "octollm-qdrant", "octollm-redis"],
        "octollm-reflex-layer",
      ]);
      for (const name of names) {
        const { HostConfig, NetworkSettings } = await docker.getContainer(name).inspect();
        assert.equal(HostConfig.RestartPolicy?.Name, "unless-stopped");
        assert.deepEqual(Object.keys(NetworkSettings.Networks), ["octollm-network"]);
      }
      assert.match(await stack.must("preview"), / unchanged/);
      assert.doesNotMatch(stack.state, /not-a-real-password/);
    });

    it("goes on like any other: to 1.0.0 and back, with every task", async () => {
      const response = await fetch(`${stack.octollm.orchestrator}/tasks`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ description: "the first one", priority: 3 }),
      });
      assert.equal(response.status, 201);
      await until("the task is done", async () => {
        const [task] = await stack.octollm.sql<{ status: string }>("SELECT status FROM tasks");
        return task?.status === "completed";
      });
      const before = await stack.octollm.fingerprint();
      stack.wants("1.0.0");
      await stack.up();
      assert.deepEqual(await stack.octollm.serving(), { version: "1.0.0", revision: "e4f5a6" });
      stack.wants("0.2.0");
      await stack.up();
      assert.deepEqual(await stack.octollm.fingerprint(), before);
    });
  });
