import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { stack as stackName } from "../e2e/support/project";
import { soak } from "../e2e/support/soak";
import { images } from "./support/images";
import { dockerEngines, DockerStack } from "./support/stack";

type Store = Readonly<Record<string, unknown>> & { readonly name: string };

/** What an engine writes when a step begins, one after the other on the same installation. */
const kills: readonly RegExp[] = [
  /Network stores-network creating/,
  /Volume stores-postgres-data creating/,
  /Container stores-postgres creating/,
  /StoreReadiness stores-postgres-readiness creating/,
  /SchemaMigration pre creating/,
  /Container services-orchestrator creating/,
  /Completion completion (creating|updating)/,
];

/** Changes settings of one store, as an editor does. */
function setStore(stack: DockerStack, name: string, changes: Readonly<Record<string, unknown>>): void {
  const { stores, ...rest } = stack.setting("docker") as { stores: readonly Store[] };
  stack.set({ docker: { ...rest, stores: stores.map((one) => (one.name === name ? { ...one, ...changes } : one)) } });
}

for (const engine of dockerEngines) {
  describe(`an installation on Docker that is broken on purpose (${engine})`, function () {
    this.timeout(300_000);
    let stack: DockerStack;

    before(async () => (stack = await DockerStack.nothing(engine, "1.0.0")));
    after(() => stack.remove());

    const docker = () => stack.octollm.docker;
    const inspect = (name: string) => docker().getContainer(name).inspect();
    const tasks = () => stack.octollm.sql("SELECT description FROM tasks");

    it("is refused where a volume of that name has somebody's data, or a container has the name", async () => {
      await docker().createVolume({ Name: "octollm_postgres_data" });
      const options = { name: "octollm-redis", Image: images.tools, Cmd: ["sleep", "60"] };
      const container = await docker().createContainer(options);
      const preview = await stack.mustFail("preview");
      assert.match(preview, /there is a volume 'octollm_postgres_data' already, and it may hold somebody's data/);
      assert.match(preview, /there is a container 'octollm-redis' already, which this stack has not made/);
      assert.match(await stack.upFails(), /may hold somebody's data/);
      await container.remove();
      await docker().getVolume("octollm_postgres_data").remove();
      assert.deepEqual(await stack.octollm.containers(), {});
    });

    it("comes to its end with the next up, wherever it was killed", async () => {
      // The real CLI takes its time: there, every second one does unless there is more of it.
      const chosen = kills.filter((_step, index) => soak || engine === "standalone" || index % 2 === 1);
      for (const step of chosen) {
        const run = stack.start("up", "--yes", "--skip-preview");
        assert.ok(await run.says(step), `${step.source}\n${run.output}`);
        await stack.kill(run);
      }
      await stack.up();
      assert.deepEqual(await stack.octollm.serving(), { version: "1.0.0", revision: "e4f5a6" });
      const names = Object.keys(await stack.octollm.containers());
      assert.equal(names.length, 6, names.join(", "));
      assert.equal((await docker().listVolumes()).Volumes.filter(({ Name }) => Name.startsWith("octollm_")).length, 3);
      assert.match(await stack.must("preview"), / unchanged/);
    });

    it("keeps its data when a label of a volume changes", async () => {
      await stack.octollm.sql("INSERT INTO tasks (id, description) VALUES (gen_random_uuid(), 'mine')");
      const state = JSON.parse(stack.state) as { checkpoint: { latest: { resources: Resource[] } } };
      const volume = state.checkpoint.latest.resources.find(({ urn }) => urn.endsWith("::stores-postgres-data"));
      assert.ok(volume);
      // As if it had been declared with another label when it was made.
      volume.inputs.labels = [{ label: "made.by", value: "an earlier version" }];
      volume.outputs = { ...volume.outputs, labels: volume.inputs.labels };
      delete volume.outputs.__meta;
      delete volume.outputs.__pulumi_raw_state_delta;
      writeFileSync(join(stack.folder, ".pulumi", "stacks", "octollm", `${stackName}.json`), JSON.stringify(state));
      const before = await inspect("octollm-postgres");
      assert.doesNotMatch(await stack.must("preview"), /^ *[-+~][^:]*Volume/m);
      await stack.up();
      assert.equal((await inspect("octollm-postgres")).Id, before.Id);
      assert.deepEqual(await tasks(), [{ description: "mine" }]);
    });

    it("changes nothing about a store that is there, whatever the settings say by then", async () => {
      const before = await stack.octollm.containers();
      setStore(stack, "redis", { image: images.qdrant });
      const preview = await stack.mustFail("preview");
      assert.match(preview, /it was made by other settings, and 'up' changes nothing about a store that is there/);
      assert.match(await stack.upFails(), /docker rm --force octollm-redis/);
      setStore(stack, "redis", { image: images.redis });
      setStore(stack, "postgres", { volume: "octollm_other_data" });
      assert.match(await stack.mustFail("preview"), /Set them back/);
      setStore(stack, "postgres", { volume: "octollm_postgres_data" });
      assert.deepEqual(await stack.octollm.containers(), before);
      assert.match(await stack.must("preview"), / unchanged/);
    });

    it("has a store that somebody has removed made anew, on its own volume", async () => {
      await docker().getContainer("octollm-postgres").remove({ force: true });
      const preview = await stack.mustFail("preview");
      assert.match(
        preview,
        /Its container 'octollm-postgres' has gone; 'octollm up --skip-preview' makes it anew on volume 'octollm_postgres_data'/,
      );
      await stack.up();
      assert.deepEqual(await tasks(), [{ description: "mine" }]);
      assert.match(await stack.must("preview"), / unchanged/);
    });

    it("is not destroyed while its volumes are protected, and stays whole in any case", async () => {
      const before = await stack.octollm.containers();
      assert.match(await stack.mustFail("destroy", "--yes"), /protected/);
      assert.deepEqual(await stack.octollm.containers(), before);
      assert.deepEqual(await stack.octollm.serving(), { version: "1.0.0", revision: "e4f5a6" });
      assert.deepEqual(await tasks(), [{ description: "mine" }]);
      await stack.must("state", "unprotect", "--all", "--yes");
      await stack.must("destroy", "--yes");
      assert.deepEqual(await stack.octollm.containers(), before);
      assert.deepEqual(await tasks(), [{ description: "mine" }]);
      assert.match(await stack.mustFail("preview"), /there is a volume 'octollm_postgres_data' already/);
    });
  });

  describe(`a store that does not get well (${engine})`, function () {
    this.timeout(300_000);
    let stack: DockerStack;

    before(async () => (stack = await DockerStack.nothing(engine, "0.1.0")));
    after(() => stack.remove());

    it("says what a store that does not get well has written, and makes it anew once that is corrected", async () => {
      const healthcheck = (stack.setting("docker") as { stores: readonly Store[] }).stores[0]?.healthcheck;
      setStore(stack, "postgres", { healthcheck: ["CMD", "false"], startTimeout: 15 });
      const output = await stack.upFails();
      assert.match(output, /container 'octollm-postgres' did not become healthy within 15 s/);
      assert.match(output, /database system is ready to accept connections/);
      assert.match(output, /No service was touched\. Correct the cause, then run 'npx octollm up'/);
      assert.doesNotMatch(output, /not-a-real-password/);
      assert.equal(await stack.octollm.serving(), null);
      setStore(stack, "postgres", { healthcheck, startTimeout: 120 });
      await stack.up();
      assert.deepEqual(await stack.octollm.serving(), { version: "0.1.0", revision: "def456" });
    });
  });
}

interface Resource {
  readonly urn: string;
  readonly inputs: Record<string, unknown>;
  outputs: Record<string, unknown>;
}
