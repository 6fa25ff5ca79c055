import { strict as assert } from "node:assert";

import { InitError, type ResourceProvider } from "../../engine/plugins/provider";
import type { PropertyMap } from "../../engine/property/value";
import { inputs as cases, kinds, type StateName, typeOf } from "./plugin/cases";
import { hasPlugin, realPlugin, standIn } from "./plugin/real-plugin";
import { type DockerEngine, startEngine } from "./support/engine";
import { images } from "./support/images";
import { Kept } from "./support/kept";

const planner = "octollm/planner-arm:0.1.0";

describe("the stand-in for @pulumi/docker on a real engine", function () {
  this.timeout(120_000);
  let engine: DockerEngine;
  let provider: ResourceProvider;
  const container = () => new Kept(provider, "Container", "web");

  before(async () => {
    engine = await startEngine();
    provider = await standIn(engine.host);
  });
  afterEach(() => engine.clear());

  it("makes network, volume and container as they are declared, and waits until the container is healthy", async () => {
    await new Kept(provider, "Network", "net").create(cases.network);
    await new Kept(provider, "Volume", "data").create(cases.volume);
    const web = await container().create(cases.web);
    const { State, Config, HostConfig, NetworkSettings, Mounts } = await engine.docker.getContainer(web.id).inspect();
    assert.equal(State.Health?.Status, "healthy");
    assert.deepEqual(Object.keys(NetworkSettings.Networks), ["standin-net"]);
    assert.equal((await engine.docker.getContainer("standin-web").inspect()).Id, web.id);
    const aliases = (NetworkSettings.Networks["standin-net"] as { Aliases: string[] } | undefined)?.Aliases ?? [];
    assert.ok(aliases.includes("a") && aliases.includes("b"));
    assert.ok(Config.Env.includes("A=1") && Config.Env.includes("B=2"));
    assert.equal(HostConfig.NetworkMode, "bridge");
    assert.equal(HostConfig.Memory, 64 * 1024 * 1024);
    assert.deepEqual(HostConfig.RestartPolicy, { Name: "unless-stopped", MaximumRetryCount: 0 });
    assert.deepEqual(HostConfig.LogConfig, { Type: "json-file", Config: { "max-size": "10m" } });
    assert.equal(Mounts[0]?.Name, "standin-data");
    assert.equal((await fetch("http://127.0.0.1:18000/health")).status, 200);
    assert.deepEqual(await web.diff(cases.web), {});
    assert.equal(await web.refresh(), true);
    assert.deepEqual(await web.diff(cases.web), {});
  });

  it("asks no engine in a preview", async () => {
    const web = await container().create({ name: "web", image: planner });
    const before = await engine.docker.getContainer("web").inspect();
    await web.update({ name: "web", image: planner, restart: "always", memory: 32 }, true);
    const type = typeOf("Container");
    const identity = { urn: `urn:pulumi:dev::octollm::${type}::other`, type, name: "other" };
    const { inputs } = await provider.check({ ...identity, olds: {}, news: { image: "absent:1", name: "other" } });
    await provider.create({ ...identity, inputs, timeout: 0, preview: true });
    assert.deepEqual(await engine.docker.getContainer("web").inspect(), before);
    assert.equal((await engine.docker.listContainers({ all: true })).length, 1);
  });

  it("changes policy and limits in place, and really", async () => {
    const web = await container().create({ name: "web", image: planner, memory: 64, memorySwap: 128 });
    const news = { name: "web", image: planner, restart: "always", memory: 96, memorySwap: 192, cpuShares: 512 };
    assert.deepEqual([...new Set(Object.values(await web.diff(news)))], ["update"]);
    await web.update(news);
    const { HostConfig, Id, State } = await engine.docker.getContainer("web").inspect();
    assert.equal(Id, web.id);
    assert.ok(State.Running);
    assert.equal(HostConfig.RestartPolicy?.Name, "always");
    assert.deepEqual([HostConfig.Memory, HostConfig.MemorySwap, HostConfig.CpuShares], [96 << 20, 192 << 20, 512]);
    assert.deepEqual(await web.diff(news), {});
    await web.refresh();
    assert.deepEqual(await web.diff(news), {});
  });

  it("gives an ending container the grace of its state, and none without one", async () => {
    const program = { name: "web", image: images.tools, entrypoints: ["/bin/sh", "-c"] };
    const slow = [`trap "sleep 1; exit 0" TERM; while :; do sleep 0.1; done`];
    for (const [destroyGraceSeconds, exitCode] of [
      [10, 0],
      [0, 137],
    ] as const) {
      const web = await container().create({ ...program, command: slow, destroyGraceSeconds });
      const end = engine.docker.getContainer("web").wait() as Promise<{ StatusCode: number }>;
      await web.delete();
      assert.equal((await end).StatusCode, exitCode);
    }
  });

  it("does not make a container of an image that is not there", async () => {
    await assert.rejects(container().create({ name: "web", image: "octollm/nothing:1" }), (error: Error) => {
      assert.match(error.message, /^Unable to create container 'web' with image octollm\/nothing:1: /);
      assert.match(error.message, /docker load/);
      return true;
    });
    assert.deepEqual(await engine.docker.listContainers({ all: true }), []);
  });

  it("fails where a container does not become healthy in time, keeps it, and replaces it the next time", async () => {
    const news = { name: "web", image: images.neverHealthy, wait: true, waitTimeout: 2 };
    const web = container();
    await assert.rejects(web.create(news), (error: unknown) => {
      assert.ok(error instanceof InitError);
      assert.match(error.message, /container failed to be in healthy state: container 'web' on 'unix:\/\/.*after 2 s/);
      assert.match(error.message, /docker logs web/);
      Object.assign(web, { id: error.id, inputs: error.inputs, outputs: error.outputs });
      return true;
    });
    assert.ok((await engine.docker.getContainer("web").inspect()).State.Running);
    const diff = await web.diff(news);
    assert.equal(diff.command, "add-replace");
    // As with the plugin, a look at it forgets the failure: whoever upgrades must look at the health itself.
    await web.refresh();
    assert.deepEqual(await web.diff(news), {});
  });

  it("says so where there is nothing to wait for", async () => {
    const news = { name: "web", image: images.tools, command: ["sleep", "60"], wait: true };
    await assert.rejects(container().create(news), /does not have a healthcheck defined/);
  });

  it("waits for the end of a job, and keeps its exit code and what it wrote", async () => {
    const once = { restart: "no", attach: true, logs: true, mustRun: false };
    const command = ["sh", "-c", "echo hello; echo fault >&2; exit 3"];
    const job = await container().create({ name: "job", image: images.tools, command, ...once });
    assert.equal(job.outputs.exitCode, 3);
    assert.match(job.outputs.containerLogs as string, /hello/);
    assert.match(job.outputs.containerLogs as string, /fault/);
    assert.deepEqual(await job.diff({ name: "job", image: images.tools, command, ...once }), {});
  });
});

describe("what happens outside is seen by the stand-in for @pulumi/docker as by the plugin", function () {
  this.timeout(120_000);
  let engine: DockerEngine;
  let provider: ResourceProvider;
  const withPort = { name: "web", image: planner, ports: [{ internal: 8001, external: 18_000, ip: "127.0.0.1" }] };
  const without = { name: "web", image: planner };
  const made = (news: PropertyMap) => new Kept(provider, "Container", "web").create(news);

  before(async () => {
    engine = await startEngine();
    provider = await standIn(engine.host);
  });
  afterEach(() => engine.clear());

  it("a stopped container without ports is started again, the same one", async () => {
    const web = await made(without);
    await engine.docker.getContainer("web").stop({ t: 0 });
    assert.deepEqual(await web.diff(without), {});
    await web.refresh();
    assert.deepEqual(await web.diff(without), { mustRun: "update" });
    await web.update(without);
    const { Id, State } = await engine.docker.getContainer("web").inspect();
    assert.deepEqual([Id, State.Running], [web.id, true]);
  });

  it("a stopped container with ports has lost them, and is replaced", async () => {
    const web = await made(withPort);
    await engine.docker.getContainer("web").stop({ t: 0 });
    await web.refresh();
    assert.deepEqual(await web.diff(withPort), { mustRun: "update", ports: "add-replace" });
  });

  it("one that need not run keeps its ports", async () => {
    const web = await made(withPort);
    await web.update({ ...withPort, mustRun: false });
    await engine.docker.getContainer("web").stop({ t: 0 });
    await web.refresh();
    assert.deepEqual(await web.diff({ ...withPort, mustRun: false }), {});
    assert.deepEqual(await web.diff(withPort), { mustRun: "update" });
  });

  it("a removed container is gone after a refresh only, and its deletion is tolerated", async () => {
    const web = await made(without);
    await engine.docker.getContainer("web").remove({ force: true });
    assert.deepEqual(await web.diff(without), {});
    await assert.rejects(web.update({ ...without, restart: "always" }), /Unable to update container 'web'.*refresh/);
    await web.delete();
    assert.equal(await web.refresh(), false);
  });

  it("one that another has replaced under its name is not taken for it", async () => {
    const web = await made(without);
    await engine.docker.getContainer("web").remove({ force: true });
    await engine.docker.createContainer({ name: "web", Image: planner });
    assert.equal(await web.refresh(), false);
    await assert.rejects(made(without), /Unable to create container 'web' on .*already in use/);
  });

  it("a paused or an unhealthy one, and one that crashes again and again, are not seen", async () => {
    const crashing = { name: "web", image: images.exitsAtOnce, restart: "unless-stopped" };
    const web = await made(without);
    await engine.docker.getContainer("web").pause();
    await web.refresh();
    assert.deepEqual(await web.diff(without), {});
    await engine.docker.getContainer("web").unpause();
    await web.delete();
    assert.deepEqual(await (await made(crashing)).diff(crashing), {});
  });

  it("a policy that somebody changed is seen, and set back in place", async () => {
    const news = { ...without, restart: "unless-stopped" };
    const web = await made(news);
    await engine.docker.getContainer("web").update({ RestartPolicy: { Name: "no" } });
    await web.refresh();
    assert.deepEqual(await web.diff(news), { restart: "update" });
    await web.update(news);
    const { HostConfig } = await engine.docker.getContainer("web").inspect();
    assert.equal(HostConfig.RestartPolicy?.Name, "unless-stopped");
  });

  it("volumes and networks that are gone are gone after a refresh", async () => {
    const volume = await new Kept(provider, "Volume", "data").create(cases.volume);
    const network = await new Kept(provider, "Network", "net").create(cases.network);
    await engine.docker.getVolume("standin-data").remove();
    await engine.docker.getNetwork("standin-net").remove();
    assert.deepEqual([await volume.refresh(), await network.refresh()], [false, false]);
  });
});

describe("images by the stand-in for @pulumi/docker", function () {
  this.timeout(120_000);
  let engine: DockerEngine;
  let provider: ResourceProvider;
  const getRemoteImage = "docker:index/getRemoteImage:getRemoteImage";

  before(async () => {
    engine = await startEngine();
    provider = await standIn(engine.host);
    await engine.docker.getImage(planner).tag({ repo: "octollm/moving", tag: "1" });
  });
  after(() => engine.docker.getImage("octollm/moving:1").remove());

  it("are found by name, in full or short id, and one that is not there is an error before anything is done", async () => {
    const { Id } = await engine.docker.getImage(planner).inspect();
    for (const name of [planner, Id, Id.slice(7, 19)])
      assert.deepEqual((await provider.invoke(getRemoteImage, { name }, true)).inputs, {
        id: Id,
        name,
        repoDigest: "",
      });
    await assert.rejects(provider.invoke(getRemoteImage, { name: "octollm/nothing:1" }, true), (error: Error) => {
      assert.match(error.message, /did not find docker image 'octollm\/nothing:1' on the Docker engine at 'unix:/);
      assert.match(error.message, /Nothing was changed.*docker load/s);
      return true;
    });
  });

  it("keep their tag when they are kept locally, and a moved tag is another id after a refresh", async () => {
    const image = await new Kept(provider, "RemoteImage", "img").create({
      name: "octollm/moving:1",
      keepLocally: true,
    });
    const before = image.outputs.imageId;
    await engine.docker.getImage("octollm/planner-arm:0.2.0").tag({ repo: "octollm/moving", tag: "1" });
    await image.refresh();
    assert.notEqual(image.outputs.imageId, before);
    assert.equal(image.id, `${image.outputs.imageId as string}octollm/moving:1`);
    await image.delete();
    assert.ok(await engine.docker.getImage("octollm/moving:1").inspect());
  });

  it("an engine that does not answer is named", async () => {
    await assert.rejects(standIn("unix:///nonexistent/docker.sock"), (error: Error) => {
      assert.match(error.message, /Docker engine at 'unix:\/\/\/nonexistent\/docker.sock' cannot be reached/);
      return true;
    });
  });
});

describe("the plugin of @pulumi/docker and its stand-in take over from each other", function () {
  this.timeout(120_000);
  let engine: DockerEngine;
  let providers: Record<"plugin" | "stand-in", ResourceProvider>;

  before(async function () {
    if (!hasPlugin()) this.skip();
    engine = await startEngine();
    providers = { plugin: await realPlugin(engine.host), "stand-in": await standIn(engine.host) };
  });
  after(async () => {
    await providers?.plugin.close();
    await engine?.clear();
  });

  for (const [first, second] of [
    ["stand-in", "plugin"],
    ["plugin", "stand-in"],
  ] as const)
    it(`the ${second} from the ${first}: no change before and after a refresh, then the same changes`, async () => {
      for (const state of ["network", "volume", "image", "web", "bare"] satisfies StateName[]) {
        const kept = await new Kept(providers[first], kinds[state], state).create(cases[state]);
        kept.provider = providers[second];
        assert.deepEqual(await kept.diff(cases[state]), {}, `${state} as the ${first} left it`);
        await kept.refresh();
        assert.deepEqual(await kept.diff(cases[state]), {}, `${state} after the ${second}'s refresh`);
        kept.provider = providers[first];
        assert.deepEqual(await kept.diff(cases[state]), {}, `${state} back with the ${first}`);
        if (state !== "bare") continue;
        kept.provider = providers[second];
        assert.deepEqual(await kept.diff({ ...cases.bare, image: "octollm/planner-arm:0.2.0" }), {
          image: "update-replace",
        });
        await kept.update({ ...cases.bare, restart: "always" });
        const { HostConfig } = await engine.docker.getContainer(kept.id).inspect();
        assert.equal(HostConfig.RestartPolicy?.Name, "always");
        await kept.delete();
      }
      await engine.clear();
    });
});
