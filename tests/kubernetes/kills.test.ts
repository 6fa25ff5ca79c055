import assert from "node:assert/strict";

import { soak } from "../e2e/support/soak";
import { kubernetesEngines, KubernetesStack } from "./support/stack";

/** What an engine writes when a step begins, with what has been done before; it is killed then. */
const kills: readonly { readonly after: string; readonly step: RegExp }[] = [
  { after: "the services are stopped", step: /Backup backup (creating|updating)/ },
  { after: "the Deployments are prepared", step: /ConfigMap services-variables (creating|updating)/ },
  { after: "a Deployment was changed", step: /Readiness services-reflex-layer-readiness (creating|updating)/ },
  { after: "the revisions are applied", step: /Environment environment (creating|updating)/ },
  { after: "the variables are planned", step: /Manifests services-manifests (creating|updating)/ },
  { after: "all of it serves", step: /Verification verification (creating|updating)/ },
];

const revisions = { "0.1.0": "def456", "1.0.0": "e4f5a6" } as const;

for (const engine of kubernetesEngines) {
  // The cluster and the real CLI take their time.
  const chosen = kills.filter((_kill, index) => soak || (engine === "standalone" && index < 3));
  describe(`an up on Kubernetes that is killed (${engine})`, function () {
    this.timeout(400_000);
    let stack: KubernetesStack;
    let tasks: number;
    let replicas: Record<string, number>;

    before(async () => {
      stack = await KubernetesStack.adopted(engine, { tasks: 200 });
      ({ tasks } = await stack.octollm.fingerprint());
      replicas = replicasNow();
    });
    after(() => stack.remove());

    /** What each Deployment asks for; none is left with what an attempt remembers. */
    function replicasNow(): Record<string, number> {
      type Item = { metadata: { name: string; annotations?: object }; spec: { replicas: number } };
      const { items } = stack.octollm.get<{ items: Item[] }>("deployments");
      for (const { metadata } of items)
        assert.doesNotMatch(Object.keys(metadata.annotations ?? {}).join(), /octollm-upgrade\/(before|replicas)/);
      return Object.fromEntries(items.map(({ metadata, spec }) => [metadata.name, spec.replicas]));
    }

    async function assertServes(version: keyof typeof revisions): Promise<void> {
      assert.deepEqual(await stack.octollm.serving(), { version, revision: revisions[version] });
      assert.equal((await stack.octollm.fingerprint()).tasks, tasks);
      assert.deepEqual(replicasNow(), replicas);
    }

    for (const [index, { after, step }] of chosen.entries()) {
      const version = index % 2 === 0 ? "1.0.0" : "0.1.0";
      it(`when ${after} on the way to ${version} comes to its end with the next up`, async () => {
        stack.wants(version);
        const run = stack.start("up", "--yes", "--skip-preview");
        assert.ok(await run.says(step), run.output);
        await stack.kill(run);
        const output = await stack.up();
        assert.match(output, /Removed the lock of a process that is no longer running/);
        await assertServes(version);
        assert.match(await stack.must("preview"), /Resources:\n +\d+ unchanged/);
      });
    }

    if (engine === "standalone")
      it("can be brought back by abort instead", async () => {
        const [from, to] = chosen.length % 2 === 1 ? (["1.0.0", "0.1.0"] as const) : (["0.1.0", "1.0.0"] as const);
        const variables = () => stack.octollm.get<{ data: unknown }>("configmap", "octollm-config").data;
        const before = variables();
        stack.wants(to);
        const run = stack.start("up", "--yes", "--skip-preview");
        assert.ok(await run.says(/Readiness services-planner-arm-readiness (creating|updating)/), run.output);
        await stack.kill(run);
        assert.match(await stack.must("status"), /attempt .*open in (Readiness|Manifests)/);
        assert.match(await stack.must("abort", "--yes"), new RegExp(`OctoLLM ${from} serves again\\.`));
        await assertServes(from);
        assert.deepEqual(variables(), before);
      });
  });
}
