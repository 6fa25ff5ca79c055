import { strict as assert } from "node:assert";

import { setRestartPolicy } from "../../runtimes/docker/stop";
import { type DockerEngine, startEngine } from "./support/engine";
import { images } from "./support/images";

describe("a container that crashes again and again", function () {
  this.timeout(120_000);
  let engine: DockerEngine;

  before(async () => (engine = await startEngine()));
  after(() => engine.clear());

  it("has its restart policy set at whatever moment of its crashing, also in those in which the engine refuses it", async () => {
    const { id } = await engine.docker.createContainer({ Image: images.tools, Cmd: ["sleep", "0.05"] });
    const container = engine.docker.getContainer(id);
    const policy = { RestartPolicy: { Name: "no" } };
    let refused = 0;
    for (let turn = 0; turn < 40; turn++) {
      await container.start();
      for (let running = true; running; running = (await container.inspect()).State.Running) {
        const plain = Promise.allSettled([1, 2, 3].map(() => container.update(policy)));
        await setRestartPolicy(engine.host, id, { name: "no", retries: 0 });
        refused += (await plain).filter(({ status }) => status === "rejected").length;
      }
    }
    assert.ok(refused > 0, "the engine refused none: this proves nothing");
  });
});
