import { strict as assert } from "node:assert";

import { dockerEngines, DockerStack } from "./support/stack";

/** What an engine writes when a step begins, and on the way to which release it is killed then. */
const kills: readonly [step: RegExp, version: "1.0.0" | "0.1.0"][] = [
  [/Quiesce quiesce updating/, "1.0.0"],
  [/SchemaMigration pre updating/, "0.1.0"],
  [/Retire services-orchestrator-retire (creating|updating)/, "1.0.0"],
  [/Container services-orchestrator (creating|create replacement|creating replacement)/, "0.1.0"],
  [/Readiness services-orchestrator-readiness (creating|updating)/, "1.0.0"],
  [/Completion completion updating/, "0.1.0"],
];

const revisions = { "0.1.0": "def456", "1.0.0": "e4f5a6" } as const;

for (const engine of dockerEngines)
  describe(`an up on Docker that is killed (${engine})`, function () {
    this.timeout(300_000);
    let stack: DockerStack;
    let tasks: number;

    before(async () => {
      stack = await DockerStack.adopted(engine, { tasks: 200 });
      ({ tasks } = await stack.octollm.fingerprint());
    });
    after(() => stack.remove());

    for (const [step, version] of kills)
      it(`during '${step.source.split(" ")[0] ?? ""}' on the way to ${version} comes to its end with the next up`, async () => {
        stack.wants(version);
        const run = stack.start("up", "--yes", "--skip-preview");
        assert.ok(await run.says(step), run.output);
        await stack.kill(run);
        const output = await stack.up();
        assert.match(output, /Removed the lock of a process that is no longer running/);
        assert.deepEqual(await stack.octollm.serving(), { version, revision: revisions[version] });
        assert.equal((await stack.octollm.fingerprint()).tasks, tasks);
        const containers = Object.keys(await stack.octollm.containers());
        assert.deepEqual(
          containers.filter((name) => name.endsWith("_before")),
          [],
        );
        const { HostConfig } = await stack.octollm.docker.getContainer("octollm-orchestrator").inspect();
        assert.equal(HostConfig.RestartPolicy?.Name, "unless-stopped");
        assert.match(await stack.must("preview"), /22 unchanged/);
      });

    it("can be brought back by abort instead, from the very containers that were there", async () => {
      const before = await stack.octollm.containers();
      stack.wants("1.0.0");
      const run = stack.start("up", "--yes", "--skip-preview");
      assert.ok(await run.says(/Readiness services-orchestrator-readiness (creating|updating)/), run.output);
      await stack.kill(run);
      const output = await stack.must("abort", "--yes");
      assert.match(output, /OctoLLM 0\.1\.0 serves again\./);
      assert.deepEqual(await stack.octollm.serving(), { version: "0.1.0", revision: "def456" });
      const after = await stack.octollm.containers();
      assert.equal(after["octollm-orchestrator"]?.id, before["octollm-orchestrator"]?.id);
    });
  });
