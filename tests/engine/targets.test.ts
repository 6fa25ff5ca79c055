import assert from "node:assert/strict";
import fs from "node:fs";

import { projectWithStack, type Run, standalone, succeed as succeedIn, type TestProject } from "./support/project";

const up = ["up", "--yes", "--skip-preview"];
const program = (value: number): string => `
  const a = new Thing("a", { value: ${value} });
  const b = new Thing("b", { value: a.computed });
  new Thing("c", { value: ${value} });`;

describe("the standalone engine's targets and marks", function () {
  let project: TestProject;
  const run = (...argv: string[]): Promise<Run> => standalone(project, argv);
  const succeed = (...argv: string[]): Promise<Run> => succeedIn(project, ...argv);
  const urn = (name: string): string => String(project.resource(name)?.urn);
  const byUrn = (resources: ReturnType<TestProject["resources"]>) =>
    resources.toSorted((one, other) => String(one.urn).localeCompare(String(other.urn)));
  const stateFile = (): string => project.file(".pulumi/stacks/probe/dev.json");
  const done = (): string[] => project.calls().filter((call) => call.endsWith("done"));

  beforeEach(async () => {
    project = await projectWithStack(program(1));
    await succeed(...up);
    project.calls();
  });
  afterEach(() => project.remove());

  it("change only what --target names, in every command, and say what else would be needed", async () => {
    project.program(program(2));
    const updated = await succeed(...up, "--target", urn("a"));
    assert.match(updated.stdout, /~ 1 updated\n {4}3 unchanged/);
    assert.deepEqual(done(), ["update a done"]);
    assert.deepEqual(project.resource("c")?.inputs, { value: 1 });

    const before = byUrn(project.resources());
    const needed = await run("destroy", "--yes", "--skip-preview", "--target", urn("a"));
    assert.equal(needed.code, 1);
    assert.match(needed.stdout, /'urn:[^']*::b' will be destroyed but was not specified in --target list/);
    assert.match(needed.stderr, /the destroy failed.*run `destroy` again/);
    assert.deepEqual([done(), project.resources().length], [[], 5]);
    project.program('const n = new Thing("n", {}); new Thing("a", { value: n.id }, { dependsOn: [n] });');
    const missing = await run(...up, "--target", urn("a"));
    assert.match(missing.stdout, /'urn:[^']*::a' depends on 'urn:[^']*::n' which was not specified in --target list/);
    assert.deepEqual(done(), []);
    for (const command of [up, ["refresh", "--yes"], ["destroy", "--yes"], ["preview"]]) {
      const unknown = await run(...command, "--target", "urn:pulumi:dev::probe::x::y");
      assert.match(unknown.stdout, /Target 'urn:pulumi:dev::probe::x::y' could not be found in the stack/);
      assert.equal(unknown.code, 1);
    }
    assert.match((await run(...up, "--target", "**::a")).stderr, /does not implement the glob '\*\*::a' as a target/);
    // What a failed run has looked at comes first in the state that it leaves.
    assert.deepEqual(byUrn(project.resources()), before);
  });

  it("replace what --replace names and what is tainted, once, and mark nothing else", async () => {
    assert.match((await succeed(...up, "--replace", urn("c"))).stdout, /\+-1 replaced\n {4}3 unchanged/);
    assert.deepEqual(done(), ["create c done", "delete c done"]);
    await succeed("state", "taint", urn("c"));
    assert.match(fs.readFileSync(stateFile(), "utf8"), /^\{"version":4,"features":\["taint"\]/);
    assert.match((await succeed("stack", "export")).stdout, /^\{\n {4}"version": 4,\n {4}"features": \[\n {8}"taint"/);
    assert.match((await succeed(...up)).stdout, /\+-1 replaced/);
    assert.match(fs.readFileSync(stateFile(), "utf8"), /^\{"version":3,"checkpoint"/);
    await succeed("state", "taint", urn("c"));
    await succeed("state", "untaint", "--all");
    await succeed("state", "protect", urn("c"));
    assert.equal(project.resource("c")?.protect, true);
    assert.match((await run("destroy", "--yes")).stdout, /cannot be deleted\s+because it is protected/);
    await succeed("state", "unprotect", urn("c"));
    assert.match(
      (await run("state", "taint", "urn:x")).stderr,
      /No such resource "urn:x" exists.*\nNothing was changed/,
    );
    await succeed("preview", "--expect-no-changes");
  });

  it("read what the stack does not own, never delete it, and tell owning and reading apart", async () => {
    const reading = 'const x = new Thing("x", { value: 9 }, { id: "ext-1" }); module.exports = { out: x.value };';
    project.program(program(1) + reading);
    const read = await succeed(...up);
    assert.match(read.stdout, /out: 9/);
    assert.equal(project.resource("x")?.external, true);
    await succeed("preview", "--expect-no-changes");
    project.calls();
    project.program(`${program(1)} new Thing("x", { value: 1 });`);
    assert.match((await succeed(...up)).stdout, /\+-1 replaced/);
    assert.deepEqual(done(), ["create x done"], "what was only read is not deleted");
    project.program(program(1) + reading);
    assert.match((await succeed(...up)).stdout, /\+-1 replaced/);
    assert.deepEqual(done(), ["delete x done"]);
    project.program(program(1));
    await succeed(...up);
    assert.deepEqual([done(), project.resource("x")], [[], undefined]);
    fs.writeFileSync(project.file("outside.json"), JSON.stringify({ x: { gone: true } }));
    project.program(program(1) + reading);
    assert.match((await run(...up)).stdout, /resource 'ext-1' does not exist/);
  });

  it("leave a state that can be carried elsewhere and back, and a history", async () => {
    const exported = await succeed("stack", "export");
    fs.writeFileSync(project.file("state.json"), exported.stdout);
    await succeed("destroy", "--yes", "--message", "moving out");
    assert.deepEqual(project.resources(), []);
    await succeed("stack", "import", "--file", "state.json");
    const resourcesOf = (text: string) =>
      (JSON.parse(text) as { deployment: { resources: unknown } }).deployment.resources;
    assert.deepEqual(resourcesOf((await succeed("stack", "export")).stdout), resourcesOf(exported.stdout));
    await succeed("preview", "--expect-no-changes");
    const imported = fs.readFileSync(stateFile(), "utf8");
    const refused = async (text: string, expected: RegExp, ...flags: string[]): Promise<void> => {
      const ended = await standalone(project, ["stack", "import", ...flags], {}, text);
      assert.equal(ended.code === 0, false);
      assert.match(ended.stderr, expected);
      assert.equal(fs.readFileSync(stateFile(), "utf8"), imported);
    };
    await refused("{", /standard input cannot be read: .* Nothing was imported/);
    await refused("{}", /not what `stack export` writes/);
    await refused(exported.stdout.replaceAll("dev::probe", "dev::other"), /not one of stack 'dev' of project 'probe'/);
    await refused(exported.stdout.replace('"version": 3', '"version": 9'), /states of version 9/);
    await refused(exported.stdout.replace(/"parent": "[^"]*"/, '"parent": "urn:x"'), /refers to urn:x/);
    const history = JSON.parse((await succeed("stack", "history", "--json")).stdout) as Record<string, unknown>[];
    assert.deepEqual(
      history.map(({ kind, message, result }) => [kind, message, result]),
      [
        ["destroy", "moving out", "succeeded"],
        ["update", "", "succeeded"],
      ],
    );
    assert.match((await succeed("stack", "history")).stdout, /destroy +succeeded +-4 +moving out/);
  });
});
