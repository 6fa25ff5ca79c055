import { strict as assert } from "node:assert";

import type { ServiceSettings } from "../../phases/site";
import { stopWaves } from "../../phases/stop-order";

const container = (name: string, dependsOn?: readonly string[], port = 0) =>
  ({ name, container: name, dependsOn, port }) as unknown as ServiceSettings;

describe("the order in which services stop", () => {
  const services = [
    container("reflex-layer", []),
    container("orchestrator", ["reflex-layer"]),
    container("planner-arm", []),
    container("watcher", ["orchestrator", "planner-arm"]),
  ];

  it("is that of who needs whom, and what nobody needs stops at once", () => {
    const names = ["watcher", "planner-arm", "orchestrator", "reflex-layer"];
    assert.deepEqual(stopWaves(services, names), [["watcher"], ["planner-arm", "orchestrator"], ["reflex-layer"]]);
  });

  it("begins with those that clients reach", () => {
    const reached = [container("orchestrator", [], 8000), container("planner-arm", [])];
    assert.deepEqual(stopWaves(reached, ["planner-arm", "orchestrator"]), [["orchestrator"], ["planner-arm"]]);
  });

  it("leaves out those that do not stop", () => {
    assert.deepEqual(stopWaves(services, ["orchestrator", "planner-arm"]), [["orchestrator", "planner-arm"]]);
  });

  it("is the reverse of the starting order where nothing says who needs whom", () => {
    const plain = ["a", "b", "c"].map((name) => container(name));
    assert.deepEqual(stopWaves(plain, ["c", "b", "a"]), [["c"], ["b"], ["a"]]);
  });
});
