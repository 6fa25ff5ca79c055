import assert from "node:assert/strict";

import { Upgrade } from "../../components/upgrade";
import { loadCatalogue } from "../../releases/catalogue";
import { parseSettings } from "../../settings";
import { goal, planned, world } from "../unit/planner-cases";
import { record, type Registration, secretMark } from "./recorder";

const stores = [
  {
    ...{ name: "postgres", container: "octollm-postgres", image: "postgres:15", volume: "octollm_postgres_data" },
    ...{ path: "/var/lib/postgresql/data", port: 15_432, containerPort: 5432, environment: ["POSTGRES_PASSWORD"] },
    healthcheck: ["CMD", "pg_isready"],
  },
  { name: "cache", container: "octollm-cache", image: "redis:7", command: ["redis-server"] },
];
const made = {
  network: 2,
  stores: { postgres: { round: 3, imageId: "sha256:postgres" }, cache: { round: 1, imageId: "sha256:redis" } },
};
const password = "POSTGRES_PASSWORD=pa55w0rd";
const answers = {
  "upgrade:index:Foundation": () => ({ made, environments: { postgres: [password], cache: [] } }),
};

describe("the stores of a fresh installation, against mocks of the engine", function () {
  this.timeout(30_000);
  let registered: readonly Registration[];

  async function register(docker: object): Promise<readonly Registration[]> {
    const plan = planned(world("0.1.0", "def456"), goal("0.1.0"), await loadCatalogue());
    const service = {
      name: "orchestrator",
      container: "octollm-orchestrator",
      image: "octollm/orchestrator:{version}",
    };
    const settings = { version: "0.1.0", target: "docker", services: JSON.stringify([service]) };
    const program = () => new Upgrade("octollm", parseSettings({ ...settings, docker: JSON.stringify(docker) }));
    return record(plan, program, answers);
  }

  before(async () => (registered = await register({ network: "octollm-network", stores })));

  function find(name: string): Registration {
    const found = registered.find((candidate) => candidate.name === name);
    assert.ok(found, `'${name}' is not registered`);
    return found;
  }

  it("are a network, a volume where data outlive the container, and a container each that is waited for", () => {
    const below = registered.filter(({ parent }) => parent === "stores");
    assert.deepEqual(below.map(({ type, name }) => `${type} ${name}`).toSorted(), [
      "docker:index/container:Container stores-cache",
      "docker:index/container:Container stores-postgres",
      "docker:index/network:Network stores-network",
      "docker:index/volume:Volume stores-postgres-data",
      "upgrade:index:Foundation stores-foundation",
      "upgrade:index:StoreReadiness stores-cache-readiness",
      "upgrade:index:StoreReadiness stores-postgres-readiness",
    ]);
  });

  it("are there before anything is looked at, and nothing of them before their foundation", () => {
    for (const name of ["stores-network", "stores-postgres-data", "stores-postgres", "stores-cache"])
      assert.ok(find(name).dependsOn.includes("stores-foundation"), name);
    for (const ready of ["stores-postgres-readiness", "stores-cache-readiness"])
      assert.ok(find("preflight").dependsOn.includes(ready), ready);
    assert.ok(find("stores-postgres").dependsOn.includes("stores-postgres-data"));
  });

  it("lose no data: a volume is protected, retained, and blind for labels; nothing is removed by the engine", () => {
    const { protect, ignoreChanges } = find("stores-postgres-data");
    assert.ok(protect);
    assert.deepEqual(ignoreChanges, ["labels", "driver", "driverOpts"]);
    for (const { name, retainOnDelete } of registered.filter(({ type }) => type.startsWith("docker:")))
      assert.ok(retainOnDelete, name);
  });

  it("are made of the image and the variables that they were made with, which are secret", () => {
    const { inputs } = find("stores-postgres");
    assert.equal(inputs.image, "sha256:postgres");
    const envs = inputs.envs as Readonly<Record<string, unknown>>;
    assert.ok(Object.values(envs).includes(secretMark), JSON.stringify(envs));
    assert.deepEqual(envs.value, [password]);
    assert.deepEqual(inputs.ports, [{ internal: 5432, external: 15_432, ip: "127.0.0.1" }]);
    assert.deepEqual(inputs.volumes, [
      { volumeName: "octollm_postgres_data", containerPath: "/var/lib/postgresql/data" },
    ]);
    assert.deepEqual(inputs.networksAdvanced, [{ name: "octollm-network", aliases: ["postgres"] }]);
    assert.deepEqual(inputs.labels, [
      { label: "octollm.store", value: "postgres" },
      { label: "octollm.round", value: "3" },
    ]);
    const cache = find("stores-cache").inputs;
    assert.deepEqual([cache.command, cache.ports, cache.volumes], [["redis-server"], undefined, []]);
  });

  it("are nobody's where the settings name none", async () => {
    const none = await register({});
    assert.ok(!none.some(({ name }) => name.startsWith("stores")));
    assert.deepEqual(none.find(({ name }) => name === "preflight")?.dependsOn, []);
  });
});
