import { strict as assert } from "node:assert";
import { setTimeout as sleep } from "node:timers/promises";

import { CountingClient } from "../support/counting-client";
import { startEngine } from "./support/engine";
import { images } from "./support/images";
import { type DockerInstallation, startInstallation } from "./support/installation";

describe("an OctoLLM that docker-compose started", function () {
  this.timeout(120_000);
  let octollm: DockerInstallation;

  before(async () => (octollm = await startInstallation({ tasks: 200 })));
  after(() => octollm.remove());

  it("serves from containers, a network and volumes that are named and labelled as compose does it", async () => {
    assert.deepEqual(await octollm.serving(), { version: "0.1.0", revision: "def456" });
    assert.equal((await octollm.fingerprint()).tasks, 200);
    const { Config, HostConfig, NetworkSettings } = await octollm.docker.getContainer("octollm-orchestrator").inspect();
    const { "com.docker.compose.project": project, "com.docker.compose.service": service } = Config.Labels;
    assert.deepEqual({ project, service }, { project: "octollm", service: "orchestrator" });
    assert.equal(HostConfig.RestartPolicy?.Name, "unless-stopped");
    const network = NetworkSettings.Networks["octollm_octollm-network"] as { Aliases: string[] } | undefined;
    assert.ok(network?.Aliases.includes("orchestrator"));
    const { Volumes } = await octollm.docker.listVolumes();
    const names = Volumes.map(({ Name }) => Name).filter((name) => name.startsWith("octollm_"));
    assert.deepEqual(names.toSorted(), ["octollm_postgres_data", "octollm_qdrant_data", "octollm_redis_data"]);
  });

  it("has what pg_dump in its database's container needs", () => {
    const dump = octollm.compose("exec", "-T", "postgres", "pg_dump", "-U", "octollm", "--table=tasks", "octollm");
    assert.match(dump, /COPY public\.tasks/);
  });

  it("takes tasks from a client that counts", async () => {
    const client = new CountingClient(`${octollm.orchestrator}/tasks`, { body: { description: "Count me" } });
    await sleep(1_000);
    const { sent, answered, failed, created } = await client.stop();
    assert.deepEqual({ answered, failed, created: created.length }, { answered: sent, failed: [], created: sent });
    const [row] = await octollm.sql<{ n: number }>("SELECT count(*)::int AS n FROM tasks WHERE id = ANY($1)", [
      created,
    ]);
    assert.equal(row?.n, sent);
  });

  it("is missed while its container restarts by a client that counts, who says for how long", async () => {
    const client = new CountingClient(`${octollm.orchestrator}/tasks?limit=1`);
    await sleep(200);
    await octollm.docker.getContainer("octollm-orchestrator").restart();
    while ((await octollm.serving()) === null) await sleep(50);
    await sleep(200);
    const count = await client.stop();
    assert.ok(count.failed.length > 0 && count.downtime > 100 && count.downtime < 30_000, JSON.stringify(count));
    assert.equal(count.sent, count.answered + count.failed.length);
  });

  it("is back after a restart of the engine, in the same containers", async () => {
    const idsOf = async () => Object.entries(await octollm.containers()).map(([name, { id }]) => `${name} ${id}`);
    const before = await idsOf();
    await octollm.engine.restart();
    while ((await octollm.serving()) === null) await sleep(50);
    assert.deepEqual(await idsOf(), before);
  });
});

describe("the other images", function () {
  this.timeout(120_000);

  it("are an OctoLLM 1.0.0 on its own schema", async () => {
    const octollm = await startInstallation({ release: "1.0.0", tasks: 50, services: ["orchestrator"] });
    assert.deepEqual(await octollm.serving(), { version: "1.0.0", revision: "e4f5a6" });
    assert.deepEqual(Object.keys((await octollm.fingerprint()).priorities), ["2", "4", "6", "8", "10"]);
    await octollm.remove();
  });

  it("are one that ends at once, and one that never becomes healthy", async () => {
    const { docker } = await startEngine();
    const ending = await docker.createContainer({ Image: images.exitsAtOnce });
    await ending.start();
    assert.equal(((await ending.wait()) as { StatusCode: number }).StatusCode, 3);
    const sick = await docker.createContainer({ Image: images.neverHealthy });
    await sick.start();
    const health = async () => (await sick.inspect()).State.Health;
    while (((await health())?.FailingStreak ?? 0) < 3) await sleep(100);
    assert.equal((await health())?.Status, "unhealthy");
    await Promise.all([ending, sick].map((container) => container.remove({ force: true })));
  });
});
