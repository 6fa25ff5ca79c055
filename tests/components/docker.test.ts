import assert from "node:assert/strict";

import { Upgrade } from "../../components/upgrade";
import type { ContainerPlan, Plan } from "../../planner/plan";
import type { ServiceContainer } from "../../planner/world";
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
const definition = {
  name: "not this one",
  restart: "unless-stopped",
  destroyGraceSeconds: 30,
  ports: [{ internal: 8000, external: 8000, ip: "127.0.0.1", protocol: "tcp" }],
  volumes: [{ volumeName: "octollm_data", containerPath: "/data" }],
  networksAdvanced: [{ name: "octollm_default", aliases: ["orchestrator"] }],
  labels: [{ label: "com.docker.compose.service", value: "orchestrator" }],
};
const password = "DATABASE_PASSWORD=pa55w0rd";

/** What the engine of the test answers besides what it is given. */
const answers = {
  "upgrade:index:Retire": ({ attempt, keeps }: Readonly<Record<string, unknown>>) => ({
    definition,
    environment: [password],
    madeBy: keeps ?? attempt,
  }),
  "docker:index/getRemoteImage:getRemoteImage": ({ name }: Readonly<Record<string, unknown>>) => ({
    id: `found:${String(name)}`,
  }),
};

function container(name: string, changes: Partial<ServiceContainer> = {}): ServiceContainer {
  return {
    name: `octollm-${name}`,
    port: name === "orchestrator" ? 8000 : 0,
    image: `octollm/${name}:x`,
    imageWanted: { id: `sha256:${name}` },
    dependsOn: after[name] ?? [],
    attempt: null,
    release: null,
    imageId: "sha256:old",
    wordless: [],
    besides: null,
    followsFiles: true,
    ...changes,
  };
}

describe("the program with target docker, against mocks of the engine", function () {
  this.timeout(30_000);
  let catalogue: Catalogue;
  let plan: Plan;
  let registered: readonly Registration[];

  function planOf(release: string, revision: string, to: string, changes: Partial<ServiceContainer> = {}): Plan {
    const services = names.map((name) => ({ ...service, name, release, container: container(name, changes) }));
    const wanted = goal(to, { services: names.map((name) => ({ name, health: "/health" })) });
    return planned(world(release, revision, { services }), wanted, catalogue);
  }

  function register(made: Plan, host = ""): Promise<readonly Registration[]> {
    const services = names.map((name) => ({
      ...{ name, container: `octollm-${name}`, image: `octollm/${name}:{version}`, health: "/health" },
      port: name === "orchestrator" ? 8000 : 0,
    }));
    const settings = { version: made.to, target: "docker", services: JSON.stringify(services) };
    const docker = JSON.stringify(host === "" ? {} : { host });
    const program = () => new Upgrade("octollm", parseSettings({ ...settings, docker }));
    return record(made, program, answers);
  }

  before(async () => {
    catalogue = await loadCatalogue();
    plan = planOf("0.1.0", "def456", "1.0.0");
    registered = await register(plan);
  });

  function find(name: string, among = registered): Registration {
    const found = among.find((candidate) => candidate.name === name);
    assert.ok(found, `'${name}' is not registered`);
    return found;
  }

  const below = (among: readonly Registration[]) => among.filter(({ parent }) => parent === "services");
  const declaredIn = ({ deploy }: Plan): readonly ContainerPlan[] => deploy.containers ?? [];

  it("declares nothing of Docker while what runs is only observed; the phases are all there", async () => {
    const observed = planOf("0.1.0", "def456", "0.1.0");
    assert.equal(observed.deploy.containers, undefined);
    const all = await register(observed);
    assert.deepEqual(
      all.map(({ type, name }) => `${type} ${name}`),
      [
        "pulumi:pulumi:Stack octollm-dev",
        "upgrade:index:Upgrade octollm",
        "upgrade:index:Preflight preflight",
        "upgrade:index:Quiesce quiesce",
        "upgrade:index:Backup backup",
        "upgrade:index:Restore restore",
        "upgrade:index:SchemaMigration pre",
        "upgrade:index:Environment environment",
        "upgrade:index:DockerDeployment services",
        "upgrade:index:Resume resume",
        "upgrade:index:Verification verification",
        "upgrade:index:SchemaMigration post",
        "upgrade:index:Completion completion",
      ],
    );
    assert.ok(find("resume", all).dependsOn.includes("environment"), "Resume waits for .env even without a container");
  });

  it("makes way, makes a container and waits for it, for each service and for nothing else", () => {
    assert.deepEqual(
      below(registered)
        .map(({ type, name }) => `${type} ${name}`)
        .toSorted(),
      names
        .flatMap((name) => [
          `docker:index/container:Container services-${name}`,
          `upgrade:index:Readiness services-${name}-readiness`,
          `upgrade:index:Retire services-${name}-retire`,
        ])
        .toSorted(),
    );
    const docker = registered.filter(({ type }) => type.startsWith("docker:"));
    assert.equal(docker.length, names.length, "a network, a volume or an image of the operator's is declared");
  });

  it("does so in the order of the dependencies: no container before the one that it needs is ready", () => {
    for (const name of names) {
      const retire = find(`services-${name}-retire`).dependsOn;
      for (const first of [
        "preflight",
        "environment",
        ...(after[name] ?? []).map((one) => `services-${one}-readiness`),
      ])
        assert.ok(retire.includes(first), `${name}'s Retire waits for ${retire.join()}`);
      assert.ok(find(`services-${name}`).dependsOn.includes(`services-${name}-retire`));
      assert.ok(find(`services-${name}-readiness`).dependsOn.includes(`services-${name}`));
      assert.ok(find("resume").dependsOn.includes(`services-${name}-readiness`), `Resume does not wait for ${name}`);
    }
    const parallel = find("services-planner-arm-retire").dependsOn;
    assert.ok(!parallel.includes("services-reflex-layer-readiness"), "services that need not wait for each other do");
  });

  it("gives a container what Retire has read, its own name, the image that was found by its id, and two labels", () => {
    for (const name of names) {
      const { envs, labels, image, name: called, ...rest } = find(`services-${name}`).inputs;
      const { labels: others, ...as } = { ...definition, name: undefined };
      assert.deepEqual({ ...rest, name: undefined }, as);
      assert.deepEqual([called, image], [`octollm-${name}`, `found:sha256:${name}`]);
      assert.deepEqual(labels, [
        ...others,
        { label: "octollm.attempt", value: "2" },
        { label: "octollm.release", value: "1.0.0" },
      ]);
      const { value, ...marks } = envs as { value: unknown };
      assert.deepEqual(value, [password]);
      assert.ok(Object.values(marks).includes(secretMark), "the variables are no secret");
    }
    for (const { name, inputs } of registered.filter(({ type }) => !type.endsWith(":Container")))
      assert.doesNotMatch(JSON.stringify(inputs), /pa55w0rd/, name);
  });

  it("has the engine remove no container, and have the name free before a replacement", () => {
    for (const one of registered) {
      const isContainer = one.type === "docker:index/container:Container";
      assert.deepEqual([one.deleteBeforeReplace, one.retainOnDelete], [isContainer, isContainer], one.name);
    }
  });

  it("gives Retire its part of the plan, and Readiness the container, and no more", () => {
    const { attempt } = plan;
    for (const one of declaredIn(plan)) {
      assert.deepEqual(find(`services-${one.service}-retire`).inputs, { attempt, ...one });
      assert.deepEqual(find(`services-${one.service}-readiness`).inputs, {
        attempt,
        service: one.service,
        container: `services-${one.service}-id`,
      });
    }
  });

  it("labels a container that stays with the attempt that made it, whatever attempt this is", async () => {
    const ours = (name: string) => ({ attempt: 1, release: "1.0.0", imageId: `sha256:${name}` });
    const services = names.map((name) => ({
      ...service,
      name,
      release: "1.0.0",
      container: container(name, ours(name)),
    }));
    const kept = planned(
      world("1.0.0", "e4f5a6", { services, nextAttempt: 9 }),
      goal("1.0.0", { services: names.map((name) => ({ name, health: "/health" })) }),
      catalogue,
    );
    const all = await register(kept);
    for (const name of names) {
      const { labels } = find(`services-${name}`, all).inputs as { labels: { label: string; value: string }[] };
      assert.deepEqual(labels.slice(-2), [
        { label: "octollm.attempt", value: "1" },
        { label: "octollm.release", value: "1.0.0" },
      ]);
    }
  });

  it("makes a provider only for an engine that the settings name, and gives it to the containers alone", async () => {
    const isProvider = ({ type }: Registration) => type.startsWith("pulumi:providers:");
    assert.deepEqual(registered.filter(isProvider), []);
    assert.ok(registered.every(({ explicitProvider }) => !explicitProvider));
    const all = await register(plan, "unix:///run/other.sock");
    const [provider, ...more] = all.filter(isProvider);
    assert.deepEqual(more, []);
    assert.deepEqual(
      [provider?.type, provider?.parent, provider?.inputs.host],
      ["pulumi:providers:docker", "services", "unix:///run/other.sock"],
    );
    for (const { type, provider: served, name } of all)
      assert.equal(served, type === "docker:index/container:Container" ? "pulumi:providers:docker" : "", name);
  });
});
