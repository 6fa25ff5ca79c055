import assert from "node:assert/strict";
import fs from "node:fs";

import { projectWithStack, type Run, standalone, type TestProject } from "./support/project";

const up = ["up", "--yes", "--skip-preview"];

describe("when something fails, the standalone engine", function () {
  let project: TestProject;
  const run = (...argv: string[]): Promise<Run> => standalone(project, argv);
  afterEach(() => project.remove());

  it("remembers what was made, starts nothing more and deletes nothing", async () => {
    project = await projectWithStack('new Thing("old", {});');
    assert.equal((await run(...up)).code, 0);
    project.calls();
    project.program(`
      const good = new Thing("good", {});
      const bad = new Thing("bad", { fail: "create" }, { dependsOn: [good] });
      new Thing("never", { value: bad.id });`);
    const failed = await run(...up);
    assert.equal(failed.code, 1);
    assert.match(failed.stdout, /demo:index:Thing \(bad\):\n {4}error: bad will not be created/);
    assert.match(failed.stdout, /1 errored/);
    assert.match(failed.stderr, /the update failed/);
    assert.doesNotMatch(failed.stdout, /at .*\.js:\d+/, "no stack trace");
    assert.deepEqual(
      project.calls().filter((call) => !call.includes("good")),
      ["create bad"],
    );
    assert.ok(project.resource("good") && project.resource("old"));
    assert.equal(project.resource("bad"), undefined);
    const state = fs.readFileSync(project.file(".pulumi/stacks/probe/dev.json"), "utf8");
    assert.doesNotMatch(state, /pending_operations/);
  });

  it("keeps a half-made resource with its faults and updates it the next time", async () => {
    project = await projectWithStack('new Thing("half", { partial: true });');
    const failed = await run(...up);
    assert.equal(failed.code, 1);
    assert.match(failed.stdout, /half made/);
    assert.deepEqual(project.resource("half")?.initErrors, ["half made"]);
    assert.match(String(project.resource("half")?.id), /^half-/);
    const mended = await run(...up);
    assert.equal(mended.code, 0, mended.stdout);
    assert.match(mended.stdout, /~ 1 updated/);
    assert.equal(project.resource("half")?.initErrors, undefined);
  });

  it("keeps the old state of a resource whose update failed", async () => {
    project = await projectWithStack('new Thing("a", { value: 1 });');
    assert.equal((await run(...up)).code, 0);
    project.program('new Thing("a", { value: 2, fail: "update" });');
    assert.equal((await run(...up)).code, 1);
    assert.deepEqual(project.resource("a")?.inputs, { value: 1 });
  });

  it("reports a refused input with its path, and a program's exception, and changes nothing", async () => {
    project = await projectWithStack('new Thing("a", { value: "forbidden" });');
    const refused = await run("preview");
    assert.equal(refused.code, 1);
    assert.match(refused.stdout, /demo:index:Thing resource 'a': value: this value is forbidden/);
    project.program('throw new pulumi.RunError("the program gave up");');
    const thrown = await run(...up);
    assert.equal(thrown.code, 1);
    assert.match(thrown.stdout, /the program gave up/);
    assert.equal(project.resource("a"), undefined);
  });

  it("refuses options, commands and state features that it does not have, by name", async () => {
    project = await projectWithStack('new Thing("a", {}, { aliases: [{ name: "b" }] });');
    const option = await run("preview");
    assert.match(option.stdout, /does not implement the resource option 'aliases', which demo:index:Thing 'a' uses/);
    assert.notEqual(option.code, 0);
    const flag = await run("up", "--target-dependents");
    assert.equal(flag.code, 255);
    assert.match(flag.stderr, /does not implement `up --target-dependents`/);
    assert.match((await run("preview", "--nonsense")).stderr, /unknown flag: --nonsense/);
    assert.match((await run("import")).stderr, /does not implement the command 'import'/);
    project.program(
      "pulumi.runtime.registerStackTransformation; pulumi.runtime.registerResourceTransform(() => undefined);",
    );
    assert.notEqual((await run("preview")).code, 0);

    const file = project.file(".pulumi/stacks/probe/dev.json");
    fs.writeFileSync(file, '{"version":4,"features":["hooks"],"checkpoint":{"stack":"organization/probe/dev"}}');
    const feature = await run("preview");
    assert.equal(feature.code, 255);
    assert.match(feature.stderr, /does not implement the state feature hooks/);
    fs.writeFileSync(file, '{"version":3,"checkpoint":');
    const broken = await run(...up);
    assert.match(broken.stderr, /cannot be read.*It was not touched/);
    assert.equal(fs.readFileSync(file, "utf8"), '{"version":3,"checkpoint":');
  });

  it("warns of an operation that was interrupted", async () => {
    project = await projectWithStack('new Thing("a", {});');
    assert.equal((await run(...up)).code, 0);
    const file = project.file(".pulumi/stacks/probe/dev.json");
    const state = JSON.parse(fs.readFileSync(file, "utf8")) as { checkpoint: { latest: Record<string, unknown> } };
    state.checkpoint.latest.pending_operations = [{ resource: project.resource("a"), type: "creating" }];
    fs.writeFileSync(file, JSON.stringify(state));
    const warned = await run(...up);
    assert.equal(warned.code, 0);
    assert.match(warned.stdout, /1 pending operations.*\n.*interrupted while creating/);
  });
});
