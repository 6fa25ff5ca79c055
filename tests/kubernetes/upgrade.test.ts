import assert from "node:assert/strict";

import { kubernetesEngines, KubernetesStack } from "./support/stack";

for (const engine of kubernetesEngines)
  describe(`an OctoLLM on Kubernetes, with the ${engine} engine`, function () {
    this.timeout(600_000);
    let stack: KubernetesStack;

    before(async () => {
      stack = await KubernetesStack.adopted(engine);
    });
    after(() => stack.remove());

    it("is adopted without a restart, and shows no change afterwards", async () => {
      const before = stack.octollm.pods();
      assert.match(await stack.must("preview"), /unchanged/);
      assert.deepEqual(stack.octollm.pods(), before);
    });
  });
