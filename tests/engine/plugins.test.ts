import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { projectWithStack, type Run, standalone, succeed as succeedIn, type TestProject } from "./support/project";

const up = ["up", "--yes", "--skip-preview"];
const root = path.resolve(__dirname, "../..");
const command = 'const { local } = require("@pulumi/command");';

async function until(test: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (test()) return;
    await sleep(50);
  }
  assert.fail(`waited 10 s for ${what}`);
}

describe("the standalone engine's providers", function () {
  let project: TestProject;
  const run = (...argv: string[]): Promise<Run> => standalone(project, argv);

  const succeed = (...argv: string[]): Promise<Run> => succeedIn(project, ...argv);

  afterEach(() => project.remove());

  it("show progress, messages and warnings beside the resource they are about", async () => {
    project = await projectWithStack('new Thing("a", { say: "so it is", warn: "take care\\nof this" });');
    const shown = await succeed(...up);
    assert.match(shown.stdout, / {4}a: create a is under way\n/);
    assert.match(
      shown.stdout,
      /Diagnostics:\n {2}demo:index:Thing \(a\):\n {4}so it is\n {4}warning: take care\n {4}of this\n/,
    );
  });

  it("are started where the program is, with the settings of their own namespace, and ended in order", async () => {
    project = await projectWithStack('new Thing("a", {});');
    await succeed("config", "set", "demo:region", "eu");
    await succeed("config", "set", "--secret", "demo:token", "hush");
    await succeed(...up);
    const log = fs.readFileSync(project.file("calls.log"), "utf8");
    assert.match(log, /handshake provider\nconfigure .*"region":"eu".*PULUMI_CONFIG=\{"region":"eu","token":"hush"\}/);
    assert.match(log, /cancel\n/);
  });

  it("end when the engine is killed, and the next run goes on", async () => {
    project = await projectWithStack('new Thing("a", { sleep: 20000 });');
    const code = 'require("./engine/main.ts").runEngine(["up", "--yes", "--skip-preview", "--cwd", process.argv[1]])';
    const engine = spawn(process.execPath, ["--require", "./boot/register.cjs", "-e", code, project.folder], {
      cwd: root,
      env: project.env,
      stdio: "ignore",
    });
    const log = (): string =>
      fs.existsSync(project.file("calls.log")) ? fs.readFileSync(project.file("calls.log"), "utf8") : "";
    await until(() => log().includes("create a"), "the creation to begin");
    engine.kill("SIGKILL");
    await until(() => log().includes("end of input"), "the provider to end");
    const state = fs.readFileSync(project.file(".pulumi/stacks/probe/dev.json"), "utf8");
    assert.match(state, /"pending_operations":\[\{"resource":.*"type":"creating"/);
    project.program('new Thing("a", {});');
    const next = await succeed(...up);
    assert.match(next.stdout, /Removed the lock of a process that is no longer running/);
    assert.match(next.stdout, /interrupted while creating/);
  });

  it("stop in good order at the first Ctrl-C", async () => {
    project = await projectWithStack('const a = new Thing("a", { sleep: 1500 }); new Thing("b", { value: a.id });');
    const running = run(...up);
    await until(
      () =>
        fs.existsSync(project.file("calls.log")) &&
        fs.readFileSync(project.file("calls.log"), "utf8").includes("create a"),
      "the creation",
    );
    process.emit("SIGINT");
    const stopped = await running;
    assert.equal(stopped.code, 8);
    assert.match(stopped.stderr, /the update was cancelled/);
    assert.ok(project.resource("a"));
    assert.equal(project.resource("b"), undefined);
    assert.deepEqual(fs.readdirSync(project.file(".pulumi/locks/organization/probe/dev")), []);
  });

  it("have a stand-in for local.Command where its plugin is not installed", async () => {
    const program = (text: string, trigger: number): string => `${command}
      const c = new local.Command("c", {
        create: "echo made ${text} $NAME; echo noise >&2", update: "echo updated $NAME after $PULUMI_COMMAND_STDOUT",
        delete: "echo deleted $NAME >> deleted.txt", environment: { NAME: "x y" }, triggers: [${trigger}],
      });
      const s = new local.Command("s", { create: "cat", stdin: pulumi.secret("hush"), logging: "none" });
      module.exports = { out: c.stdout, err: c.stderr, secret: s.stdout };`;
    project = await projectWithStack(program("one", 1));
    const made = await succeed(...up);
    assert.match(made.stdout, /c: made one x y\n/);
    assert.match(made.stdout, /err +: "noise"\n {4}out +: "made one x y"\n {4}secret: \[secret\]/);
    assert.match(String(project.resource("c")?.id), /^c[0-9a-f]{8}$/);
    assert.match(String(project.resource("c")?.provider), /pulumi:providers:command::default_1_2_1::/);
    project.program(program("two", 1));
    const previewed = await succeed("preview", "--diff");
    assert.match(previewed.stdout, /~ create: "echo made one/);
    await succeed(...up);
    assert.equal((await succeed("stack", "output", "out")).stdout, "updated x y after made one x y\n");
    project.program(program("two", 2));
    const replaced = await succeed(...up);
    assert.match(replaced.stdout, /\+-1 replaced/);
    assert.equal(fs.readFileSync(project.file("deleted.txt"), "utf8"), "deleted x y\n");
    project.program(`${command} new local.Command("bad", { create: "echo oh dear; exit 3" });`);
    const failed = await run(...up);
    assert.match(failed.stdout, /exit status 3: running "echo oh dear; exit 3":\n {11}oh dear/);
  });

  it("are refused by name when there is no plugin, and described when a plugin does not start", async () => {
    project = await projectWithStack('new pulumi.CustomResource("cloud:index:Thing", "a", {});');
    const refused = await run("preview");
    assert.match(refused.stdout, /does not implement the package 'cloud': no pulumi-resource-cloud was found/);
    fs.writeFileSync(project.file("provider/pulumi-resource-demo"), "#!/bin/sh\necho broken inside >&2\nexit 3\n");
    project.program('new Thing("a", {});');
    const broken = await run("preview");
    assert.match(broken.stdout, /ended \(exit code 3\) before it was ready\. It wrote:\n +broken inside/);
  });
});
