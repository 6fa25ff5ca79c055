import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { parse } from "yaml";

import { images } from "../docker/support/images";
import { until } from "../support/until";
import type { Rule } from "./support/cluster";
import { tagImage } from "./support/images";
import { KubernetesStack } from "./support/stack";

const { rules } = parse(readFileSync("docs/kubernetes-role.yaml", "utf8")) as { readonly rules: Rule[] };

describe("an upgrade on Kubernetes that would stop half-way", function () {
  this.timeout(300_000);
  let stack: KubernetesStack;
  let administrator: string;

  before(async () => {
    stack = await KubernetesStack.adopted("standalone", { tasks: 100 });
    administrator = stack.kubeconfig;
    stack.wants("1.0.0");
  });
  after(() => stack.remove());

  const kubectl = (...words: readonly string[]) => stack.octollm.kubectl(...words);
  const account = (name: string, granted: readonly Rule[], seconds = 3600) =>
    stack.octollm.cluster.createAccount({ namespace: stack.octollm.namespace, name, rules: granted, seconds });

  /** Puts the ConfigMap in the place of the immutable one, as only deleting it can. */
  function makeMutable(): void {
    type ConfigMap = { data: object; metadata: { name: string; labels: object } };
    const { data, metadata } = stack.octollm.get<ConfigMap>("configmap", "octollm-config");
    const { name, labels } = metadata;
    kubectl("delete", "configmap", "octollm-config");
    stack.octollm.apply({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, labels }, data });
  }

  /** What preview refuses as another user, or by another kubeconfig. */
  async function refusedWith(kubeconfig: string): Promise<string> {
    stack.kubeconfig = kubeconfig;
    try {
      return await stack.mustFail("preview");
    } finally {
      stack.kubeconfig = administrator;
    }
  }

  it("is refused for each object that cannot be changed, and nothing is touched", async () => {
    kubectl("rollout", "pause", "deployment/planner-arm");
    kubectl("label", "deployment/reflex-layer", "argocd.argoproj.io/instance=octollm");
    kubectl("set", "env", "deployment/orchestrator", "WEBHOOK_URL=http://127.0.0.1:9/mine");
    kubectl("patch", "configmap", "octollm-config", "--patch", '{"immutable":true}');
    await stack.octollm.rolledOut("orchestrator");
    await until("the older pods are gone", () => Object.keys(stack.octollm.pods("app=orchestrator")).length === 2);
    const pods = stack.octollm.pods();
    const refusals = [
      /Deployment 'planner-arm' is paused, and would not roll: kubectl rollout resume deployment planner-arm/,
      /Deployment 'reflex-layer' belongs to Argo CD \(argocd\.argoproj\.io\/instance: octollm\), which would put it back/,
      /Deployment 'orchestrator' names WEBHOOK_URL itself, in its containers' 'env', and the upgrade changes what these are/,
      /ConfigMap octollm-config is immutable, and the upgrade has to change it/,
    ];
    const outputs = [await stack.mustFail("preview"), await stack.upFails()];
    for (const output of outputs) for (const refusal of refusals) assert.match(output, refusal);
    assert.deepEqual(stack.octollm.pods(), pods);
    kubectl("rollout", "resume", "deployment/planner-arm");
    kubectl("label", "deployment/reflex-layer", "argocd.argoproj.io/instance-");
    kubectl("set", "env", "deployment/orchestrator", "WEBHOOK_URL-");
    await stack.octollm.rolledOut("orchestrator");
    makeMutable();
  });

  it("is refused where another field manager owns what is changed, unless the settings allow that", async () => {
    const image = { containers: [{ name: "orchestrator", image: "octollm/orchestrator:0.1.0" }] };
    const head = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "orchestrator" } };
    const file = join(stack.folder, "image.json");
    writeFileSync(file, JSON.stringify({ ...head, spec: { template: { spec: image } } }));
    kubectl("apply", "--server-side", "--force-conflicts", "--field-manager=keel", "--filename", file);
    const output = await stack.mustFail("preview");
    assert.match(
      output,
      /that another field manager owns: .*keel: \.spec\.template\.spec\.containers\[name="orchestrator"\]\.image/,
    );
    assert.match(output, /octollm config set --path kubernetes\.forceConflicts true/);
    await stack.must("config", "set", "--path", "kubernetes.forceConflicts", "true");
  });

  it("is refused by name of each right that is missing", async () => {
    const lesser = rules.map(({ verbs, ...rule }) => {
      const isPatched = rule.resources.includes("deployments");
      return { ...rule, verbs: isPatched ? verbs.filter((verb) => verb !== "patch") : verbs };
    });
    assert.match(
      await refusedWith(account("lesser", lesser)),
      /these rights are missing, without which the upgrade would stop half-way: patch deployments\.apps\./,
    );
  });

  it("is refused with what to do when the token has expired, or nobody answers", async () => {
    assert.match(
      await refusedWith(account("late", rules, -60)),
      /the token or certificate of the kubeconfig has expired/,
    );
    const config = JSON.parse(readFileSync(administrator, "utf8")) as { clusters: { cluster: { server: string } }[] };
    for (const { cluster } of config.clusters) cluster.server = "https://127.0.0.1:1";
    const elsewhere = join(stack.folder, "elsewhere.kubeconfig");
    writeFileSync(elsewhere, JSON.stringify(config));
    const output = await refusedWith(elsewhere);
    assert.match(output, /https:\/\/127\.0\.0\.1:1 \(context 'test'\) cannot be reached: nothing listens there/);
    assert.match(output, /Look with 'kubectl --context test -n \S+ version'/);
  });
});

describe("an upgrade on Kubernetes that fails, by a user with the documented least Role", function () {
  this.timeout(300_000);
  let stack: KubernetesStack;
  let data: Awaited<ReturnType<KubernetesStack["octollm"]["fingerprint"]>>;
  let config: string;

  before(async () => {
    stack = await KubernetesStack.create("standalone", { tasks: 100 });
    const { namespace, cluster } = stack.octollm;
    stack.kubeconfig = cluster.createAccount({ namespace, name: "upgrader", rules });
    await stack.up();
    data = await stack.octollm.fingerprint();
    config = variables();
    for (const image of [images.exitsAtOnce, images.neverHealthy]) tagImage(image, image.replace(/:1$/, ":1.0.0"));
  });
  after(() => stack.remove());

  const variables = () =>
    JSON.stringify(
      (["configmap/octollm-config", "secret/octollm-secrets"] as const).map(
        (name) => stack.octollm.get<{ data: object }>(name).data,
      ),
    );
  const setOrchestrator = (changes: object) =>
    stack.set({
      services: stack.services.map((service) =>
        service.name === "orchestrator" ? { ...service, ...changes } : service,
      ),
    });
  const orchestrators = () => stack.octollm.pods("app=orchestrator");

  /** The old release serves, with all of its pods, and neither data nor variables have changed. */
  async function assertUndone(): Promise<void> {
    assert.deepEqual(await stack.octollm.serving(), { version: "0.1.0", revision: "def456" });
    assert.deepEqual(await stack.octollm.fingerprint(), data);
    assert.equal(variables(), config);
    type Deployments = { items: { spec: { replicas: number }; status: { readyReplicas?: number } }[] };
    const { items } = stack.octollm.get<Deployments>("deployments");
    assert.deepEqual(
      items.map(({ spec, status }) => [spec.replicas, status.readyReplicas]),
      [
        [2, 2],
        [1, 1],
        [1, 1],
      ],
    );
    const all = Object.values(stack.octollm.pods()).filter(({ image }) => image.includes("octollm/"));
    assert.deepEqual(
      all.filter(({ image }) => !image.endsWith(":0.1.0")),
      [],
    );
  }

  it("because its image is absent is undone while it rolls: the old pods go on serving until then", async () => {
    stack.wants("0.2.0");
    setOrchestrator({ image: "octollm/absent:{version}", startTimeout: 20 });
    const output = await stack.upFails();
    assert.match(
      output,
      /'orchestrator': 0\.2\.0 did not become ready within 20 s: .*image 'octollm\/absent:0\.2\.0' of pod '\S+' cannot be pulled/,
    );
    assert.match(output, /The older pods go on serving \(2\)\./);
    assert.match(output, /It was undone: OctoLLM 0\.1\.0 serves again\./);
    assert.match(output, /npx octollm up/);
    await assertUndone();
  });

  it("because its container ends at once is undone: its exit code and its last words are said", async () => {
    stack.wants("1.0.0");
    setOrchestrator({ image: "octollm-test/exits-at-once:{version}", startTimeout: 30 });
    const output = await stack.upFails();
    assert.match(output, /'orchestrator': 1\.0\.0 did not become ready within 30 s: .* ended with exit code 3/);
    assert.match(output, /It was undone: OctoLLM 0\.1\.0 serves again\./);
    await assertUndone();
  });

  it("because it never becomes ready is undone after its time is over: what the probe was told is said", async () => {
    setOrchestrator({ image: "octollm-test/never-healthy:{version}" });
    const output = await stack.upFails();
    assert.match(
      output,
      /'orchestrator': 1\.0\.0 did not become ready within 30 s: .*HTTP probe failed with statuscode: 503/,
    );
    assert.match(output, /It was undone: OctoLLM 0\.1\.0 serves again\./);
    await assertUndone();
    setOrchestrator({ image: "octollm/orchestrator:{version}", startTimeout: 120 });
  });

  it("because a migration fails is undone before any Deployment was changed", async () => {
    await stack.octollm.sql("ALTER TABLE tasks ADD CONSTRAINT in_the_way CHECK (priority < 9)");
    const output = await stack.upFails();
    await stack.octollm.sql("ALTER TABLE tasks DROP CONSTRAINT in_the_way");
    assert.match(output, /SchemaMigration failed: Revision e4f5a6/);
    assert.match(output, /It was undone: OctoLLM 0\.1\.0 serves again\./);
    assert.doesNotMatch(output, /Deployment services-/);
    await assertUndone();
  });

  it("does not fail when a pod is evicted while it rolls", async () => {
    stack.wants("0.2.0");
    const before = orchestrators();
    const run = stack.start("up", "--yes", "--skip-preview");
    assert.ok(await run.says(/Readiness services-orchestrator-readiness (creating|updating)/), run.output);
    const [evicted = ""] = Object.keys(before);
    // The new budget lets no pod go before the cluster has counted them.
    await until("a pod is evicted", () => {
      stack.octollm.cluster.evict(stack.octollm.namespace, evicted);
      return true;
    });
    const { code, output } = await run.ended;
    assert.equal(code, 0, output);
    assert.deepEqual(await stack.octollm.serving(), { version: "0.2.0", revision: "b1c2d3" });
    assert.equal((await stack.octollm.fingerprint()).tasks, data.tasks);
  });
});
