import { strict as assert } from "node:assert";

import { definitionOf } from "../../runtimes/docker/definition";
import { hasPlugin, realPlugin, standIn } from "./plugin/real-plugin";
import { startEngine } from "./support/engine";
import { Kept } from "./support/kept";

describe("a container that is declared as another one was found", function () {
  this.timeout(60_000);
  after(async () => (await startEngine()).clear());

  it("is no difference to the provider once it is there", async () => {
    const { docker, host } = await startEngine();
    const second = 1e9;
    const found = await docker.createContainer({
      name: "found",
      Image: "octollm/planner-arm:0.1.0",
      Env: ["A=1"],
      Labels: { team: "octopus" },
      Healthcheck: {
        Test: ["CMD", "true"],
        Interval: 90 * second,
        Timeout: 1.5 * second,
        StartPeriod: 3600 * second,
        Retries: 3,
      },
      HostConfig: {
        Memory: 64 << 20,
        NanoCpus: 1.5e9,
        RestartPolicy: { Name: "on-failure", MaximumRetryCount: 4 },
        PortBindings: {
          "8001/tcp": [{ HostIp: "127.0.0.1", HostPort: "18200" }],
          "9/udp": [{ HostIp: "", HostPort: "18201" }],
        },
        Binds: ["found-data:/data", "/tmp:/host:ro"],
        LogConfig: { Type: "json-file", Config: { "max-size": "10m" } },
        CapAdd: ["NET_ADMIN"],
        Ulimits: [{ Name: "nofile", Soft: 1024, Hard: 2048 }],
        ExtraHosts: ["db:192.0.2.1"],
        Tmpfs: { "/scratch": "" },
      },
    });
    const [look, image] = [await found.inspect(), await docker.getImage("octollm/planner-arm:0.1.0").inspect()];
    const definition = definitionOf(look, image, { restart: undefined, graceSeconds: 10 });
    await found.remove();
    const news = { ...JSON.parse(JSON.stringify(definition)), image: image.Id, envs: ["A=1"] } as Record<string, never>;
    const made = await new Kept(await standIn(host), "Container", "found").create(news);
    assert.deepEqual(await made.diff(news), {});
    await made.refresh();
    assert.deepEqual(await made.diff(news), {});
    if (!hasPlugin()) return;
    made.provider = await realPlugin(host);
    assert.deepEqual(await made.diff(news), {});
    await made.refresh();
    assert.deepEqual(await made.diff(news), {});
    await made.provider.close();
  });
});
