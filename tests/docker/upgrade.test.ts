import { strict as assert } from "node:assert";
import { setTimeout as sleep } from "node:timers/promises";

import type { ContainerInspectInfo } from "dockerode";

import { CountingClient } from "../support/counting-client";
import { dockerEngines, DockerStack } from "./support/stack";

/** What a container is like besides image, environment and our labels. */
function likeness({ HostConfig, Config, NetworkSettings, Mounts }: ContainerInspectInfo): unknown {
  const networks = Object.entries(NetworkSettings.Networks).map(([name, network]) => {
    const aliases = (network.Aliases ?? []) as string[];
    return [name, aliases.filter((alias) => !/^[0-9a-f]{12}$/.test(alias))];
  });
  const labels = Object.entries(Config.Labels).filter(([label]) => !/^(octollm|org\.opencontainers)\./.test(label));
  const mounts = Mounts.map(({ Type, Name, Destination }) => [Type, Name, Destination]);
  const ports: unknown = HostConfig.PortBindings;
  const { RestartPolicy, LogConfig } = HostConfig;
  return { networks, labels, ports, RestartPolicy, LogConfig, mounts, check: Config.Healthcheck?.Test };
}

const variables = ({ Config }: ContainerInspectInfo) =>
  Config.Env.filter((line) => line.startsWith("CACHE_")).toSorted();

/** Asks every 100 ms, as a client would that is told to come back later. */
function meanwhile(url: string): { stop(): Promise<{ status: number; retryAfter: string | null }[]> } {
  const answers: { status: number; retryAfter: string | null }[] = [];
  let stopped = false;
  const asking = (async () => {
    for (; !stopped; await sleep(100)) {
      const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(2_000) }).catch(() => null);
      await response?.arrayBuffer().catch(() => undefined);
      if (response) answers.push({ status: response.status, retryAfter: response.headers.get("retry-after") });
    }
  })();
  return {
    stop: async () => {
      stopped = true;
      await asking;
      return answers;
    },
  };
}

for (const engine of dockerEngines)
  describe(`upgrading an OctoLLM on Docker (${engine})`, function () {
    this.timeout(240_000);
    let stack: DockerStack;
    const inspect = (name: string) => stack.octollm.docker.getContainer(name).inspect();

    before(async () => (stack = await DockerStack.adopted(engine, { tasks: 300 })));
    after(() => stack.remove());

    it("shows in preview each new container, what it is made of, and no secret", async () => {
      stack.wants("0.2.0");
      const before = await stack.octollm.containers();
      const preview = await stack.must("preview", "--diff");
      assert.match(preview, /docker:index\/container:Container: \(create\)/);
      assert.match(preview, /envs +: \[secret\]/);
      assert.match(preview, /nothing; orchestrator \(port 8000\) for the moment in/);
      assert.doesNotMatch(preview, /not-a-real-password|obviously-fake/);
      assert.deepEqual(await stack.octollm.containers(), before);
    });

    it("goes to 0.2.0 under load: no container without a published port is missed, the other for moments", async () => {
      const old = await inspect("octollm-orchestrator");
      const client = new CountingClient(`${stack.octollm.orchestrator}/tasks?limit=1`);
      await stack.up();
      const count = await client.stop();
      assert.equal(count.sent, count.answered + count.failed.length);
      assert.ok(count.downtime < 10_000, `away for ${count.downtime} ms`);
      assert.deepEqual(await stack.octollm.serving(), { version: "0.2.0", revision: "b1c2d3" });
      const now = await inspect("octollm-orchestrator");
      assert.deepEqual(likeness(now), likeness(old));
      assert.deepEqual(variables(old), ["CACHE_ENABLED=true", "CACHE_TTL=7200"]);
      assert.deepEqual(variables(now), [
        "CACHE_L1_ENABLED=true",
        "CACHE_L1_SIZE=1000",
        "CACHE_L1_TTL=60",
        "CACHE_L2_ENABLED=true",
        "CACHE_L2_TTL=7200",
      ]);
      assert.deepEqual(
        Object.keys(await stack.octollm.containers()).filter((name) => name.endsWith("_before")),
        [],
      );
      assert.doesNotMatch(stack.state, /not-a-real-password|obviously-fake/);
      assert.match(await stack.must("preview"), /22 unchanged/);
    });

    it("goes to 1.0.0 with the services stopped, and back by setting the old version, every task as it was", async () => {
      const before = await stack.octollm.fingerprint();
      stack.wants("1.0.0");
      stack.set({ docker: { maintenance: true } });
      const answers = meanwhile(stack.octollm.orchestrator);
      await stack.up();
      assert.deepEqual(await stack.octollm.serving(), { version: "1.0.0", revision: "e4f5a6" });
      const answered = (await answers.stop()).filter(({ status }) => status === 503);
      assert.ok(answered.length > 3, `answered 503 ${answered.length} times`);
      assert.ok(answered.every(({ retryAfter }) => retryAfter === "10"));
      assert.equal((await stack.octollm.fingerprint()).tasks, before.tasks);
      stack.wants("0.1.0");
      await stack.up();
      assert.deepEqual(await stack.octollm.serving(), { version: "0.1.0", revision: "def456" });
      assert.deepEqual(await stack.octollm.fingerprint(), before);
      assert.deepEqual(variables(await inspect("octollm-orchestrator")), ["CACHE_ENABLED=true", "CACHE_TTL=7200"]);
      assert.match(await stack.must("preview"), /22 unchanged/);
    });

    it("sees a moved tag in preview, and has up run what it points to now", async () => {
      const { docker } = stack.octollm;
      const released = await docker.getImage("octollm/planner-arm:0.1.0").inspect();
      const [repo, tag] = ["octollm/planner-arm", "0.1.0"];
      await docker.getImage("octollm/planner-arm:0.2.0").tag({ repo, tag });
      try {
        const preview = await stack.must("preview");
        assert.match(preview, /planner-arm was started with other settings/);
        assert.match(
          preview,
          /Container services-planner-arm (create replacement|replace)[^\n]*\[diff: ~image,labels\]/,
        );
        assert.doesNotMatch(preview, /Container services-orchestrator/);
      } finally {
        await docker.getImage(released.Id).tag({ repo, tag });
      }
      assert.match(await stack.must("preview"), /22 unchanged/);
    });

    it("makes a container again that somebody has removed, as it was", async () => {
      const before = await inspect("octollm-planner");
      await stack.octollm.docker.getContainer("octollm-planner").remove({ force: true });
      assert.match(await stack.must("preview"), /planner-arm does not run/);
      await stack.up();
      const after = await inspect("octollm-planner");
      assert.deepEqual(likeness(after), likeness(before));
      assert.deepEqual(after.Config.Env.toSorted(), before.Config.Env.toSorted());
      assert.match(await stack.must("preview"), /22 unchanged/);
    });

    it("refuses in preview an image that is not there, with the command that brings it, and stops nothing", async () => {
      const { docker } = stack.octollm;
      const image = docker.getImage("octollm/reflex-layer:0.2.0");
      const kept = { repo: "octollm-test/kept", tag: "1" };
      await image.tag(kept);
      await docker.getImage("octollm/reflex-layer:0.2.0").remove();
      stack.wants("0.2.0");
      const before = await stack.octollm.containers();
      const preview = await stack.mustFail("preview");
      assert.match(
        preview,
        /the Docker engine has no image 'octollm\/reflex-layer:0\.2\.0'.* docker pull octollm\/reflex-layer:0\.2\.0/,
      );
      assert.match(await stack.upFails(), /has no image/);
      assert.deepEqual(await stack.octollm.containers(), before);
      await docker.getImage("octollm-test/kept:1").tag({ repo: "octollm/reflex-layer", tag: "0.2.0" });
    });
  });
