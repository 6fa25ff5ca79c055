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
import { type DockerEngine, startEngine } from "./support/engine";

/** A program with a service, its network and its data. */
function program({ release = "0.1.0", labels = "[]", extra = "" } = {}): string {
  return `
const docker = require("@pulumi/docker");
module.exports = (async () => {
  const network = new docker.Network("net", { name: "program-net" });
  const data = new docker.Volume("data", { name: "program-data", labels: ${labels} }, { protect: true });
  const image = await docker.getRemoteImage({ name: "octollm/planner-arm:${release}" });
  const web = new docker.Container("web", {
    name: "program-web", image: image.id, restart: "unless-stopped", destroyGraceSeconds: 5, wait: true,
    envs: pulumi.secret(["PORT=8001", "TOKEN=hush"]), networksAdvanced: [{ name: network.name, aliases: ["planner"] }],
    volumes: [{ volumeName: data.name, containerPath: "/v" }], ports: [{ internal: 8001, external: 18100, ip: "127.0.0.1" }],
    ${extra}
  });
  return { id: web.id };
})();`;
}

describe("a program with @pulumi/docker on the standalone engine, without the plugin", function () {
  this.timeout(240_000);
  let engine: DockerEngine;
  let project: TestProject;
  const run = (...argv: string[]) => succeed(project, ...argv);
  const version = async () =>
    ((await (await fetch("http://127.0.0.1:18100/health")).json()) as { version: string }).version;

  before(async () => {
    engine = await startEngine();
    project = await projectWithStack(program());
    Object.assign(project.env, { DOCKER_HOST: engine.host });
  });
  after(async () => {
    project.remove();
    await engine.clear();
  });

  it("previews without a trace, then makes everything", async () => {
    const preview = await run("preview");
    assert.match(preview.stdout, /\+ 4 to create/);
    assert.deepEqual(await engine.docker.listContainers({ all: true }), []);
    await run("up", "--yes", "--skip-preview");
    assert.equal(await version(), "0.1.0");
    await run("preview", "--expect-no-changes");
    await run("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes");
  });

  it("keeps a secret environment out of the state and of what is shown", async () => {
    const state = (await run("stack", "export")).stdout;
    assert.doesNotMatch(state, /hush/);
    assert.match(state, /"envs": \{/);
    project.program(program({ extra: 'hostname: "h",' }));
    const { stdout } = await run("preview", "--diff");
    assert.doesNotMatch(stdout, /hush/);
  });

  it("replaces a container by deleting the old one first, with its grace", async () => {
    const { Id } = await engine.docker.getContainer("program-web").inspect();
    project.program(program({ release: "0.2.0" }));
    const { stdout } = await run("preview", "--diff");
    assert.match(stdout, /\+-docker:index\/container:Container: \(replace\)/);
    assert.match(stdout, /~ image: "sha256:[0-9a-f]+" => "sha256:[0-9a-f]+"/);
    const since = Math.floor(Date.now() / 1000);
    await run("up", "--yes", "--skip-preview");
    assert.equal(await version(), "0.2.0");
    const until = Math.floor(Date.now() / 1000) + 1;
    const stream = await engine.docker.getEvents({ since, until, filters: { type: ["container"] } });
    const events: string[] = [];
    for await (const piece of stream as AsyncIterable<Buffer>)
      for (const line of piece.toString().trim().split("\n")) {
        const { id, Action, Actor } = JSON.parse(line) as {
          id: string;
          Action: string;
          Actor: { Attributes: Record<string, string> };
        };
        const exitCode = Actor.Attributes.exitCode === undefined ? "" : ` ${Actor.Attributes.exitCode}`;
        if (/^(die|destroy|create|start)$/.test(Action))
          events.push(`${id === Id ? "old" : "new"} ${Action}${exitCode}`);
      }
    assert.deepEqual(events, ["old die 0", "old destroy", "new create", "new start"]);
    await run("preview", "--expect-no-changes");
  });

  it("does not replace a protected volume, whatever changes", async () => {
    project.program(program({ release: "0.2.0", labels: '[{ label: "a", value: "b" }]' }));
    const preview = await standalone(project, ["preview"]);
    assert.notEqual(preview.code, 0);
    const up = await standalone(project, ["up", "--yes", "--skip-preview"]);
    assert.notEqual(up.code, 0);
    assert.match(up.stdout + up.stderr, /protected|protection/);
    assert.deepEqual((await engine.docker.getVolume("program-data").inspect()).Labels ?? {}, {});
    assert.equal(await version(), "0.2.0");
  });

  it("fails in preview where an image is not there, and nothing has stopped", async () => {
    project.program(program({ release: "9.9.9" }));
    const { code, stdout, stderr } = await standalone(project, ["preview"]);
    assert.notEqual(code, 0);
    assert.match(stdout + stderr, /did not find docker image 'octollm\/planner-arm:9.9.9'/);
    assert.equal(await version(), "0.2.0");
  });

  it("says which engine it cannot reach", async () => {
    project.program(program({ release: "0.2.0" }));
    const elsewhere = { DOCKER_HOST: "unix:///nonexistent/docker.sock" };
    const { code, stdout, stderr } = await standalone(project, ["preview"], elsewhere);
    assert.notEqual(code, 0);
    assert.match(stdout + stderr, /Docker engine at 'unix:\/\/\/nonexistent\/docker.sock' cannot be reached/);
  });

  it("hands its state to the Pulumi CLI and the plugin, and takes it back", async function () {
    if (!hasPulumiCli() || !hasPlugin()) this.skip();
    const plugin = { PULUMI_IGNORE_AMBIENT_PLUGINS: "" };
    const cli = async (...argv: string[]) => {
      const { code, stdout, stderr } = await pulumiCli(project, argv, plugin);
      assert.equal(code, 0, stdout + stderr);
    };
    await cli("preview", "--expect-no-changes");
    await cli("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes");
    await run("preview", "--expect-no-changes");
    project.program(program({ release: "1.0.0" }));
    await cli("up", "--yes", "--skip-preview");
    assert.equal(await version(), "1.0.0");
    await run("preview", "--expect-no-changes");
    assert.doesNotMatch((await run("stack", "export")).stdout, /hush/);
    // Our engine with the plugin: which does not say what was secret.
    const own = await standalone(project, ["up", "--yes", "--skip-preview", "--expect-no-changes"], plugin);
    assert.equal(own.code, 0, own.stdout + own.stderr);
    project.program(program({ release: "0.1.0" }));
    const back = await standalone(project, ["up", "--yes", "--skip-preview"], plugin);
    assert.equal(back.code, 0, back.stdout + back.stderr);
    assert.equal(await version(), "0.1.0");
    assert.doesNotMatch(JSON.stringify(project.resources()), /hush/);
    await run("preview", "--expect-no-changes");
  });
});
