import { strict as assert } from "node:assert";

import { CountingClient } from "../support/counting-client";
import { DockerStack } from "./support/stack";

describe("a minor release behind a front proxy that holds and retries (standalone)", function () {
  this.timeout(180_000);
  let stack: DockerStack;

  before(async () => (stack = await DockerStack.create("standalone", { tasks: 300, front: true })));
  after(() => stack.remove());

  it("is adopted, although no service publishes a port", async () => {
    const before = await stack.octollm.containers();
    const output = await stack.must("adopt", "--installation", stack.octollm.folder);
    assert.match(output, /Found OctoLLM 0\.1\.0 in/);
    assert.match(output, /orchestrator: container octollm-orchestrator, no published port/);
    await stack.up();
    assert.deepEqual(await stack.octollm.containers(), before);
  });

  it("rolls to 0.2.0 under load: no request fails, and every task that was created is there, once", async () => {
    stack.wants("0.2.0");
    const preview = await stack.must("preview");
    assert.match(preview, /stops +nothing\n/);
    const before = await stack.octollm.containers();
    const tasks = `${stack.octollm.orchestrator}/tasks`;
    const description = "created while the containers change";
    const readers = new CountingClient(`${tasks}?limit=1`, { every: 25, timeout: 20_000 });
    const writers = new CountingClient(tasks, { timeout: 20_000, body: { description } });
    await stack.up();
    const [read, written] = [await readers.stop(), await writers.stop()];
    assert.deepEqual([read.failed, written.failed], [[], []], stack.octollm.compose("logs", "--no-color", "front"));
    assert.ok(read.sent > 100 && written.sent > 50, `${read.sent} and ${written.sent} requests prove little`);
    const found = await stack.octollm.sql<{ id: string }>("SELECT id FROM tasks WHERE description = $1", [description]);
    assert.deepEqual(found.map(({ id }) => id).toSorted(), written.created.toSorted());
    assert.equal(written.created.length, written.sent);
    assert.deepEqual(await stack.octollm.serving(), { version: "0.2.0", revision: "b1c2d3" });
    const after = await stack.octollm.containers();
    assert.notEqual(after["octollm-orchestrator"]?.id, before["octollm-orchestrator"]?.id);
    assert.deepEqual(after.front, before.front);
  });
});
