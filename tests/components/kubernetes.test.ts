import assert from "node:assert/strict";

import { Upgrade } from "../../components/upgrade";
import type { DeploymentPlan, Plan } from "../../planner/plan";
import type { ServiceDeployment } from "../../planner/world";
import { loadCatalogue } from "../../releases/catalogue";
import type { Catalogue } from "../../releases/release";
import { parseSettings } from "../../settings";
import { goal, planned, service, world } from "../unit/planner-cases";
import { record, type Registration, secretMark } from "./recorder";

const after: Readonly<Record<string, readonly string[]>> = {
  orchestrator: [],
  "reflex-layer": ["orchestrator"],
  "planner-arm": ["orchestrator"],
};
const names = Object.keys(after);
const workload = "kubernetes:apps/v1:Deployment";
const budgeted = "orchestrator";
const password = "cGE1NXcwcmQ=";

const configMap = { metadata: { name: "octollm-config" }, data: { LOG_LEVEL: "info" } };
const secret = { metadata: { name: "octollm-secrets" }, data: { DB_PASSWORD: password }, type: "Opaque" };
const manifestOf = (name: string) => ({
  metadata: { name, annotations: { "pulumi.com/skipAwait": "true" } },
  spec: { selector: { matchLabels: { app: name } }, template: { spec: { containers: [{ name }] } } },
});
const budget = { metadata: { name: budgeted }, spec: { maxUnavailable: 1 } };
/** Under the key by which the engine knows what is special. */
const marked = (value: unknown) => ({ "4dabf18193072939515e22adb298388d": secretMark, value });

/** What the engine of the test answers besides what it is given. */
const answers = {
  "upgrade:index:Manifests": () => ({
    configMap,
    secret: marked(secret),
    deployments: Object.fromEntries(names.map((name) => [name, manifestOf(name)])),
    budgets: { [budgeted]: budget },
    madeBy: Object.fromEntries(names.map((name) => [name, 2])),
  }),
};

function deployment(name: string, changes: Partial<ServiceDeployment> = {}): ServiceDeployment {
  return {
    name,
    exists: true,
    image: `octollm/${name}:x`,
    attempt: null,
    release: null,
    followsVariables: null,
    ownVariables: [],
    paused: false,
    gap: null,
    wantsBudget: name === budgeted,
    owners: { gitops: null, foreign: [] },
    dependsOn: after[name] ?? [],
    ...changes,
  };
}

describe("the program with target kubernetes, against mocks of the engine", function () {
  this.timeout(30_000);
  let catalogue: Catalogue;
  let plan: Plan;
  let registered: readonly Registration[];

  function planOf(to: string): Plan {
    const services = names.map((name) => ({ ...service, name, release: "0.1.0", deployment: deployment(name) }));
    const wanted = goal(to, { services: names.map((name) => ({ name, health: "/health" })) });
    return planned(world("0.1.0", "def456", { services }), wanted, catalogue);
  }

  function register(made: Plan, kubernetes: Readonly<Record<string, unknown>> = {}): Promise<readonly Registration[]> {
    const services = names.map((name) => ({
      ...{ name, deployment: name, image: `octollm/${name}:{version}`, port: 8000, health: "/health" },
    }));
    const settings = { version: made.to, target: "kubernetes", services: JSON.stringify(services) };
    const all = { ...settings, kubernetes: JSON.stringify(kubernetes) };
    return record(made, () => new Upgrade("octollm", parseSettings(all)), answers);
  }

  before(async () => {
    catalogue = await loadCatalogue();
    plan = planOf("1.0.0");
    registered = await register(plan);
  });

  function find(name: string, among = registered): Registration {
    const found = among.find((candidate) => candidate.name === name);
    assert.ok(found, `'${name}' is not registered`);
    return found;
  }

  const below = (among: readonly Registration[]) =>
    among
      .filter(({ parent }) => parent === "services")
      .map(({ type, name }) => `${type} ${name}`)
      .toSorted();
  const objects = (among = registered) => among.filter(({ type }) => type.startsWith("kubernetes:"));
  const declaredIn = ({ deploy }: Plan): readonly DeploymentPlan[] => deploy.deployments ?? [];

  it("declares no object while what runs is only observed; the phases are all there", async () => {
    const observed = planOf("0.1.0");
    assert.equal(observed.deploy.deployments, undefined);
    const all = await register(observed);
    assert.deepEqual(below(all), ["pulumi:providers:kubernetes services-cluster"]);
    assert.deepEqual(
      all.filter(({ parent }) => parent !== "services").map(({ type, name }) => `${type} ${name}`),
      [
        "pulumi:pulumi:Stack octollm-dev",
        "upgrade:index:Upgrade octollm",
        "upgrade:index:Preflight preflight",
        "upgrade:index:Quiesce quiesce",
        "upgrade:index:Backup backup",
        "upgrade:index:Restore restore",
        "upgrade:index:SchemaMigration pre",
        "upgrade:index:Environment environment",
        "upgrade:index:KubernetesDeployment services",
        "upgrade:index:Resume resume",
        "upgrade:index:Verification verification",
        "upgrade:index:SchemaMigration post",
        "upgrade:index:Completion completion",
      ],
    );
    assert.ok(
      find("resume", all).dependsOn.includes("environment"),
      "Resume waits for nothing even without a Deployment",
    );
  });

  it("declares ConfigMap, Secret, a Deployment and its readiness for each service, one budget, and nothing else", () => {
    assert.deepEqual(
      below(registered),
      [
        "kubernetes:core/v1:ConfigMap services-variables",
        "kubernetes:core/v1:Secret services-secrets",
        "kubernetes:policy/v1:PodDisruptionBudget services-orchestrator-budget",
        "pulumi:providers:kubernetes services-cluster",
        "upgrade:index:Manifests services-manifests",
        ...names.flatMap((name) => [
          `${workload} services-${name}`,
          `upgrade:index:Readiness services-${name}-readiness`,
        ]),
      ].toSorted(),
    );
  });

  it("declares no Secret where the installation has none", async () => {
    const all = await register(plan, { secret: "" });
    assert.deepEqual(
      objects(all).filter(({ type }) => type.endsWith(":Secret")),
      [],
    );
    assert.equal(objects(all).length, objects().length - 1);
  });

  it("changes no object before it is remembered, no pod before its variables, and none before what it needs is ready", () => {
    for (const first of ["preflight", "environment"])
      assert.ok(find("services-manifests").dependsOn.includes(first), `Manifests does not wait for ${first}`);
    for (const name of ["services-variables", "services-secrets"])
      assert.ok(find(name).dependsOn.includes("services-manifests"), `${name} does not wait for Manifests`);
    for (const { service: name, after: earlier } of declaredIn(plan)) {
      const { dependsOn } = find(`services-${name}`);
      const awaited = ["services-variables", "services-secrets", ...earlier.map((one) => `services-${one}-readiness`)];
      for (const first of awaited) assert.ok(dependsOn.includes(first), `${name} does not wait for ${first}`);
      assert.ok(find(`services-${name}-readiness`).dependsOn.includes(`services-${name}`));
      assert.ok(find("resume").dependsOn.includes(`services-${name}-readiness`), `Resume does not wait for ${name}`);
    }
    const parallel = find("services-planner-arm").dependsOn;
    assert.ok(!parallel.includes("services-reflex-layer-readiness"), "stopped services wait that need not");
  });

  it("gives Manifests its part of the plan, and Readiness its service, and no more", () => {
    const { attempt } = plan;
    assert.deepEqual(find("services-manifests").inputs, { attempt, plans: declaredIn(plan) });
    for (const { service: name } of declaredIn(plan))
      assert.deepEqual(find(`services-${name}-readiness`).inputs, { attempt, service: name });
  });

  it("gives each object what Manifests says it is to be, and nothing of its own", () => {
    const kind = (name: string, apiVersion: string) => ({ kind: name, apiVersion });
    for (const name of names)
      assert.deepEqual(find(`services-${name}`).inputs, { ...kind("Deployment", "apps/v1"), ...manifestOf(name) });
    assert.deepEqual(find("services-variables").inputs, { ...kind("ConfigMap", "v1"), ...configMap });
    assert.deepEqual(find("services-orchestrator-budget").inputs, {
      ...kind("PodDisruptionBudget", "policy/v1"),
      ...budget,
    });
  });

  it("hands the Secret's values on as secrets alone", () => {
    const { data } = find("services-secrets").inputs as { data: Record<string, unknown> };
    assert.ok(Object.values(data).includes(secretMark), "the Secret's data is no secret");
    const others = registered.filter(({ name }) => name !== "services-secrets");
    for (const { name, inputs } of others) assert.ok(!JSON.stringify(inputs).includes(password), name);
  });

  it("has the engine delete no object, and replace none after deleting it", () => {
    for (const one of registered) {
      const isObject = one.type.startsWith("kubernetes:");
      assert.deepEqual([one.deleteBeforeReplace, one.retainOnDelete], [false, isObject], one.name);
    }
  });

  it("takes over what is there and changes it in place, by a provider that serves the objects alone", () => {
    const provider = find("services-cluster");
    assert.deepEqual([provider.type, provider.parent], ["pulumi:providers:kubernetes", "services"]);
    const { inputs } = provider;
    assert.deepEqual([inputs.namespace, inputs.clusterIdentifier], ["octollm", "octollm-octollm"]);
    for (const option of ["upsertExistingObjects", "enablePatchForce", "enableConfigMapMutable", "enableSecretMutable"])
      assert.equal(String(inputs[option]), "true", option);
    assert.deepEqual([inputs.kubeconfig, inputs.context], [undefined, undefined]);
    for (const { type, provider: served, name } of registered)
      assert.equal(served, type.startsWith("kubernetes:") ? "pulumi:providers:kubernetes" : "", name);
  });

  it("names the cluster of the settings to that provider, as a path from anywhere", async () => {
    const all = await register(plan, { kubeconfig: "cluster/kubeconfig", context: "production", namespace: "brain" });
    const { inputs } = find("services-cluster", all);
    assert.match(String(inputs.kubeconfig), /^\/.*\/cluster\/kubeconfig$/);
    assert.deepEqual([inputs.context, inputs.namespace], ["production", "brain"]);
  });
});
