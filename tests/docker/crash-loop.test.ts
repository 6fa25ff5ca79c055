import { strict as assert } from "node:assert";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { setRestartPolicy, stopContainer } from "../../runtimes/docker/stop";
import type { ContainerSpec } from "../../runtimes/runtime";
import { type DockerEngine, startEngine } from "./support/engine";
import { images } from "./support/images";

describe("a container that crashes again and again", function () {
  this.timeout(120_000);
  let engine: DockerEngine;
  let stateFolder: string;

  before(async () => {
    engine = await startEngine();
    stateFolder = mkdtempSync(join(tmpdir(), "octollm-crash-"));
  });
  after(async () => {
    rmSync(stateFolder, { recursive: true });
    await engine.clear();
  });

  it("is stopped at whatever moment of its crashing, every time", async () => {
    const { id } = await engine.docker.createContainer({
      Image: images.tools,
      Cmd: ["sleep", "0.05"],
      HostConfig: { RestartPolicy: { Name: "always" } },
    });
    const container = engine.docker.getContainer(id);
    const spec = { name: "orchestrator", engine: engine.host, stateFolder, stopTimeoutSeconds: 1 } as ContainerSpec;
    for (let turn = 0; turn < 25; turn++) {
      await setRestartPolicy(engine.host, id, { name: "always", retries: 0 });
      await container.start().catch(() => undefined);
      await stopContainer(spec, await container.inspect(), {});
      const { State, HostConfig } = await container.inspect();
      assert.deepEqual([State.Running, State.Restarting, HostConfig.RestartPolicy?.Name], [false, false, "no"]);
    }
  });
});
