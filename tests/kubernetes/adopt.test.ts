import assert from "node:assert/strict";

import { kubernetesEngines, KubernetesStack } from "./support/stack";

for (const engine of kubernetesEngines)
  describe(`adopting an OctoLLM that kubectl deployed (${engine})`, function () {
    this.timeout(300_000);
    let stack: KubernetesStack;

    before(async () => {
      stack = await KubernetesStack.deployed(engine, { tasks: 50 });
    });
    after(() => stack.remove());

    it("finds its services, variables and database, and writes what it found", async () => {
      const output = await stack.adopt();
      const { namespace } = stack.octollm;
      assert.match(output, new RegExp(`^Found OctoLLM 0\\.1\\.0 in namespace '${namespace}' of context 'test':$`, "m"));
      assert.match(output, /^ {2}orchestrator: Deployment orchestrator, 2 pods, port 8000$/m);
      assert.match(output, /^ {2}variables in ConfigMap octollm-config and Secret octollm-secrets$/m);
      assert.match(output, /^ {2}database octollm at revision def456, PostgreSQL \d/m);
      assert.match(output, /Nothing else was changed\./);
      assert.deepEqual(stack.setting("kubernetes"), {
        context: "test",
        namespace,
        configMap: "octollm-config",
        secret: "octollm-secrets",
      });
      assert.deepEqual(stack.setting("database"), { service: "postgres" });
      // Of the planner, which names neither port nor probe, its Service tells the port.
      const ports = { "reflex-layer": 8080, "planner-arm": 8001, orchestrator: 8000 };
      assert.deepEqual(
        stack.services,
        Object.entries(ports).map(([name, port]) => {
          return { name, deployment: name, image: `octollm/${name}:{version}`, port, health: "/health" };
        }),
      );
    });

    it("shows no object in preview, and touches none: pods and objects stay as they are", async () => {
      const before = [stack.octollm.pods(), stack.octollm.versions()];
      const preview = await stack.must("preview");
      assert.doesNotMatch(preview, /kubernetes:(core|apps|policy)/);
      await stack.up();
      assert.match(await stack.must("preview"), /14 unchanged/);
      await stack.must("refresh", "--yes");
      assert.match(await stack.must("preview"), /14 unchanged/);
      assert.deepEqual([stack.octollm.pods(), stack.octollm.versions()], before);
      assert.doesNotMatch(stack.state, /kubernetes:(core|apps|policy)/);
    });
  });
