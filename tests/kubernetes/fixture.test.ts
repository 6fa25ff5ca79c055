import { strict as assert } from "node:assert";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

import { Client } from "pg";

import { images } from "../docker/support/images";
import { type Count, CountingClient } from "../support/counting-client";
import { until } from "../support/until";
import { type KubernetesInstallation, startInstallation } from "./support/installation";

/** What clients with and without connections of their own saw of a rolling change, at 200 requests a second together. */
async function rollUnderLoad(octollm: KubernetesInstallation, change: () => void): Promise<readonly Count[]> {
  const url = `${octollm.orchestrator}/tasks?limit=1`;
  const clients = [true, false].map((keepAlive) => new CountingClient(url, { every: 10, keepAlive }));
  await sleep(500);
  change();
  await octollm.rolledOut("orchestrator");
  // The last old pod ends after its replacement is ready.
  await until("old pods are gone", () => Object.keys(octollm.pods("app=orchestrator")).length === 2);
  await sleep(500);
  return Promise.all(clients.map((client) => client.stop()));
}

/** A change of the orchestrator's container by kubectl. */
function patch(octollm: KubernetesInstallation, container: object): void {
  const spec = { template: { spec: { containers: [{ name: "orchestrator", ...container }] } } };
  octollm.kubectl("patch", "deployment", "orchestrator", "--patch", JSON.stringify({ spec }));
}

/** What a pattern finds in what a child prints. */
function said(child: ChildProcess, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    child.stdout?.on("data", (piece: Buffer) => {
      const [, found] = pattern.exec((text += piece.toString())) ?? [];
      if (found !== undefined) resolve(found);
    });
    child.once("close", () => reject(new Error(`it ended after: ${text}`)));
  });
}

/** A container's state as Kubernetes tells it, as far as these tests look. */
interface ContainerStatus {
  readonly image: string;
  readonly ready: boolean;
  readonly started: boolean;
  readonly state: { readonly waiting?: { readonly reason: string } };
  readonly lastState: { readonly terminated?: { readonly exitCode: number } };
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
    const forward = spawn("kubectl", ["--namespace", octollm.namespace, "port-forward", "service/postgres", ":5432"]);
    const port = await said(forward, /Forwarding from 127\.0\.0\.1:(\d+) -> 5432/);
    const address = new URL(octollm.databaseUrl);
    address.host = `127.0.0.1:${port}`;
    const client = new Client({ connectionString: address.href });
    await client.connect();
    const { rows } = await client.query<{ n: number }>("SELECT count(*)::int AS n FROM tasks");
    await client.end();
    assert.deepEqual(rows, [{ n: 200 }]);
    forward.kill();
    await once(forward, "close");
  });

  it("takes tasks from a client that counts", async () => {
    const client = new CountingClient(`${octollm.orchestrator}/tasks`, { body: { description: "Count me" } });
    await sleep(1_000);
    const { sent, answered, failed, created } = await client.stop();
    assert.deepEqual({ answered, failed, created: created.length }, { answered: sent, failed: [], created: sent });
    const query = "SELECT count(*)::int AS n FROM tasks WHERE id = ANY($1)";
    assert.deepEqual(await octollm.sql(query, [created]), [{ n: sent }]);
  });

  it("loses requests while its pods are replaced: they end before all the world knows", async () => {
    const counts = await rollUnderLoad(octollm, () => octollm.kubectl("rollout", "restart", "deployment/orchestrator"));
    assert.ok(counts.flatMap(({ failed }) => failed).length > 0, JSON.stringify(counts));
  });

  it("loses none when pods wait before they end", async () => {
    await rollUnderLoad(octollm, () => patch(octollm, { lifecycle: { preStop: { sleep: { seconds: 5 } } } }));
    await octollm.sql("UPDATE alembic_version SET version_num = 'abc123'");
    const counts = await rollUnderLoad(octollm, () => patch(octollm, { image: "octollm/orchestrator:0.2.0" }));
    for (const { sent, answered, failed } of counts)
      assert.deepEqual({ answered, failed }, { answered: sent, failed: [] });
    assert.ok(
      counts.every(({ sent }) => sent > 500),
      JSON.stringify(counts),
    );
    assert.deepEqual(await octollm.serving(), { version: "0.2.0", revision: "abc123" });
  });

  it("serves on from its old pods when a new one does not become ready, whatever it is that ails it", async () => {
    const before = octollm.pods("app=orchestrator");
    type Pods = { items: { status: { containerStatuses?: ContainerStatus[] } }[] };
    const containers = () =>
      octollm
        .get<Pods>("pods", "--selector", "app=orchestrator")
        .items.flatMap(({ status }) => status.containerStatuses ?? []);
    const ailments: Record<string, (container: ContainerStatus) => boolean> = {
      "octollm/orchestrator:9.9.9": ({ state }) => /ErrImagePull|ImagePullBackOff/.test(state.waiting?.reason ?? ""),
      [images.exitsAtOnce]: ({ lastState }) => lastState.terminated?.exitCode === 3,
      [images.neverHealthy]: ({ image, started, ready }) => image.includes("never-healthy") && started && !ready,
    };
    for (const [image, ails] of Object.entries(ailments)) {
      patch(octollm, { image });
      await until(`${image} ails`, () => containers().some(ails));
      assert.notEqual(await octollm.serving(), null);
    }
    patch(octollm, { image: "octollm/orchestrator:0.2.0" });
    await until("all is as it was", () => Object.keys(octollm.pods("app=orchestrator")).length === 2);
    assert.deepEqual(octollm.pods("app=orchestrator"), before);
  });

  it("finds its rows again when its database's pod is replaced", async () => {
    const data = await octollm.fingerprint();
    const [before] = Object.values(octollm.pods("app=postgres"));
    octollm.kubectl("delete", "pod", "postgres-0");
    octollm.kubectl("rollout", "status", "statefulset/postgres", "--timeout=60s");
    await until("the database serves", async () => (await octollm.serving()) !== null);
    assert.notEqual(Object.values(octollm.pods("app=postgres"))[0]?.uid, before?.uid);
    assert.deepEqual(await octollm.fingerprint(), data);
  });
});

describe("the cluster that it is on", function () {
  this.timeout(180_000);
  let octollm: KubernetesInstallation;

  before(async () => {
    octollm = await startInstallation({ release: "1.0.0", tasks: 50, services: ["orchestrator"] });
  });
  after(() => octollm.remove());

  it("has images of 1.0.0 on its own schema", async () => {
    assert.deepEqual(await octollm.serving(), { version: "1.0.0", revision: "e4f5a6" });
    assert.deepEqual(Object.keys((await octollm.fingerprint()).priorities), ["2", "4", "6", "8", "10"]);
  });

  it("goes on serving without its API server, and has the same pods when that is back", async () => {
    const before = octollm.pods();
    const { cluster } = octollm;
    const url = `${octollm.orchestrator}/api/v1/tasks?limit=1`;
    await cluster.stopComponent("kube-apiserver");
    try {
      assert.throws(() => cluster.kubectl("get", "nodes"), /refused/);
      const client = new CountingClient(url, { every: 20 });
      await sleep(1_000);
      assert.deepEqual((await client.stop()).failed, []);
    } finally {
      await cluster.startApiServer();
    }
    await sleep(2_000);
    assert.deepEqual(octollm.pods(), before);
  });

  it("lets an account do what its role says, and nothing with a token that has expired", () => {
    const { cluster, namespace } = octollm;
    const rules = [{ apiGroups: ["apps"], resources: ["deployments"], verbs: ["get", "list"] }];
    const account = { namespace, name: "reader", rules };
    const as = (kubeconfig: string, ...words: string[]) => cluster.kubectl("--kubeconfig", kubeconfig, ...words);
    const reader = cluster.createAccount(account);
    assert.match(as(reader, "get", "deployments"), /orchestrator/);
    assert.throws(() => as(reader, "get", "secrets"), /cannot list resource "secrets" in API group ""/);
    assert.throws(() => as(reader, "get", "deployments", "--namespace=default"), /Forbidden/);
    const late = cluster.createAccount({ ...account, seconds: -60 });
    assert.throws(() => as(late, "get", "deployments"), /You must be logged in to the server/);
  });

  it("evicts a pod and makes another, unless a budget forbids it", async () => {
    const names = () => Object.keys(octollm.pods("app=orchestrator"));
    const [first = "", second = ""] = names();
    octollm.cluster.evict(octollm.namespace, first);
    const isThere = () => !names().includes(first) && names().length === 2;
    await until("another pod", isThere);
    await octollm.rolledOut("orchestrator");
    octollm.kubectl("create", "poddisruptionbudget", "all", "--selector=app=orchestrator", "--min-available=2");
    type Budget = { status: { currentHealthy: number } };
    await until("the budget counts", () => octollm.get<Budget>("pdb", "all").status.currentHealthy === 2);
    assert.throws(() => octollm.cluster.evict(octollm.namespace, second), /would violate the pod's disruption budget/);
  });
});
