import { strict as assert } from "node:assert";

import {
  hasPulumiCli,
  projectWithStack,
  pulumiCli,
  standalone,
  succeed,
  type TestProject,
} from "../engine/support/project";
import { hasPlugin } from "./plugin/real-plugin";
import { Cluster } from "./support/cluster";

const namespace = "program";

/** A program with a service and its environment, declared as the program's own stacks declare them. */
function program({ release = "0.1.0", flavour = "mild", kubeconfig = "" } = {}): string {
  return `
const { Provider } = require("@pulumi/kubernetes/provider");
const { ConfigMap, Secret } = require("@pulumi/kubernetes/core/v1");
const { Deployment } = require("@pulumi/kubernetes/apps/v1");
const provider = new Provider("cluster", {
  kubeconfig: ${JSON.stringify(kubeconfig)}, namespace: ${JSON.stringify(namespace)}, clusterIdentifier: "test",
  upsertExistingObjects: true, enablePatchForce: true, enableConfigMapMutable: true, enableSecretMutable: true,
});
const options = { provider };
const metadata = (name) => ({ name, annotations: { "pulumi.com/patchFieldManager": "octollm-upgrade" } });
const config = new ConfigMap("config", { metadata: metadata("cfg"), data: { FLAVOUR: ${JSON.stringify(flavour)} } }, options);
const secret = new Secret("secret", { metadata: metadata("secret"), stringData: { TOKEN: pulumi.secret("hush-hush") } }, options);
const container = {
  name: "planner", image: "octollm/planner-arm:${release}", imagePullPolicy: "Never",
  envFrom: [{ configMapRef: { name: "cfg" } }, { secretRef: { name: "secret" } }],
  readinessProbe: { httpGet: { path: "/health", port: 8001 }, periodSeconds: 1 },
};
new Deployment("planner", {
  metadata: metadata("planner"),
  spec: {
    selector: { matchLabels: { app: "planner" } },
    template: {
      metadata: { labels: { app: "planner" } },
      spec: { terminationGracePeriodSeconds: 1, containers: [container] },
    },
  },
}, { ...options, dependsOn: [config, secret] });
`;
}

describe("a program with @pulumi/kubernetes on the standalone engine, without the plugin", function () {
  this.timeout(240_000);
  let cluster: Cluster;
  let project: TestProject;
  const run = (...argv: string[]) => succeed(project, ...argv);
  const write = (settings: Parameters<typeof program>[0] = {}) =>
    project.program(program({ kubeconfig: cluster.kubeconfig, ...settings }));
  const image = () =>
    cluster.kubectl("get", "deployment/planner", "-n", namespace, "-o", "jsonpath={..containers[0].image}");

  before(async () => {
    cluster = Cluster.ofRing();
    cluster.kubectl("create", "namespace", namespace);
    project = await projectWithStack("");
    write();
  });
  after(() => {
    project.remove();
    cluster.kubectl("delete", "namespace", namespace);
  });

  it("previews without a trace, makes everything, and then sees no change", async () => {
    const { stdout } = await run("preview");
    assert.match(stdout, /\+ 5 to create/);
    assert.equal(cluster.kubectl("get", "deployments,secrets", "-n", namespace, "-o", "name"), "");
    await run("up", "--yes", "--skip-preview");
    assert.equal(image(), "octollm/planner-arm:0.1.0");
    await run("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes");
    assert.doesNotMatch(JSON.stringify(project.resources()), /hush-hush|aHVzaC1odXNo/);
  });

  it("shows what changes, property by property and without secrets, and changes it in place", async () => {
    write({ release: "0.2.0", flavour: "hot" });
    const { stdout } = await run("preview", "--diff");
    assert.match(stdout, /~ FLAVOUR: "mild" => "hot"/);
    assert.match(stdout, /~ image: "octollm\/planner-arm:0.1.0" => "octollm\/planner-arm:0.2.0"/);
    assert.doesNotMatch(stdout, /hush-hush|aHVzaC1odXNo|replace/);
    await run("up", "--yes", "--skip-preview");
    assert.equal(image(), "octollm/planner-arm:0.2.0");
  });

  it("ends with the reason where the pods do not get ready; the program of before makes it whole", async () => {
    const late = program({ kubeconfig: cluster.kubeconfig, release: "9.9.9", flavour: "hot" });
    project.program(late.replace("dependsOn:", 'customTimeouts: { update: "4s" }, dependsOn:'));
    const { code, stdout, stderr } = await standalone(project, ["up", "--yes", "--skip-preview"]);
    assert.notEqual(code, 0);
    assert.match(stdout + stderr, /image 'octollm\/planner-arm:9.9.9' of pod '.*' is not on the node/);
    assert.match(stdout + stderr, /was not ready within 4 s/);
    write({ release: "0.2.0", flavour: "hot" });
    await run("up", "--yes", "--skip-preview");
    await run("preview", "--expect-no-changes");
  });

  it("hands its state to the Pulumi CLI and the plugin, and takes it back", async function () {
    if (!hasPulumiCli() || !hasPlugin()) this.skip();
    const plugin = { PULUMI_IGNORE_AMBIENT_PLUGINS: "" };
    const cli = async (...argv: string[]) => {
      const { code, stdout, stderr } = await pulumiCli(project, argv, plugin);
      assert.equal(code, 0, stdout + stderr);
    };
    await cli("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes");
    await run("preview", "--expect-no-changes");
    write({ release: "0.1.0", flavour: "mild" });
    await cli("up", "--yes", "--skip-preview");
    assert.equal(image(), "octollm/planner-arm:0.1.0");
    await run("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes");
    // Our engine with the plugin.
    const own = await standalone(project, ["up", "--yes", "--skip-preview", "--expect-no-changes"], plugin);
    assert.equal(own.code, 0, own.stdout + own.stderr);
    assert.doesNotMatch(JSON.stringify(project.resources()), /hush-hush|aHVzaC1odXNo/);
  });

  it("deletes what it has made", async () => {
    await run("destroy", "--yes", "--skip-preview");
    assert.equal(cluster.kubectl("get", "deployments,secrets,pods", "-n", namespace, "-o", "name"), "");
  });
});
