import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";

import { projectWithStack, type Run, standalone, succeed as succeedIn, type TestProject } from "./support/project";

const up = ["up", "--yes", "--skip-preview"];
const declared = `config:
  replicas: { type: integer, default: 2, description: how many }
  region: { type: string, description: where }
`;

/** Every file of the project's state and settings with its content. */
function fingerprint(project: TestProject): string {
  const files = fs.readdirSync(project.file(".pulumi"), { recursive: true, encoding: "utf8" }).sort();
  const contents = files
    .map((name) => project.file(".pulumi", name))
    .filter((file) => fs.statSync(file).isFile())
    .map((file) => [file, fs.readFileSync(file, "utf8"), fs.statSync(file).mtimeMs]);
  return JSON.stringify([contents, fs.readFileSync(project.file("Pulumi.dev.yaml"), "utf8")]);
}

describe("the standalone engine's state and settings", function () {
  let project: TestProject;
  const run = (...argv: string[]): Promise<Run> => standalone(project, argv);

  const succeed = (...argv: string[]): Promise<Run> => succeedIn(project, ...argv);

  afterEach(() => project.remove());

  it("keep secrets encrypted, with the same ciphertext for as long as they do not change", async () => {
    const program = (value: number): string => `
      const config = new pulumi.Config();
      new Thing("a", { value: config.requireSecret("token") }, { additionalSecretOutputs: ["computed"] });
      new Thing("b", { value: ${value} });
      module.exports = { token: config.requireSecret("token") };`;
    project = await projectWithStack(program(1));
    await succeed("config", "set", "--secret", "token", "hush-hush");
    await succeed(...up);
    const ciphertexts = (): unknown => [
      project.resource("a")?.inputs,
      project.resource("a")?.outputs,
      project.resource("probe-dev")?.outputs,
    ];
    const before = ciphertexts();
    project.program(program(2));
    await succeed(...up);
    assert.deepEqual(ciphertexts(), before);
    const files = JSON.parse(fingerprint(project)) as unknown;
    assert.doesNotMatch(JSON.stringify(files), /hush-hush/);
    assert.equal((await succeed("stack", "output", "token")).stdout, "[secret]\n");
    assert.equal((await succeed("stack", "output", "token", "--show-secrets")).stdout, "hush-hush\n");
    assert.doesNotMatch((await succeed("stack", "export")).stdout, /hush-hush/);
    assert.match((await succeed("stack", "export", "--show-secrets")).stdout, /hush-hush/);
  });

  it("may come from another file with --config-file, which leaves the stack's own as it is", async () => {
    project = await projectWithStack('module.exports = { region: new pulumi.Config().require("region") };');
    await succeed("config", "set", "region", "here");
    const own = fs.readFileSync(project.file("Pulumi.dev.yaml"), "utf8");
    fs.writeFileSync(project.file("other.yaml"), own.replace("here", "there"));
    await succeed(...up, "--config-file", "other.yaml");
    assert.equal((await succeed("stack", "output", "region")).stdout, "there\n");
    assert.equal(fs.readFileSync(project.file("Pulumi.dev.yaml"), "utf8"), own);
    assert.match((await run("stack", "ls", "--config-file", "other.yaml")).stderr, /--config-file/);
  });

  it("are refused with a wrong passphrase or none, before anything else, whatever the command", async () => {
    project = await projectWithStack('new Thing("a", { value: pulumi.secret("x") });');
    await succeed(...up);
    project.calls();
    const before = fingerprint(project);
    const wrong = { PULUMI_CONFIG_PASSPHRASE: "battery staple" };
    for (const command of [["preview"], up, ["stack", "output"], ["destroy", "--yes"]]) {
      const refused = await standalone(project, command, wrong);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /incorrect passphrase/);
    }
    const none = await standalone(project, ["preview"], { PULUMI_CONFIG_PASSPHRASE: undefined });
    assert.match(none.stderr, /passphrase must be set with PULUMI_CONFIG_PASSPHRASE/);
    assert.equal(fingerprint(project), before);
    assert.deepEqual(project.calls(), []);
  });

  it("are not touched by a preview, which shows the properties that change", async () => {
    const program = (lines: string): string => `new Thing("a", { lines: ${lines}, token: pulumi.secret("hush") });`;
    project = await projectWithStack(program('["select 1;", "select 2;"]'));
    await succeed(...up);
    const before = fingerprint(project);
    project.program(program('["select 1;", "select 3;", "select 4;"]'));
    const shown = await succeed("preview", "--diff");
    const expected = [
      "    ~ demo:index:Thing: (update)",
      "      ~ lines: [",
      '            [0]: "select 1;"',
      '          ~ [1]: "select 2;" => "select 3;"',
      '          + [2]: "select 4;"',
      "        ]",
      "Resources:",
      "    ~ 1 to update",
      "    1 unchanged",
    ];
    assert.deepEqual(
      shown.stdout.split("\n").filter((line) => expected.includes(line)),
      expected,
    );
    const json = JSON.parse((await succeed("preview", "--json")).stdout) as {
      steps: { op: string }[];
      changeSummary: object;
    };
    assert.deepEqual(json.changeSummary, { same: 1, update: 1 });
    assert.deepEqual(
      json.steps.map(({ op }) => op),
      ["same", "update"],
    );
    assert.doesNotMatch(shown.stdout + JSON.stringify(json), /hush/);
    assert.equal((await run("preview", "--expect-no-changes")).code, 7);
    assert.equal(fingerprint(project), before);
  });

  it("are locked while they change: a live lock is refused, a dead one of this host removed", async () => {
    project = await projectWithStack('new Thing("a", {});');
    const folder = project.file(".pulumi/locks/organization/probe/dev");
    fs.mkdirSync(folder, { recursive: true });
    const lock = (pid: number, hostname: string): void => {
      const holder = { pid, username: "olga", hostname, timestamp: "2026-01-02T03:04:05Z" };
      fs.writeFileSync(`${folder}/one.json`, JSON.stringify(holder));
    };
    lock(process.pid, os.hostname());
    const held = await run(...up);
    assert.equal(held.code, 1);
    assert.match(held.stderr, new RegExp(`created by olga@.* \\(pid ${process.pid}\\) at 2026-01-02T03:04:05Z`));
    lock(1, "another-host");
    assert.match((await run(...up)).stderr, /olga@another-host/);
    await succeed("preview");
    assert.match((await succeed("cancel", "--yes")).stdout, /Removed the lock .*one\.json/);

    const dead = spawnSync(process.execPath, ["-e", ""]).pid;
    lock(dead, os.hostname());
    const went = await succeed(...up);
    assert.match(went.stdout, new RegExp(`no longer running \\(pid ${dead}, since 2026-01-02T03:04:05Z\\)`));
    assert.deepEqual(fs.readdirSync(folder), []);
  });

  it("leave history, backup and the copy before the last write where the Pulumi CLI looks for them", async () => {
    project = await projectWithStack('new Thing("a", {});');
    await succeed(...up, "--message", "first light");
    const history = fs.readdirSync(project.file(".pulumi/history/probe/dev"));
    assert.match(history.join(" "), /^dev-\d{19}\.checkpoint\.json dev-\d{19}\.history\.json$/);
    const record = JSON.parse(
      fs.readFileSync(project.file(".pulumi/history/probe/dev", history[1] ?? ""), "utf8"),
    ) as Record<string, unknown>;
    assert.equal(record.result, "succeeded");
    assert.equal(record.message, "first light");
    assert.deepEqual(record.resourceChanges, { create: 2 });
    assert.match(fs.readdirSync(project.file(".pulumi/backups/probe/dev")).join(), /^dev\.\d{19}\.json$/);
    assert.ok(fs.existsSync(project.file(".pulumi/stacks/probe/dev.json.bak")));
    assert.equal(fs.readFileSync(project.file(".pulumi/meta.yaml"), "utf8"), "version: 1\n");
  });

  it("take settings by key and path, keep comments, and apply the project's defaults", async () => {
    project = await projectWithStack(
      "module.exports = { n: new pulumi.Config().requireNumber('replicas') };",
      declared,
    );
    const missing = await run("preview");
    assert.equal(missing.code, 2);
    assert.match(missing.stderr, /missing configuration value 'region' \(where\)/);
    fs.appendFileSync(project.file("Pulumi.dev.yaml"), "config:\n  # where it runs\n  probe:region: eu # for now\n");
    await succeed("config", "set", "a.b[0]", "3", "--path");
    await succeed("config", "set", "--path", "a.c", "--secret", "hush");
    await succeed("config", "set", "other:key", "true");
    assert.match(
      fs.readFileSync(project.file("Pulumi.dev.yaml"), "utf8"),
      /# where it runs\n {2}probe:region: eu # for now\n/,
    );
    assert.equal((await succeed("config", "get", "a.c", "--path")).stdout, "hush\n");
    assert.equal((await succeed("config", "get", "a")).stdout, '{"b":[3],"c":"hush"}\n');
    assert.match((await succeed("config")).stdout, /a +\[secret\]\nregion +eu/);
    await succeed("config", "rm", "other:key");
    assert.equal((await run("config", "get", "other:key")).code, 1);
    await succeed(...up);
    assert.equal((await succeed("stack", "output", "n")).stdout, "2\n");
    await succeed("config", "set", "replicas", "many");
    assert.match((await run("preview")).stderr, /'replicas' must be of type 'integer'/);
  });

  it("are named, listed, selected and removed by `stack`", async () => {
    project = await projectWithStack("");
    await succeed("stack", "init", "prod");
    assert.match((await succeed("stack", "ls")).stdout, /dev +n\/a +n\/a\nprod\* +n\/a/);
    await succeed("stack", "select", "dev");
    assert.equal((await run("stack", "select", "nope")).code, 6);
    assert.equal((await run("stack", "init", "dev")).code, 1);
    await succeed(...up);
    assert.match((await run("stack", "rm", "dev", "--yes")).stderr, /still has resources/);
    await succeed("destroy", "--yes");
    await succeed("stack", "rm", "dev", "--yes");
    assert.match((await run("preview")).stderr, /no stack selected/);
    assert.match((await run("up", "--stack", "prod")).stderr, /--yes or --skip-preview must be passed in/);
  });
});
