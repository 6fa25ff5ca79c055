import { strict as assert } from "node:assert";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { findContainers } from "../../cli/adopt-containers";
import type { Check } from "../../phases/checks/check";
import { type Verification, verifyNow } from "../../phases/verify-now";
import { parseSettings, siteOf } from "../../settings";
import { until } from "../support/until";
import { type DockerInstallation, startInstallation } from "./support/installation";

const services = [
  { name: "reflex-layer", port: 0 },
  { name: "planner-arm", port: 0 },
  { name: "orchestrator", port: 8000 },
];

describe("a verification of containers", function () {
  this.timeout(120_000);
  let octollm: DockerInstallation;

  before(async () => (octollm = await startInstallation({ tasks: 200 })));
  after(() => octollm?.remove());

  const published = { host: "127.0.0.1", port: 15_432 };

  function verify(verification: object = {}, database: object = published): Promise<Verification> {
    const settings = {
      version: "0.1.0",
      target: "docker",
      installation: octollm.folder,
      docker: JSON.stringify({ host: octollm.engine.host }),
      verification: JSON.stringify(verification),
      database: JSON.stringify(database),
      services: JSON.stringify(
        services.map(({ name, port }) => ({
          name,
          port,
          container: `octollm-${name.replace(/-(layer|arm)$/, "")}`,
          image: `octollm/${name}:{version}`,
        })),
      ),
    };
    const activity = { signal: new AbortController().signal, progress: () => undefined };
    return verifyNow(
      { site: siteOf(parseSettings(settings)), version: "0.1.0", databaseUrl: "", since: null },
      activity,
    );
  }

  const lines = ({ checks }: Verification, wanted: (check: Check) => boolean) =>
    checks.filter(wanted).map(({ check, detail }) => `${check}: ${detail}`);

  it("passes: also a webhook comes out of a container, and logs are read from the engine", async () => {
    const found = await verify();
    assert.deepEqual(
      lines(found, ({ passed }) => !passed),
      [],
    );
    assert.ok(
      lines(found, () => true).includes(
        "orchestrator calls the task's webhook: it was called on this machine, with the task's id",
      ),
      lines(found, () => true).join("\n"),
    );
    assert.match(
      lines(found, ({ subject }) => subject === "logs").join("\n"),
      /planner-arm logs no error: none since 20/,
    );
    assert.equal((await octollm.fingerprint()).tasks, 200);
  });

  it("tells what a container has logged", async () => {
    const logged = await octollm.docker.getContainer("octollm-planner").exec({
      Cmd: ["/bin/sh", "-c", "echo ERROR the cellar is flooded > /proc/1/fd/1"],
    });
    await logged.start({});
    const found = await verify({ task: false, requests: 0 });
    assert.match(
      lines(found, ({ passed }) => !passed).join("\n"),
      /^planner-arm logs no error: 1 line since .*, first: ERROR the cellar is flooded$/,
    );
  });

  it("asks a service without a published port at its container's own address, or says why not", async () => {
    const smoke = [{ service: "planner-arm", method: "GET" as const, path: "/plans", status: 200 }];
    const ofRequests = async () => {
      const found = await verify({ smoke, task: false, requests: 0 });
      return lines(found, ({ subject, check }) => subject === "requests" && check.includes("/plans"));
    };
    assert.match((await ofRequests()).join("\n"), /^planner-arm answers GET \/plans with 200: answered 404$/);
    const network = octollm.docker.getNetwork("octollm_octollm-network");
    await network.disconnect({ Container: "octollm-planner" });
    try {
      assert.deepEqual(await ofRequests(), [
        "planner-arm answers GET /plans with 200: no port of the service can be reached from here",
      ]);
    } finally {
      await network.connect({ Container: "octollm-planner" });
    }
  });

  it("finds a database that publishes no port at its container's own address, wherever that is now", async () => {
    const compose = join(octollm.folder, "docker-compose.yml");
    const text = readFileSync(compose, "utf8");
    writeFileSync(compose, text.replace(/ +ports:\n +- "127\.0\.0\.1:15432:5432".*\n/, ""));
    process.env.DOCKER_HOST = octollm.engine.host;
    try {
      octollm.compose("up", "--detach", "postgres");
      await until("the container is healthy", async () => {
        const { State } = await octollm.docker.getContainer("octollm-postgres").inspect();
        return State.Health?.Status === "healthy";
      });
      const { settings } = await findContainers(octollm.folder, {});
      assert.deepEqual(settings.database, { container: "octollm-postgres" });
      const found = await verify({ task: false, requests: 0, logErrors: [] }, { container: "octollm-postgres" });
      assert.ok(
        lines(found, ({ passed }) => passed).some((line) => line.startsWith("alembic_version says def456")),
        lines(found, () => true).join("\n"),
      );
    } finally {
      delete process.env.DOCKER_HOST;
    }
  });
});
