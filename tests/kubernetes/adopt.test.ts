import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { parse } from "yaml";

import { until } from "../support/until";
import type { Rule } from "./support/cluster";
import { tagImage } from "./support/images";
import type { KubernetesInstallation } from "./support/installation";
import { kubernetesEngines, KubernetesStack } from "./support/stack";

const { rules } = parse(readFileSync("docs/kubernetes-role.yaml", "utf8")) as { rules: Rule[] };
const containers = { "reflex-layer": "reflex", "planner-arm": "planner", orchestrator: "orchestrator" };

/** Gives every service an image whose tag tells nothing. */
async function tagLatest(octollm: KubernetesInstallation): Promise<void> {
  for (const [name, container] of Object.entries(containers)) {
    const image = `octollm/${name}:latest`;
    tagImage(`octollm/${name}:0.1.0`, image);
    const spec = { containers: [{ name: container, image, imagePullPolicy: "IfNotPresent" }] };
    octollm.kubectl("patch", "deployment", name, "--patch", JSON.stringify({ spec: { template: { spec } } }));
  }
  for (const name of Object.keys(containers)) await octollm.rolledOut(name);
  // The last pods of before may still be ending.
  await until(
    "no pod ends any more",
    () => Object.keys(octollm.pods("app in (orchestrator, planner-arm, reflex-layer)")).length === 4,
  );
}

/** What changes with every write to an object of the installation, but not with its status. */
function written(octollm: KubernetesInstallation): string {
  type List = { items: { kind: string; metadata: Record<"name" | "uid" | "managedFields", unknown> }[] };
  const kinds = "deployments,statefulsets,configmaps,secrets,services,horizontalpodautoscalers,poddisruptionbudgets";
  const { items } = octollm.get<List>(kinds, "--show-managed-fields");
  return JSON.stringify(
    items.map(({ kind, metadata: { name, uid, managedFields } }) => {
      const writers = (managedFields ?? []) as { subresource?: string }[];
      return { kind, name, uid, writers: writers.filter(({ subresource }) => subresource !== "status") };
    }),
  );
}

for (const engine of kubernetesEngines)
  describe(`adopting an OctoLLM whose images are all tagged latest, by whoever has the least Role (${engine})`, function () {
    this.timeout(300_000);
    let stack: KubernetesStack;

    before(async () => {
      stack = await KubernetesStack.deployed(engine, { tasks: 50 });
      await tagLatest(stack.octollm);
      stack.kubeconfig = account("adopter", rules);
    });
    after(() => stack.remove());

    const account = (name: string, granted: readonly Rule[]) =>
      stack.octollm.cluster.createAccount({ namespace: stack.octollm.namespace, name, rules: granted });

    it("is refused where there is no OctoLLM, and to a user who may not ask its pods: nothing is written", async () => {
      const elsewhere = await stack.mustFail(...stack.adoptWords, "--service", "orchestrator=nobody");
      assert.match(
        elsewhere,
        /There is no Deployment 'nobody' for 'orchestrator' in namespace '\S+' of context 'test'\./,
      );
      const usual = stack.kubeconfig;
      stack.kubeconfig = account(
        "reader",
        rules.filter(({ resources }) => !resources.includes("pods/portforward")),
      );
      const forbidden = await stack.mustFail(...stack.adoptWords);
      stack.kubeconfig = usual;
      assert.match(
        forbidden,
        /may not do what adopting and upgrading need: get pods\/portforward, create pods\/portforward\. Nothing/,
      );
      assert.match(forbidden, /docs\/kubernetes-role\.yaml is the least Role/);
      assert.ok(!existsSync(join(stack.folder, "Pulumi.dev.yaml")));
    });

    it("finds its services, variables and database, and writes what it found", async () => {
      const before = [stack.octollm.pods(), written(stack.octollm)];
      const output = await stack.adopt();
      assert.deepEqual([stack.octollm.pods(), written(stack.octollm)], before);
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
      const before = [stack.octollm.pods(), written(stack.octollm)];
      const preview = await stack.must("preview");
      assert.doesNotMatch(preview, /kubernetes:(core|apps|policy)/);
      await stack.up();
      assert.match(await stack.must("preview"), /14 unchanged/);
      await stack.must("refresh", "--yes");
      assert.match(await stack.must("preview"), /14 unchanged/);
      assert.deepEqual([stack.octollm.pods(), written(stack.octollm)], before);
      assert.doesNotMatch(stack.state, /kubernetes:(core|apps|policy)/);
    });
  });
