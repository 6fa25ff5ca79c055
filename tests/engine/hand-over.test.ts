import assert from "node:assert/strict";

import {
  type Engine,
  hasPulumiCli,
  projectWithStack,
  pulumiCli,
  standalone,
  type TestProject,
} from "./support/project";

const programs = [
  `const group = new Group("group");
   const a = new Thing("a", { value: "one", lines: ["x", "y"], token: pulumi.secret("hush") }, { parent: group, protect: true });
   const b = new Thing("b", { value: a.computed, replaceMe: 1 }, { dependsOn: [group], customTimeouts: { create: "5m" } });
   const mine = new Demo("mine", { region: "eu", token: pulumi.secret("t") });
   new Thing("c", { list: [1] }, { provider: mine, replaceOnChanges: ["list[*]"], ignoreChanges: ["value"], retainOnDelete: true });
   module.exports = { out: b.computed, secret: pulumi.secret({ deep: [1, null, ""] }) };`,
  `const group = new Group("group");
   const a = new Thing("a", { value: "two", lines: ["x", "z", "w"], token: pulumi.secret("hush") }, { parent: group, protect: true });
   const b = new Thing("b", { value: a.computed, replaceMe: 2 }, { dependsOn: [group], customTimeouts: { create: "5m" } });
   const mine = new Demo("mine", { region: "us", token: pulumi.secret("t") });
   new Thing("c", { list: [2] }, { provider: mine, replaceOnChanges: ["list[*]"], ignoreChanges: ["value"], retainOnDelete: true });
   new Thing("d", { nothing: null, empty: [], none: {}, text: "<&>\\u2028" });
   module.exports = { out: b.computed, secret: pulumi.secret({ deep: [1, null, ""] }) };`,
];

/** A state without what differs between two runs of the very same engine. */
function normalised(exported: string): unknown {
  const text = exported
    .replace(/"(created|modified|time|ciphertext|magic|version|salt)": "[^"]*"/g, '"$1": ""')
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "uuid")
    .replace(/"(\w)-[0-9a-f]{6}"/g, '"$1-id"');
  const state = JSON.parse(text) as { deployment: { resources: { urn: string; stackTrace?: unknown }[] } };
  for (const resource of state.deployment.resources) delete resource.stackTrace;
  state.deployment.resources.sort((left, right) => (left.urn < right.urn ? -1 : 1));
  return state;
}

/** The programs one after another, each applied by its engine; returns the exported states. */
async function play(project: TestProject, engines: Engine[]): Promise<unknown[]> {
  const states: unknown[] = [];
  for (const [index, program] of programs.entries()) {
    project.program(program);
    const engine = engines[index % engines.length] as Engine;
    const applied = await engine(project, ["up", "--yes", "--skip-preview"]);
    assert.equal(applied.code, 0, applied.stdout + applied.stderr);
    for (const other of engines) {
      const checked = await other(project, ["preview", "--expect-no-changes"]);
      assert.equal(checked.code, 0, checked.stdout + checked.stderr);
    }
    states.push(normalised((await engine(project, ["stack", "export"])).stdout));
  }
  return states;
}

describe("a state that changes hands between the standalone engine and the Pulumi CLI", function () {
  this.timeout(400_000);
  const projects: TestProject[] = [];
  before(function () {
    if (!hasPulumiCli()) this.skip();
  });
  afterEach(() => projects.splice(0).forEach((project) => project.remove()));

  async function project(): Promise<TestProject> {
    const made = await projectWithStack("");
    projects.push(made);
    return made;
  }

  it("shows no change at any hand-over and ends up the same whoever wrote it", async () => {
    const alone = await play(await project(), [standalone]);
    const mixed = await play(await project(), [standalone, pulumiCli]);
    const mixedOtherwise = await play(await project(), [pulumiCli, standalone]);
    assert.deepEqual(mixed, alone);
    assert.deepEqual(mixedOtherwise, alone);
  });
});
