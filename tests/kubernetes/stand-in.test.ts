import { strict as assert } from "node:assert";
import { setTimeout as sleep } from "node:timers/promises";

import { InitError, type ResourceProvider } from "../../engine/plugins/provider";
import { makeSecret, type PropertyMap } from "../../engine/property/value";
import { KeptResource } from "../support/kept";
import { inputs as cases, type StateName, types } from "./plugin/cases";
import { hasPlugin, realPlugin, standIn } from "./plugin/real-plugin";
import { readRecording } from "./plugin/recording";
import { Cluster } from "./support/cluster";

const namespace = "standin";
const kindsOfTests = "deployment,statefulset,service,configmap,secret,poddisruptionbudget,persistentvolumeclaim";

/** A Deployment of the planner, which serves on 8001; variables may make it fail. */
function planner(container: PropertyMap = {}, more: PropertyMap = {}): PropertyMap {
  const one = {
    ...{ name: "planner", image: "octollm/planner-arm:0.1.0", imagePullPolicy: "Never" },
    readinessProbe: { httpGet: { path: "/health", port: 8001 }, periodSeconds: 1 },
    ...container,
  };
  return {
    ...{ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "planner", ...more } },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: "planner" } },
      template: {
        metadata: { labels: { app: "planner" } },
        spec: { terminationGracePeriodSeconds: 1, containers: [one] },
      },
    },
  };
}

const configMap = (data: PropertyMap, more: PropertyMap = {}): PropertyMap => ({
  ...{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "cfg", ...more }, data },
});

interface Live {
  metadata: {
    uid: string;
    generation: number;
    annotations?: Record<string, string>;
    labels?: Record<string, string>;
    managedFields: { manager: string; operation: string; subresource?: string }[];
  };
  spec: { replicas: number };
  data: Record<string, string>;
}

const managersOf = ({ metadata }: Live): string[] =>
  metadata.managedFields
    .filter(({ subresource }) => subresource === undefined)
    .map(({ manager, operation }) => `${manager.replace(/-[0-9a-f]{8}$/, "-*")} ${operation}`);

/** The reasons of a resource that is there but not in order. */
async function reasonsOf(act: Promise<unknown>): Promise<InitError> {
  const error = await act.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof InitError, String(error));
  return error;
}

describe("the stand-in for @pulumi/kubernetes on a real API server", function () {
  this.timeout(120_000);
  let cluster: Cluster;
  let provider: ResourceProvider;
  const said: string[] = [];
  const kept = (state: StateName) => new KeptResource(provider, types[state], state);
  const live = (kind: string, name: string) => cluster.get<Live>(kind, name, "-n", namespace, "--show-managed-fields");
  const plain = (settings: PropertyMap = {}) => standIn({ kubeconfig: cluster.kubeconfig, settings });

  before(async () => {
    cluster = Cluster.ofRing();
    cluster.kubectl("create", "namespace", namespace);
    provider = await standIn({ kubeconfig: cluster.kubeconfig, log: (line) => said.push(line) });
  });
  afterEach(() => void cluster.kubectl("delete", kindsOfTests, "--all", "-n", namespace, "--wait"));
  after(() => void cluster.kubectl("delete", "namespace", namespace));

  it("leaves in the state what the plugin leaves there", async () => {
    const { lives } = readRecording();
    for (const state of (Object.keys(types) as StateName[]).filter((name) => name !== "namespace")) {
      const { outputs, inputs, id } = await kept(state).create(cases[state]);
      const { created } = lives[state];
      assert.deepEqual([id, inputs], [created.id, created.inputs], state);
      assert.deepEqual(settled(outputs), settled(created.outputs), state);
    }
  });

  it("tries in a preview what the server says to it, and changes nothing", async () => {
    const cfg = await kept("configMap").create(configMap({ A: "1" }));
    const { metadata } = live("configmap", "cfg");
    await cfg.update(configMap({ A: "2" }), true);
    assert.deepEqual(live("configmap", "cfg").metadata, metadata);
    const outputs = await kept("deployment").previewed(planner());
    assert.equal((outputs.spec as PropertyMap).progressDeadlineSeconds, 600);
    assert.equal(cluster.kubectl("get", "deployments", "-n", namespace, "-o", "name"), "");
    const wrong = planner({ image: "octollm/planner-arm:0.1.0", ports: [{ containerPort: 99_999 }] });
    await assert.rejects(kept("deployment").previewed(wrong), /Deployment|containerPort: Invalid value: 99999/);
  });

  it("waits until the pods of a Deployment serve, tells what it waits for, and rolls to another image", async () => {
    said.length = 0;
    const web = await kept("deployment").create(planner());
    assert.match(said.join("\n"), /0 of 1 pods ready/);
    assert.deepEqual((web.outputs.status as PropertyMap).readyReplicas, 1);
    assert.deepEqual(await web.diff(planner()), {});
    const news = planner({ image: "octollm/planner-arm:0.2.0" });
    assert.deepEqual(await web.diff(news), { "spec.template.spec.containers[0].image": "update" });
    await web.update(news);
    assert.equal(await web.refresh(), true);
    assert.deepEqual(await web.diff(news), {});
  });

  it("says why a Deployment does not get ready: image, exit code, last words without its secrets, probe", async () => {
    await kept("secret").create({
      ...{ apiVersion: "v1", kind: "Secret", metadata: { name: "s" } },
      stringData: makeSecret({ WORD: "hush-hush" }),
    });
    const web = await kept("deployment").create(planner());
    const absent = await reasonsOf(web.update(planner({ image: "octollm/planner-arm:9.9.9" }), false, 4));
    assert.match(absent.reasons[0] ?? "", /Deployment 'standin\/planner' was changed, .*not ready within 4 s/);
    assert.match(absent.reasons.join("\n"), /image 'octollm\/planner-arm:9.9.9' of pod .* \(ErrImageNeverPull\)/);
    const shell = { image: "octollm-test/tools:1", envFrom: [{ secretRef: { name: "s" } }] };
    const crash = { ...shell, command: ["/bin/busybox", "sh", "-c", "echo says $WORD; exit 3"] };
    const crashed = await reasonsOf(web.update(planner(crash), false, 6));
    assert.match(crashed.reasons.join("\n"), /container 'planner' of pod '.*' ended with exit code 3/);
    assert.match(crashed.reasons.join("\n"), /says \*\*\*/);
    assert.doesNotMatch(crashed.reasons.join("\n"), /hush/);
    const unready = planner({ readinessProbe: { httpGet: { path: "/nothing", port: 8001 }, periodSeconds: 1 } });
    const probed = await reasonsOf(web.update(unready, false, 5));
    assert.match(probed.reasons.join("\n"), /container 'planner' of pod '.*' runs, but is not ready/);
    // The state knows what was wanted; the way back shows, and is whole again at once.
    Object.assign(web, { outputs: probed.outputs });
    assert.deepEqual(Object.keys(await web.diff(planner())), [
      "spec.template.spec.containers[0].readinessProbe.httpGet.path",
    ]);
    const refreshed = await reasonsOf(web.refresh());
    assert.match(refreshed.reasons.join("\n"), /not ready/);
    await web.update(planner());
    assert.equal(await web.refresh(), true);
  });

  it("waits for no object that says so, and as long as it says", async () => {
    const absent = { image: "octollm/planner-arm:9.9.9" };
    await kept("deployment").create(planner(absent, { annotations: { "pulumi.com/skipAwait": "true" } }));
    const other = new KeptResource(provider, types.deployment, "other");
    const news = planner(absent, { name: "other", annotations: { "pulumi.com/timeoutSeconds": "2" } });
    assert.match((await reasonsOf(other.create(news))).message, /not ready within 2 s/);
  });

  it("ends its wait when the run is interrupted, and says so", async () => {
    const interrupted = await plain({ upsertExistingObjects: "true" });
    const web = new KeptResource(interrupted, types.deployment, "web");
    const creating = reasonsOf(web.create(planner({ image: "octollm/planner-arm:9.9.9" })));
    await sleep(1_500);
    await interrupted.cancel();
    assert.match((await creating).message, /was interrupted; it goes on starting/);
  });

  it("takes over what kubectl applied without a restart; its first change, as the plugin's, drops what is not declared", async () => {
    cluster.apply(planner({}, { labels: { "on-call": "freya" } }), namespace);
    cluster.kubectl("rollout", "status", "deployment/planner", "-n", namespace);
    const before = live("deployment", "planner");
    const web = await kept("deployment").create(planner());
    assert.equal(live("deployment", "planner").metadata.generation, before.metadata.generation);
    assert.deepEqual(managersOf(live("deployment", "planner")), [
      "pulumi-kubernetes-* Apply",
      "kubectl-client-side-apply Update",
    ]);
    await web.update(planner({ image: "octollm/planner-arm:0.2.0" }));
    assert.deepEqual(managersOf(live("deployment", "planner")), ["pulumi-kubernetes-* Apply"]);
    assert.equal(live("deployment", "planner").metadata.uid, before.metadata.uid);
    assert.equal(live("deployment", "planner").metadata.labels, undefined);
  });

  it("applies under the name that an annotation gives, and the name before gives its fields up", async () => {
    const named = { annotations: { "pulumi.com/patchFieldManager": "octollm-upgrade" } };
    const cfg = await kept("configMap").create(configMap({ A: "1" }));
    assert.deepEqual(managersOf(live("configmap", "cfg")), ["pulumi-kubernetes-* Apply"]);
    await cfg.update(configMap({ A: "1", B: "2" }, named));
    assert.deepEqual(managersOf(live("configmap", "cfg")), ["octollm-upgrade Apply"]);
    await cfg.update(configMap({ B: "2" }, named));
    assert.deepEqual(live("configmap", "cfg").data, { B: "2" });
  });

  it("without its settings it makes only what is not there, and names a conflict", async () => {
    const bare = await plain();
    const made = await new KeptResource(bare, types.configMap, "cfg").create(configMap({ A: "1" }));
    assert.deepEqual(managersOf(live("configmap", "cfg")), ["pulumi-kubernetes Update"]);
    await assert.rejects(
      new KeptResource(bare, types.configMap, "again").create(configMap({ A: "1" })),
      /was not created: .* answered 409: configmaps "cfg" already exists/,
    );
    await made.update(configMap({ A: "2" }));
    assert.deepEqual(managersOf(live("configmap", "cfg")), ["pulumi-kubernetes-* Apply"]);
    const patch = ["patch", "configmap", "cfg", "-n", namespace, "--field-manager=somebody"];
    cluster.kubectl(...patch, "--type=merge", "-p", '{"data":{"A":"3"}}');
    for (const preview of [true, false])
      await assert.rejects(made.update(configMap({ A: "4" }), preview), /conflict with "somebody".*\.data\.A/s);
    assert.deepEqual(live("configmap", "cfg").data, { A: "3" });
  });

  it("leaves to others what the program ignores", async () => {
    const ignored = ["spec.replicas"];
    const web = await kept("deployment").create(planner());
    cluster.kubectl("scale", "deployment/planner", "--replicas=2", "-n", namespace);
    await web.refresh().catch(() => false);
    const news = planner({ image: "octollm/planner-arm:0.2.0" });
    await web.update(news, false, 0, ignored);
    assert.equal(live("deployment", "planner").spec.replicas, 2);
  });

  it("deletes an object with all that belongs to it, and takes one that is gone for deleted", async () => {
    const web = await kept("deployment").create(planner());
    await web.delete();
    assert.equal(cluster.kubectl("get", "replicasets,pods", "-n", namespace, "-l", "app=planner", "-o", "name"), "");
    await web.delete();
    assert.equal(await web.refresh(), false);
    await assert.rejects(web.update(planner({ image: "x:1" })), /is not there any more. Run 'octollm up --refresh'/);
  });

  it("sees drift after a refresh, and puts it back", async () => {
    const cfg = await kept("configMap").create(configMap({ A: "1" }));
    cluster.kubectl("patch", "configmap", "cfg", "-n", namespace, "--type=merge", "-p", '{"data":{"A":"9","Z":"1"}}');
    assert.deepEqual(await cfg.diff(configMap({ A: "1" })), {});
    await cfg.refresh();
    assert.deepEqual(await cfg.diff(configMap({ A: "1" })), { "data.A": "update" });
    await cfg.update(configMap({ A: "1" }));
    assert.equal(live("configmap", "cfg").data.A, "1");
  });

  it("a lacking right is no error in a preview, as with the plugin, and is named when it is done", async () => {
    const rules = [{ apiGroups: [""], resources: ["configmaps"], verbs: ["get"] }];
    const kubeconfig = cluster.createAccount({ namespace, name: "reader", rules });
    const reader = await standIn({ kubeconfig });
    const cfg = new KeptResource(reader, types.configMap, "cfg");
    assert.deepEqual((await cfg.previewed(configMap({ A: "1" }))).data, { A: "1" });
    await assert.rejects(cfg.create(configMap({ A: "1" })), /cannot patch resource "configmaps"/);
  });

  it("names the server that cannot be reached", async () => {
    const kubeconfig = cluster.kubectl("config", "view", "--raw").replace(/server: .*/, "server: https://127.0.0.1:9");
    const away = await standIn({ kubeconfig });
    const cfg = new KeptResource(away, types.configMap, "cfg");
    await assert.rejects(cfg.create(configMap({ A: "1" })), /API server https:\/\/127.0.0.1:9 .* cannot be reached/);
  });
});

describe("the plugin of @pulumi/kubernetes and its stand-in take over from each other", function () {
  this.timeout(240_000);
  let cluster: Cluster;
  let providers: Record<"plugin" | "stand-in", ResourceProvider>;

  before(async function () {
    if (!hasPlugin()) this.skip();
    cluster = Cluster.ofRing();
    const { kubeconfig } = cluster;
    providers = { plugin: await realPlugin({ kubeconfig }), "stand-in": await standIn({ kubeconfig }) };
  });
  after(() => providers?.plugin.close());

  for (const [first, second] of [
    ["stand-in", "plugin"],
    ["plugin", "stand-in"],
  ] as const)
    it(`the ${second} from the ${first}: no change before and after a refresh, then the same changes`, async () => {
      const order = ["namespace", ...Object.keys(types).filter((state) => state !== "namespace")] as StateName[];
      const all: KeptResource[] = [];
      for (const state of order) {
        const kept = await new KeptResource(providers[first], types[state], state).create(cases[state]);
        kept.provider = providers[second];
        assert.deepEqual(await kept.diff(cases[state]), {}, `${state} as the ${first} left it`);
        await kept.refresh();
        assert.deepEqual(await kept.diff(cases[state]), {}, `${state} after the ${second}'s refresh`);
        kept.provider = providers[first];
        assert.deepEqual(await kept.diff(cases[state]), {}, `${state} back with the ${first}`);
        kept.provider = providers[second];
        const news = {
          ...cases[state],
          metadata: { ...(cases[state].metadata as PropertyMap), labels: { by: second } },
        };
        await kept.update(news, true);
        await kept.update(news);
        kept.provider = providers[first];
        await kept.refresh();
        assert.deepEqual(await kept.diff(news), {}, `${state} as the ${second} changed it`);
        kept.provider = providers[second];
        all.push(kept);
      }
      for (const kept of all.toReversed()) await kept.delete();
    });
});

/** Outputs without what differs each time. */
function settled(outputs: PropertyMap): unknown {
  return JSON.parse(
    JSON.stringify(outputs, (key, value: unknown) => {
      if (["uid", "creationTimestamp", "time", "resourceVersion", "clusterIP"].includes(key)) return "*";
      if (key === "clusterIPs") return ["*"];
      // How far the controllers have got.
      if (key === "status" || key === "deployment.kubernetes.io/revision") return undefined;
      if (key === "managedFields")
        return (value as { manager: string; subresource?: string }[])
          .filter(({ subresource }) => subresource !== "status")
          .map((entry) => ({ ...entry, manager: entry.manager.replace(/-[0-9a-f]{8}$/, "-*") }));
      return typeof value === "string"
        ? value.replace(/^pulumi-kubernetes-[0-9a-f]{8}$/, "pulumi-kubernetes-*")
        : value;
    }),
  );
}
