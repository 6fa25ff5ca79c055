import assert from "node:assert/strict";

import { projectWithStack, type Run, standalone, succeed as succeedIn, type TestProject } from "./support/project";

const up = ["up", "--yes", "--skip-preview"];

describe("the standalone engine's steps", function () {
  let project: TestProject;
  const run = (...argv: string[]): Promise<Run> => standalone(project, argv);

  const succeed = (...argv: string[]): Promise<Run> => succeedIn(project, ...argv);

  afterEach(() => project.remove());

  it("create, keep, update, replace and delete what the program says", async () => {
    project = await projectWithStack(`
      const a = new Thing("a", { value: "one" });
      const b = new Thing("b", { value: a.computed });
      new Thing("gone", { value: 1 });
      module.exports = { out: b.computed };`);
    const created = await succeed(...up);
    assert.match(created.stdout, /\+ 4 created/);
    assert.match(created.stdout, / \+ {2}demo:index:Thing a created \(\d+\.\d\ds\)/);
    assert.deepEqual(
      project.calls().filter((call) => !call.endsWith("done") && call !== "create gone"),
      ["create a", "create b"],
    );

    const same = await succeed("up", "--yes", "--expect-no-changes");
    assert.match(same.stdout, /4 unchanged/);
    assert.deepEqual(project.calls(), []);

    project.program(`
      const a = new Thing("a", { value: "two" });
      const b = new Thing("b", { value: a.computed, replaceMe: 1 });
      module.exports = { out: b.computed };`);
    const changed = await succeed(...up, "--diff");
    assert.match(changed.stdout, /~ demo:index:Thing: \(update\)\n.*\n.*\n {6}~ value: "one" => "two"\n/);
    assert.match(changed.stdout, /~ 1 updated\n {4}- 1 deleted\n {4}\+-1 replaced\n {4}3 changes\. 1 unchanged/);
    const calls = project.calls().filter((call) => call.endsWith("done"));
    assert.deepEqual(calls.slice(0, 2), ["update a done", "create b done"]);
    assert.deepEqual(calls.slice(2).sort(), ["delete b done", "delete gone done"]);
    assert.equal(project.resources().filter(({ urn }) => String(urn).endsWith("::b")).length, 1);
    const output = await succeed("stack", "output", "out");
    assert.equal(output.stdout, 'computed-"computed-\\"two\\""\n');
  });

  it("delete first, with the dependents that would be replaced too, when the provider or the program asks for it", async () => {
    const program = (value: number): string => `
      const a = new Thing("a", { replaceMe: ${value}, deleteFirst: true });
      const b = new Thing("b", { replaceToo: a.id });
      new Thing("c", { value: b.id });`;
    project = await projectWithStack(program(1));
    await succeed(...up);
    project.calls();
    project.program(program(2));
    const replaced = await succeed(...up);
    assert.match(replaced.stdout, /\+-2 replaced/);
    const calls = project.calls().filter((call) => call.endsWith("done"));
    assert.deepEqual(calls, ["delete b done", "delete a done", "create a done", "create b done", "update c done"]);
  });

  it("keep the order of dependsOn, parents and inherited options, and undo it when deleting", async () => {
    project = await projectWithStack(`
      const group = new Group("group", { protect: false });
      const a = new Thing("a", { sleep: 150 }, { parent: group });
      const b = new Thing("b", { sleep: 10 }, { parent: group });
      new Thing("c", {}, { dependsOn: [group] });
      new Thing("d", {}, { dependsOn: [b] });`);
    await succeed(...up);
    const calls = project.calls();
    assert.ok(
      calls.indexOf("create b") < calls.indexOf("create a done"),
      "independent resources are made at the same time",
    );
    assert.ok(calls.indexOf("create c") > calls.indexOf("create a done"));
    assert.equal(project.resource("a")?.urn, "urn:pulumi:dev::probe::demo:index:Group$demo:index:Thing::a");
    await succeed("destroy", "--yes");
    const deletes = project.calls().filter((call) => call.endsWith("done"));
    assert.ok(deletes.indexOf("delete c done") < deletes.indexOf("delete a done"));
    assert.ok(deletes.indexOf("delete d done") < deletes.indexOf("delete b done"));
    assert.deepEqual(project.resources(), []);
  });

  it("refuse to delete or replace what is protected, and delete it when it no longer is", async () => {
    project = await projectWithStack('new Thing("kept", { value: 1 }, { protect: true }); new Thing("other", {});');
    await succeed(...up);
    project.calls();
    project.program("");
    const refused = await run(...up);
    assert.equal(refused.code, 1);
    assert.match(refused.stdout, /cannot be deleted\s+because it is protected/);
    assert.deepEqual(project.calls(), ["delete other", "delete other done"]);
    assert.ok(project.resource("kept"));
    project.program('new Thing("kept", { replaceMe: 1 }, { protect: true });');
    const replaced = await run(...up);
    assert.match(replaced.stdout, /unable to replace resource/);
    project.program('new Thing("kept", { value: 1 });');
    await succeed(...up);
    project.program("");
    await succeed(...up);
    assert.equal(project.resource("kept"), undefined);
  });

  it("honour retainOnDelete, deletedWith, ignoreChanges, replaceOnChanges, customTimeouts and additionalSecretOutputs", async () => {
    const program = (value: number): string => `
      const holder = new Thing("holder", {});
      new Thing("with", {}, { deletedWith: holder });
      new Thing("retained", {}, { retainOnDelete: true });
      new Thing("ignoring", { value: ${value}, list: [{ x: ${value} }] }, { ignoreChanges: ["value", "list[*].x"] });
      new Thing("replacing", { list: [${value}], unknownDiff: true }, { replaceOnChanges: ["list[*]"] });
      new Thing("timed", { value: "v" }, { customTimeouts: { create: "5m", delete: "1.5h" }, additionalSecretOutputs: ["computed"] });`;
    project = await projectWithStack(program(1));
    await succeed(...up);
    assert.deepEqual(project.resource("timed")?.customTimeouts, { create: 300, delete: 5400 });
    assert.match(JSON.stringify(project.resource("timed")?.outputs), /"computed":\{"4dabf18193072939515e22adb298388d"/);
    project.calls();
    project.program(program(2));
    const changed = await succeed(...up);
    assert.match(changed.stdout, /\+-1 replaced\n {4}6 unchanged/);
    assert.deepEqual(project.resource("ignoring")?.inputs, { list: [{ x: 1 }], value: 1 });
    project.calls();
    project.program("");
    await succeed(...up);
    const deleted = project.calls().filter((call) => call.endsWith("done"));
    assert.deepEqual(deleted.sort(), [
      "delete holder done",
      "delete ignoring done",
      "delete replacing done",
      "delete timed done",
    ]);
  });

  it("use an explicit provider with its own settings, for a component's children too", async () => {
    project = await projectWithStack(`
      const provider = new Demo("mine", { region: "eu", token: pulumi.secret("hush") });
      const group = new Group("group", { providers: [provider] });
      new Thing("a", { value: 1 }, { parent: group });
      new Thing("b", { value: 1 }, { provider });`);
    await succeed(...up);
    assert.match(String(project.resource("a")?.provider), /pulumi:providers:demo::mine::[0-9a-f-]{36}$/);
    assert.equal(project.resource("a")?.provider, project.resource("b")?.provider);
    assert.doesNotMatch(JSON.stringify(project.resources()), /hush/);
    const again = await succeed("preview", "--expect-no-changes");
    assert.match(again.stdout, /5 unchanged/);
  });
});
