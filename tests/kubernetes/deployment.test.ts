import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import {
  deploymentFacts,
  deploymentManifest,
  deploymentRuntime,
  discoverDeployments,
  forgetBefore,
  rememberBefore,
  returnBefore,
} from "../../runtimes/kubernetes/driver";
import type { DeploymentSpec } from "../../runtimes/runtime";
import { images } from "../docker/support/images";
import { until } from "../support/until";
import { orchestratorOf } from "./support/deployment";
import { type KubernetesInstallation, startInstallation } from "./support/installation";

interface Live {
  readonly spec: { readonly replicas: number };
  readonly metadata: {
    readonly annotations?: Readonly<Record<string, string>>;
    readonly managedFields: readonly { readonly manager: string; readonly fieldsV1: { "f:spec"?: object } }[];
  };
}

function listening(): { activity: { progress: (line: string) => void }; lines: string[] } {
  const lines: string[] = [];
  return { activity: { progress: (line) => lines.push(line) }, lines };
}

describe("a service that is a Deployment", function () {
  this.timeout(180_000);
  let octollm: KubernetesInstallation;
  let spec: DeploymentSpec;

  before(async () => {
    octollm = await startInstallation({ tasks: 20, services: ["orchestrator"] });
    spec = orchestratorOf(octollm);
  });
  after(() => octollm.remove());

  const live = () => octollm.get<Live>("deployment", "orchestrator", "--show-managed-fields");

  it("is looked at without being touched", async () => {
    const before = live();
    const { running, healthy, release, startedByUs, detail } = await deploymentRuntime.inspect(spec);
    assert.deepEqual(
      { running, healthy, release, startedByUs, detail },
      {
        ...{ running: true, healthy: true, release: "0.1.0", startedByUs: false },
        detail: "Deployment 'orchestrator' has 2 of 2 pods ready",
      },
    );
    const { object, ...facts } = (await deploymentFacts(spec)) ?? {};
    assert.equal(object?.metadata.name, "orchestrator");
    assert.deepEqual(facts, {
      ...{ release: "0.1.0", attempt: null, image: "octollm/orchestrator:0.1.0", replicas: 2, remembered: null },
      ...{ autoscaler: "orchestrator", owners: { gitops: null, foreign: [] }, checksum: null },
      sources: { configMaps: ["octollm-config"], secrets: ["octollm-secrets"] },
      ...{ ownVariables: ["PORT"], paused: false, wantsBudget: true, before: null },
      gap: "the present pods have no preStop, the new ones do",
    });
    assert.deepEqual(live(), before);
  });

  it("is stopped when its pods are gone, not before, and gets back the replicas that it had", async () => {
    octollm.kubectl("scale", "deployment/orchestrator", "--replicas=3");
    await octollm.rolledOut("orchestrator");
    const { activity, lines } = listening();
    const stopped = await deploymentRuntime.stop(spec, activity);
    assert.deepEqual([stopped.running, stopped.detail], [false, "Deployment 'orchestrator' is scaled to 0"]);
    assert.deepEqual(octollm.pods("app=orchestrator"), {});
    assert.match(lines[1] ?? "", /waiting for orchestrator-\S+, orchestrator-\S+, orchestrator-\S+ to end$/);
    assert.equal((await deploymentFacts(spec))?.remembered, 3);
    // Again, as after a kill: what is remembered stays.
    await deploymentRuntime.stop(spec);
    assert.equal((await deploymentFacts(spec))?.remembered, 3);
    const started = await deploymentRuntime.start(spec, activity);
    assert.deepEqual([started.healthy, started.release], [true, "0.1.0"]);
    assert.equal(live().spec.replicas, 3);
    assert.equal(live().metadata.annotations?.["octollm-upgrade/replicas"], undefined);
  });

  it("is brought back with one pod and a word about it when nobody knows how many there were", async () => {
    octollm.kubectl("scale", "deployment/orchestrator", "--replicas=0");
    const { activity, lines } = listening();
    await deploymentRuntime.start(spec, activity);
    assert.equal(lines[0], "orchestrator: scaling Deployment 'orchestrator' to 1; how many it had before is not known");
    octollm.kubectl("scale", "deployment/orchestrator", "--replicas=2");
    await octollm.rolledOut("orchestrator");
  });

  it("is stopped although somebody scales it up meanwhile: that is told", async () => {
    const stopping = assert.rejects(
      deploymentRuntime.stop(spec),
      /was scaled to 0, and somebody has scaled it to 1 again/,
    );
    await until("it is scaled to 0", () => live().spec.replicas === 0);
    octollm.kubectl("scale", "deployment/orchestrator", "--replicas=1");
    await stopping;
    octollm.kubectl("scale", "deployment/orchestrator", "--replicas=2");
    await octollm.rolledOut("orchestrator");
  });

  it("survives pods that are evicted while it is waited for", async () => {
    octollm.kubectl("rollout", "restart", "deployment/orchestrator");
    const starting = deploymentRuntime.start(spec);
    await sleep(1_000);
    octollm.kubectl("delete", "pods", "--selector=app=orchestrator", "--wait=false");
    assert.equal((await starting).healthy, true);
  });

  it("waits on while the API server is away", async () => {
    octollm.kubectl("rollout", "restart", "deployment/orchestrator");
    const starting = deploymentRuntime.start(spec);
    await octollm.cluster.stopComponent("kube-apiserver");
    await sleep(2_000);
    await octollm.cluster.startApiServer();
    assert.equal((await starting).healthy, true);
  });

  it("is given its release before again after one that does not become ready, whose last words are told", async () => {
    // Pods of the tests before are still ending.
    await until("two pods", () => Object.keys(octollm.pods("app=orchestrator")).length === 2);
    await rememberBefore(spec, { attempt: 1, release: "0.1.0" });
    const next = { ...spec, release: "0.2.0", image: images.exitsAtOnce };
    const facts = await deploymentFacts(next);
    assert.ok(facts);
    assert.deepEqual(facts.before, { attempt: 1, release: "0.1.0" });
    const before = octollm.pods("app=orchestrator");
    const file = join(octollm.cluster.folder, "orchestrator.json");
    writeFileSync(file, JSON.stringify(deploymentManifest(facts, next, { attempt: 1, checksum: "0123456789ab" })));
    // As Pulumi's plugin does it; kubectl's own way would take the replicas for removed.
    const how = ["--server-side", "--force-conflicts", "--field-manager=octollm-upgrade"];
    octollm.kubectl("apply", ...how, "--filename", file);
    assert.equal(live().spec.replicas, 2);
    await assert.rejects(deploymentRuntime.start(next), (error: Error) => {
      assert.match(
        error.message,
        /^Service 'orchestrator': 0\.2\.0 does not get ready: .* ended with exit code 3, after 3 restarts/,
      );
      assert.match(error.message, /The older pods go on serving \(\d\)\. The last lines of its log:\n {2}\S/);
      return true;
    });
    assert.equal((await octollm.serving())?.version, "0.1.0");
    // A second attempt after a kill must not take the failed release for the way back.
    await rememberBefore(spec, { attempt: 2, release: "0.1.0" });
    await assert.rejects(returnBefore(spec, "1.0.0"), /is of 0\.1\.0\. Nothing was changed/);
    assert.equal(await returnBefore(spec, "0.1.0"), true);
    assert.equal(await returnBefore(spec, "0.1.0"), false);
    assert.equal((await deploymentRuntime.start(spec)).release, "0.1.0");
    const serving = Object.entries(before).filter(([, { ready }]) => ready);
    for (const [name, { uid }] of serving) assert.equal(octollm.pods("app=orchestrator")[name]?.uid, uid);
    await forgetBefore(spec);
    assert.equal((await deploymentFacts(spec))?.before, null);
  });

  it("keeps its replicas when a manifest without them is applied by another manager", async () => {
    const replicas = () => live().spec.replicas;
    assert.equal(replicas(), 2);
    await rememberBefore(spec, { attempt: 3, release: "0.1.0" });
    const owners = live().metadata.managedFields.filter(({ fieldsV1 }) => "f:replicas" in (fieldsV1["f:spec"] ?? {}));
    assert.deepEqual(
      owners.filter(({ manager }) => manager === "kubectl-client-side-apply"),
      [],
    );
    await forgetBefore(spec);
    assert.equal(replicas(), 2);
  });

  it("has its log read from a moment on, also that of a container that was restarted since", async () => {
    const mark = await deploymentRuntime.markLog(spec);
    await sleep(1_100);
    const words = ["exec", "deployment/orchestrator", "--"];
    octollm.kubectl(...words, "sh", "-c", "echo 'ERROR of before the restart' > /proc/1/fd/2; kill 1 || true");
    await until("a restart", () =>
      Object.values(octollm.pods("app=orchestrator")).some(({ restarts }) => restarts > 0),
    );
    const { lines } = await deploymentRuntime.scanLog(spec, mark, {});
    assert.ok(lines.includes("ERROR of before the restart"), lines.join("\n"));
    await octollm.rolledOut("orchestrator");
  });

  it("is found by whoever adopts it, with its Services", async () => {
    const { deployments, services } = await discoverDeployments(spec.cluster);
    assert.deepEqual(
      deployments.map(({ name, containers }) => [name, containers]),
      [
        [
          "orchestrator",
          [
            {
              name: "orchestrator",
              image: "octollm/orchestrator:0.1.0",
              repository: "octollm/orchestrator",
              release: "0.1.0",
              ports: [8000],
              probe: { path: "/health", port: 8000 },
              configMaps: ["octollm-config"],
              secrets: ["octollm-secrets"],
            },
          ],
        ],
      ],
    );
    assert.deepEqual(services.find(({ name }) => name === "postgres")?.ports, [5432]);
  });
});
