import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

import { parse, parseAllDocuments } from "yaml";

import {
  applyConfiguration,
  clusterFacts,
  deploymentRuntime,
  forgetBefore,
  objectsAsYaml,
  readConfiguration,
  rememberBefore,
} from "../../runtimes/kubernetes/driver";
import type { ClusterPlace } from "../../runtimes/runtime";
import { until } from "../support/until";
import type { Rule } from "./support/cluster";
import { orchestratorOf } from "./support/deployment";
import { type KubernetesInstallation, startInstallation } from "./support/installation";

const names = { configMap: "octollm-config", secret: "octollm-secrets" };
const needs = { forwards: true, execs: true };
const role = parse(readFileSync("docs/kubernetes-role.yaml", "utf8")) as { rules: Rule[] };

/** A kubeconfig as the fixture writes it. */
interface Kubeconfig {
  readonly clusters: readonly { readonly cluster: { server: string; "certificate-authority-data"?: string } }[];
}

describe("an installation's ConfigMap and Secret", function () {
  this.timeout(120_000);
  let octollm: KubernetesInstallation;
  let place: ClusterPlace;

  before(async () => {
    octollm = await startInstallation({ tasks: 1, services: [] });
    place = orchestratorOf(octollm).cluster;
  });
  after(() => octollm.remove());

  it("are read as variables, byte for byte", async () => {
    const { values, kept, objects } = await readConfiguration(place, names);
    assert.deepEqual(values.get("GREETING"), { value: "Guten Morgen, ${USER}\n - your octopus\n", home: "configMap" });
    assert.deepEqual(values.get("POSTGRES_PASSWORD"), { value: "not-a-real-password=#1", home: "secret" });
    assert.equal(kept, null);
    assert.deepEqual(
      objects.map(({ name, immutable }) => [name, immutable]),
      [
        ["ConfigMap octollm-config", false],
        ["Secret octollm-secrets", false],
      ],
    );
  });

  it("hold exactly what is written into them, whoever wrote the rest", async () => {
    const text = "LOG_LEVEL=debug\n# octollm: removed OLD=ä\n";
    const kept = { text, homes: { LOG_LEVEL: "configMap", OLD: "secret" } } as const;
    const variables = { configMap: { LOG_LEVEL: "debug" }, secret: { TOKEN: "ä\n" }, kept };
    for (let times = 0; times < 2; times++) {
      await applyConfiguration(place, names, variables);
      const read = await readConfiguration(place, names);
      assert.deepEqual(Object.fromEntries([...read.values].map(([key, { value }]) => [key, value])), {
        ...variables.configMap,
        ...variables.secret,
      });
      assert.deepEqual(read.kept, kept);
      // An operator adds one by hand.
      octollm.kubectl("patch", "configmap", "octollm-config", "--patch", '{"data":{"BY_HAND":"1"}}');
    }
    type Labelled = { metadata: { labels: Record<string, string> } };
    const { labels } = octollm.get<Labelled>("configmap", "octollm-config").metadata;
    assert.deepEqual(labels, { "app.kubernetes.io/part-of": "octollm" });
  });

  it("are in the file of the installation's objects, which kubectl takes, without kubectl's copy of the Secret", async () => {
    const { values } = await readConfiguration(place, names);
    const text = await objectsAsYaml({ ...place, ...names });
    const kinds = parseAllDocuments(text).map((one) => (one.toJS() as { kind: string }).kind);
    for (const kind of ["ConfigMap", "Secret", "StatefulSet", "Service"]) assert.ok(kinds.includes(kind), kind);
    assert.doesNotMatch(text, /last-applied|managedFields|resourceVersion/);
    octollm.cluster.kubectl("delete", "configmap", "octollm-config", "--namespace", octollm.namespace);
    octollm.apply(text);
    assert.deepEqual((await readConfiguration(place, names)).values, values);
  });

  it("are missed by name, and so is their namespace", async () => {
    await assert.rejects(
      readConfiguration(place, { ...names, secret: "other" }),
      /has no Secret 'other'\. See: kubectl .* get configmaps,secrets\. Correct it: octollm config set --path kubernetes\.secret <name>/,
    );
    await assert.rejects(readConfiguration({ ...place, namespace: "nowhere" }, names), /has no namespace 'nowhere'/);
  });
});

describe("a cluster", function () {
  this.timeout(120_000);
  let octollm: KubernetesInstallation;
  let place: ClusterPlace;

  before(async () => {
    octollm = await startInstallation({ tasks: 1, services: ["orchestrator"] });
    place = orchestratorOf(octollm).cluster;
  });
  after(() => octollm.remove());

  const account = (name: string, rules: readonly Rule[], seconds?: number) =>
    octollm.cluster.createAccount({
      namespace: octollm.namespace,
      name,
      rules,
      ...(seconds === undefined ? {} : { seconds }),
    });

  /** The administrator's kubeconfig with another cluster in it. */
  const changed = (change: (cluster: Kubeconfig["clusters"][number]["cluster"]) => void) => {
    const config = JSON.parse(readFileSync(place.kubeconfig, "utf8")) as Kubeconfig;
    for (const { cluster } of config.clusters) change(cluster);
    const path = join(octollm.cluster.folder, `changed-${++files}.kubeconfig`);
    writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
    return path;
  };
  let files = 0;

  it("says which it is, and that its administrator lacks nothing", async () => {
    const { name, serverVersion, uid, missingRights } = await clusterFacts(place, needs);
    assert.match(name, new RegExp(`^context '.+', namespace '${octollm.namespace}'$`));
    assert.match(serverVersion, /^v1\.\d+/);
    assert.match(uid, /^[0-9a-f-]{36}$/);
    assert.deepEqual(missingRights, []);
  });

  it("is enough for all that the documented least Role allows, and nothing is missing in that", async () => {
    const least = { ...place, kubeconfig: account("upgrader", role.rules) };
    assert.deepEqual((await clusterFacts(least, needs)).missingRights, []);
    const spec = orchestratorOf(octollm, { cluster: least });
    await rememberBefore(spec, { attempt: 1, release: "0.1.0" });
    await deploymentRuntime.stop(spec);
    assert.equal((await deploymentRuntime.start(spec)).release, "0.1.0");
    await deploymentRuntime.scanLog(spec, await deploymentRuntime.markLog(spec), {});
    await forgetBefore(spec);
    assert.match(await objectsAsYaml({ ...least, ...names }), /kind: StatefulSet/);
  });

  it("names each right that is missing", async () => {
    const lesser = role.rules.map(({ apiGroups, resources, verbs }) => ({
      ...{ apiGroups, resources },
      verbs: verbs.filter((verb) => !(resources.includes("deployments") && verb === "patch")),
    }));
    const rules = lesser.filter(({ resources }) => !resources.includes("pods/exec"));
    const kubeconfig = account("lesser", rules);
    assert.deepEqual((await clusterFacts({ ...place, kubeconfig }, needs)).missingRights, [
      ...["patch deployments.apps", "get pods/exec", "create pods/exec"],
    ]);
    assert.deepEqual((await clusterFacts({ ...place, kubeconfig }, { forwards: true })).missingRights, [
      "patch deployments.apps",
    ]);
  });

  it("tells a token that has expired, and what to do", async () => {
    const kubeconfig = account("late", role.rules, -60);
    await assert.rejects(
      clusterFacts({ ...place, kubeconfig }, needs),
      /API server https:\/\/\S+ \(context '.*'\) does not know who this is \(401\).*Log in again, then look with 'kubectl .* auth whoami'/,
    );
  });

  it("is known by a kubeconfig, one of its contexts, and an address that answers in time", async () => {
    const missing = { ...place, kubeconfig: "/nowhere/config" };
    await assert.rejects(clusterFacts(missing, needs), /There is no kubeconfig '\/nowhere\/config'/);
    await assert.rejects(clusterFacts({ ...place, context: "other" }, needs), /has no context 'other'\. It has: /);
    const elsewhere = (server: string) => changed((cluster) => (cluster.server = server));
    const refused = { ...place, kubeconfig: elsewhere("https://127.0.0.1:1") };
    await assert.rejects(
      clusterFacts(refused, needs),
      /https:\/\/127\.0\.0\.1:1 \(context .*\) cannot be reached: nothing listens there/,
    );
    const silent = createServer(() => undefined).listen(0, "127.0.0.1");
    await until("it listens", () => silent.listening);
    const { port } = silent.address() as { port: number };
    const begun = Date.now();
    const waiting = { ...place, kubeconfig: elsewhere(`https://127.0.0.1:${port}`) };
    await assert.rejects(clusterFacts(waiting, needs), /cannot be reached: it does not answer/);
    assert.ok(Date.now() - begun < 15_000);
    silent.close();
  });

  it("is not trusted when its certificate is signed by another authority", async () => {
    const kubeconfig = changed((cluster) => delete cluster["certificate-authority-data"]);
    await assert.rejects(
      clusterFacts({ ...place, kubeconfig }, needs),
      /is not trusted: its certificate is not signed by the kubeconfig's authority/,
    );
  });
});
