import assert from "node:assert/strict";
import fs from "node:fs";

import { projectWithStack, type Run, standalone, succeed as succeedIn, type TestProject } from "./support/project";

const program = `
  const a = new Thing("a", { value: 1 });
  const b = new Thing("b", { value: a.computed }, { dependsOn: [a] });
  new Thing("c", { value: 3 }, { parent: b });
  new Group("group");`;

describe("a refresh by the standalone engine", function () {
  let project: TestProject;
  const run = (...argv: string[]): Promise<Run> => standalone(project, argv);
  const succeed = (...argv: string[]): Promise<Run> => succeedIn(project, ...argv);
  const outside = (what: object): void => fs.writeFileSync(project.file("outside.json"), JSON.stringify(what));
  const stateText = (): string => fs.readFileSync(project.file(".pulumi/stacks/probe/dev.json"), "utf8");
  const reads = (): string[] => project.calls().filter((call) => !call.endsWith("done"));

  beforeEach(async () => {
    project = await projectWithStack(program);
    await succeed("up", "--yes", "--skip-preview");
    project.calls();
  });
  afterEach(() => project.remove());

  it("finds nothing where nothing happened, asks each resource once, and a run after it has nothing to do", async () => {
    const refreshed = await succeed("refresh", "--yes", "--skip-preview", "--expect-no-changes");
    assert.match(refreshed.stdout, /^Refreshing \(dev\):\n\nResources:\n {4}5 unchanged\n/);
    assert.deepEqual(reads().sort(), ["read a", "read b", "read c"]);
    await succeed("up", "--yes", "--refresh", "--expect-no-changes");
    const records = fs.readdirSync(project.file(".pulumi/history/probe/dev")).filter((name) => /history/.test(name));
    const kinds = records.map((name) => {
      const text = fs.readFileSync(project.file(".pulumi/history/probe/dev", name), "utf8");
      return (JSON.parse(text) as { kind: string }).kind;
    });
    assert.deepEqual(kinds, ["update", "refresh", "update"]);
  });

  it("takes over what changed outside, which the next run changes back", async () => {
    outside({ a: { inputs: { value: 7 } } });
    const before = stateText();
    const previewed = await run("refresh", "--preview-only", "--expect-no-changes");
    assert.equal(previewed.code, 7);
    assert.match(previewed.stdout, / ~ {2}demo:index:Thing a update \[diff: ~value\]\n/);
    assert.equal(stateText(), before, "a preview writes nothing");
    const refreshed = await succeed("refresh", "--yes", "--skip-preview");
    assert.match(refreshed.stdout, /~ 1 updated\n {4}4 unchanged/);
    assert.deepEqual(project.resource("a")?.inputs, { value: 7 });
    const shown = await succeed("preview", "--diff");
    assert.match(shown.stdout, /~ value: 7 => 1/);
  });

  it("forgets what has gone, with every reference to it, and the next run makes it anew", async () => {
    outside({ b: { gone: true } });
    const refreshed = await succeed("refresh", "--yes", "--skip-preview");
    assert.match(refreshed.stdout, / - {2}demo:index:Thing b is gone\n[^]*- 1 deleted/);
    assert.equal(project.resource("b"), undefined);
    assert.equal(project.resource("c")?.parent, undefined);
    assert.deepEqual(
      project.calls().filter((call) => call.startsWith("delete")),
      [],
      "a refresh deletes nothing outside",
    );
    const next = await succeed("up", "--yes", "--skip-preview");
    assert.match(next.stdout, /\+ 1 created/);
  });

  it("before a run lets the run start from what is really there, in a preview too", async () => {
    outside({ a: { inputs: { value: 7 } }, c: { gone: true } });
    const before = stateText();
    const previewed = await succeed("preview", "--refresh");
    assert.match(previewed.stdout, /c is gone[^]*\+ {2}demo:index:Thing c create[^]*\+ 1 to create/);
    assert.equal(stateText(), before);
    const json = JSON.parse((await succeed("preview", "--refresh", "--json")).stdout) as { changeSummary: object };
    assert.deepEqual(json.changeSummary, { same: 2, create: 1, update: 2 });
    project.calls();
    await succeed("up", "--yes", "--skip-preview", "--refresh");
    assert.deepEqual(
      project
        .calls()
        .filter((call) => call.endsWith("done"))
        .sort(),
      ["create c done", "update a done"],
    );
  });

  it("that a provider cannot answer fails, and keeps every resource as the state had it", async () => {
    const before = project.resources();
    outside({ b: { fail: "the database cannot be reached" } });
    const failed = await run("refresh", "--yes", "--skip-preview");
    assert.equal(failed.code, 1);
    assert.match(failed.stdout, /demo:index:Thing \(b\):\n {4}error: the database cannot be reached/);
    const names = (resources: Record<string, unknown>[]): unknown[] => resources.map(({ urn, id }) => [urn, id]);
    assert.deepEqual(names(project.resources()), names(before));
    project.calls();
    const update = await run("up", "--yes", "--skip-preview", "--refresh");
    assert.equal(update.code, 1);
    assert.ok(
      !project.calls().some((call) => /^(create|update|delete)/.test(call)),
      "nothing follows a failed refresh",
    );
  });

  it("remembers what is not in order as a warning, and the next run updates it", async () => {
    outside({ a: { unhealthy: true } });
    const refreshed = await succeed("refresh", "--yes", "--skip-preview");
    assert.match(refreshed.stdout, /warning: Refreshed resource is in an unhealthy state:\n {4}\* half made/);
    assert.deepEqual(project.resource("a")?.initErrors, ["half made"]);
    assert.match((await succeed("preview")).stdout, / ~ {2}demo:index:Thing a update\n/);
  });

  it("clears what an interrupted run left open; creations only by name", async () => {
    const file = project.file(".pulumi/stacks/probe/dev.json");
    const state = JSON.parse(stateText()) as { checkpoint: { latest: Record<string, unknown> } };
    state.checkpoint.latest.pending_operations = [
      { resource: project.resource("a"), type: "updating" },
      { resource: project.resource("b"), type: "creating" },
    ];
    fs.writeFileSync(file, JSON.stringify(state));
    await succeed("refresh", "--yes", "--skip-preview");
    assert.match(stateText(), /"pending_operations":\[.*"type":"creating"\}\]/);
    assert.doesNotMatch(stateText(), /"updating"/);
    await succeed("refresh", "--yes", "--skip-preview", "--clear-pending-creates");
    assert.doesNotMatch(stateText(), /pending_operations/);
  });
});
