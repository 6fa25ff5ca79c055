import { strict as assert } from "node:assert";
import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";

import { type Count, CountingClient } from "../support/counting-client";
import { until } from "../support/until";
import { type KubernetesInstallation, startInstallation } from "./support/installation";

const every = 5;

/** What clients with and without connections of their own saw of a rolling change, at 200 requests a second together. */
async function rollUnderLoad(octollm: KubernetesInstallation, change: () => void): Promise<readonly Count[]> {
  const url = `${octollm.orchestrator}/tasks?limit=1`;
  const clients = [true, false].map((keepAlive) => new CountingClient(url, { every: 2 * every, keepAlive }));
  await sleep(500);
  change();
  octollm.rolledOut("orchestrator");
  // The last old pod ends after its replacement is ready.
  await until("old pods are gone", () => Object.keys(octollm.pods("app=orchestrator")).length === 2);
  await sleep(500);
  return Promise.all(clients.map((client) => client.stop()));
}

describe("an OctoLLM that kubectl applied", function () {
  this.timeout(180_000);
  let octollm: KubernetesInstallation;

  before(async () => (octollm = await startInstallation({ tasks: 200 })));
  after(() => octollm.remove());

  it("serves from pods that are neither root nor can write where they stand", async () => {
    assert.deepEqual(await octollm.serving(), { version: "0.1.0", revision: "def456" });
    assert.equal((await octollm.fingerprint()).tasks, 200);
    const pods = Object.entries(octollm.pods());
    const names = pods.map(([name]) => name.replace(/-[a-z0-9]+-[a-z0-9]{5}$/, "")).toSorted();
    assert.deepEqual(names, ["orchestrator", "orchestrator", "planner-arm", "postgres-0", "redis-0", "reflex-layer"]);
    for (const [name, { ready, restarts }] of pods) assert.deepEqual([name, ready, restarts], [name, true, 0]);
    const inside = (...words: string[]) => octollm.kubectl("exec", "deployment/orchestrator", "--", ...words);
    assert.equal(inside("id", "-u").trim(), "1000");
    assert.throws(() => inside("touch", "/app/x"), /Read-only file system/);
  });

  it("has autoscalers that leave its replicas alone, and a quota and limits that are in force", () => {
    type Autoscalers = { items: { status: { currentReplicas: number } }[] };
    const { items } = octollm.get<Autoscalers>("horizontalpodautoscalers");
    assert.equal(items.length, 2);
    type Quota = { status: { used: Record<string, string> } };
    assert.equal(octollm.get<Quota>("resourcequota", "octollm-quota").status.used.pods, "6");
    type Pods = { items: { spec: { containers: { resources: { limits: Record<string, string> } }[] } }[] };
    const [planner] = octollm.get<Pods>("pods", "--selector", "app=planner-arm").items;
    assert.equal(planner?.spec.containers[0]?.resources.limits.memory, "256Mi");
  });

  it("has what pg_dump in its database's pod needs, and a port-forward to it", async () => {
    const dump = octollm.kubectl("exec", "postgres-0", "--", "pg_dump", "-U", "octollm", "--table=tasks", "octollm");
    assert.match(dump, /COPY public\.tasks/);
    const script = 'kubectl -n "$0" port-forward service/postgres :5432 & trap "kill $!" EXIT; sleep 2';
    const said = execFileSync("bash", ["-c", script, octollm.namespace], { encoding: "utf8" });
    assert.match(said, /Forwarding from 127\.0\.0\.1:\d+ -> 5432/);
  });

  it("takes tasks from a client that counts", async () => {
    const client = new CountingClient(`${octollm.orchestrator}/tasks`, { body: { description: "Count me" } });
    await sleep(1_000);
    const { sent, answered, failed, created } = await client.stop();
    assert.deepEqual({ answered, failed, created: created.length }, { answered: sent, failed: [], created: sent });
  });

  it("loses requests while its pods are replaced, since they end before all the world knows", async () => {
    const counts = await rollUnderLoad(octollm, () => octollm.kubectl("rollout", "restart", "deployment/orchestrator"));
    const failed = counts.flatMap((count) => count.failed);
    assert.ok(failed.length > 0, JSON.stringify(counts));
  });
});
