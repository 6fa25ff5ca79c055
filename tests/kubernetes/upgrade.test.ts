import assert from "node:assert/strict";

import { CountingClient } from "../support/counting-client";
import { kubernetesEngines, KubernetesStack } from "./support/stack";

/** Values of the Secret, in clear, in base64, and in base64 as part of the environment's text. */
const secrets = /not-a-real-password|obviously-fake|b2J2aW91c2x5LWZha2Ut|eyJ0ZXh0/;

interface Workload {
  readonly metadata: { readonly labels: Record<string, string> };
  readonly spec: { readonly replicas: number };
}

for (const engine of kubernetesEngines)
  describe(`an OctoLLM on Kubernetes, with the ${engine} engine`, function () {
    this.timeout(600_000);
    let stack: KubernetesStack;
    const deployment = () => stack.octollm.get<Workload>("deployment", "orchestrator");
    const variables = () => {
      const { data } = stack.octollm.get<{ data: Record<string, string> }>("configmap", "octollm-config");
      return Object.entries(data).filter(([key]) => key.startsWith("CACHE_"));
    };
    const history = () => stack.octollm.kubectl("rollout", "history", "deployment/orchestrator");

    before(async () => {
      stack = await KubernetesStack.adopted(engine);
    });
    after(() => stack.remove());

    it("is adopted without a restart, and shows no change afterwards", async () => {
      const before = stack.octollm.pods();
      assert.match(await stack.must("preview"), /unchanged/);
      assert.deepEqual(stack.octollm.pods(), before);
    });

    it("shows in preview what each object becomes, and no secret, and touches nothing", async () => {
      stack.octollm.kubectl("scale", "deployment/orchestrator", "--replicas=3");
      stack.octollm.kubectl("label", "deployment/orchestrator", "team=kraken");
      await stack.octollm.rolledOut("orchestrator");
      stack.wants("0.2.0");
      const before = stack.octollm.pods();
      const preview = await stack.must("preview", "--diff");
      assert.match(preview, /kubernetes:core\/v1:Secret: \(create\)/);
      assert.match(preview, /image +: "octollm\/orchestrator:0\.2\.0"/);
      assert.match(preview, /CACHE_L2_TTL +: "7200"/);
      assert.doesNotMatch(preview, /StatefulSet|core\/v1:Namespace|core\/v1:Service:|Autoscaler/);
      assert.doesNotMatch(preview, secrets);
      assert.deepEqual(stack.octollm.pods(), before);
    });

    it("rolls to 0.2.0 and keeps what nobody declares; its history tells the release, its state no secret", async () => {
      const { tasks } = await stack.octollm.fingerprint();
      await stack.up();
      assert.deepEqual(await stack.octollm.serving(), { version: "0.2.0", revision: "b1c2d3" });
      assert.equal((await stack.octollm.fingerprint()).tasks, tasks);
      assert.equal(deployment().spec.replicas, 3);
      assert.deepEqual(deployment().metadata.labels, { app: "orchestrator", "on-call": "freya", team: "kraken" });
      assert.deepEqual(variables(), [
        ["CACHE_L1_ENABLED", "true"],
        ["CACHE_L1_SIZE", "1000"],
        ["CACHE_L1_TTL", "60"],
        ["CACHE_L2_ENABLED", "true"],
        ["CACHE_L2_TTL", "7200"],
      ]);
      assert.match(history(), /OctoLLM 0\.2\.0 \(attempt 2\)/);
      assert.doesNotMatch(stack.state, secrets);
      assert.doesNotMatch(stack.state, /StatefulSet|core\/v1:Namespace/);
      assert.match(await stack.must("preview"), /24 unchanged/);
    });

    it("sees in preview that somebody has undone a rollout by hand, and repairs it", async function () {
      if (engine !== "standalone") return this.skip();
      stack.octollm.kubectl("rollout", "undo", "deployment/orchestrator");
      await stack.octollm.rolledOut("orchestrator");
      assert.match(await stack.must("preview"), /orchestrator runs 0\.1\.0, not 0\.2\.0/);
      await stack.up();
      assert.deepEqual(await stack.octollm.serving(), { version: "0.2.0", revision: "b1c2d3" });
      assert.equal(deployment().spec.replicas, 3);
    });

    it("rolls the pods for a variable at 200 requests per second, of which none fails", async function () {
      if (engine !== "standalone") return this.skip();
      const before = stack.octollm.pods("app=orchestrator");
      stack.octollm.kubectl("patch", "configmap", "octollm-config", "--patch", '{"data":{"LOG_LEVEL":"debug"}}');
      const client = new CountingClient(`${stack.octollm.orchestrator}/tasks?limit=1`, { every: 5, timeout: 30_000 });
      await stack.up();
      const { failed, sent } = await client.stop();
      assert.deepEqual(failed, []);
      assert.ok(sent > 1000, `${sent} requests prove little`);
      // Older ones may still be ending.
      const isNew = ([name, { ready }]: [string, { ready: boolean }]) => ready && !(name in before);
      assert.equal(Object.entries(stack.octollm.pods("app=orchestrator")).filter(isNew).length, 3);
    });

    it("goes to 1.0.0 with the services stopped, and back by setting the old version, every task as it was", async () => {
      const before = await stack.octollm.fingerprint();
      stack.wants("1.0.0");
      await stack.up();
      assert.deepEqual(await stack.octollm.serving(), { version: "1.0.0", revision: "e4f5a6" });
      assert.equal((await stack.octollm.fingerprint()).tasks, before.tasks);
      assert.equal(deployment().spec.replicas, 3);
      assert.doesNotMatch(stack.state, secrets);
      stack.wants("0.1.0");
      await stack.up();
      assert.deepEqual(await stack.octollm.serving(), { version: "0.1.0", revision: "def456" });
      assert.equal((await stack.octollm.fingerprint()).tasks, before.tasks);
      assert.equal(deployment().spec.replicas, 3);
      assert.deepEqual(variables(), [
        ["CACHE_ENABLED", "true"],
        ["CACHE_TTL", "7200"],
      ]);
      assert.match(history(), /OctoLLM 1\.0\.0 \(attempt \d\)[^]*OctoLLM 0\.1\.0 \(attempt \d\)/);
      assert.match(await stack.must("preview"), /24 unchanged/);
    });

    it("is taken over by the other engine, which sees no change", async function () {
      const other = kubernetesEngines.find((each) => each !== engine);
      if (other === undefined) return this.skip();
      stack.engine = other;
      assert.match(await stack.must("preview"), /24 unchanged/);
    });
  });
