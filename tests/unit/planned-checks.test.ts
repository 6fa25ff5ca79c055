import assert from "node:assert/strict";

import type { Goal } from "../../planner/world";
import { loadCatalogue } from "../../releases/catalogue";
import type { Catalogue } from "../../releases/release";
import { goal, planned, world } from "./planner-cases";

describe("the checks of a plan", () => {
  let catalogue: Catalogue;

  before(async () => (catalogue = await loadCatalogue()));

  const upgrade = (changes: Partial<Goal> = {}) =>
    planned(world("0.1.0", "def456"), goal("1.0.0", changes), catalogue).checks;
  const wanted = goal("1.0.0").verification;

  it("are those of the release, a line each", () => {
    assert.deepEqual(upgrade().lines, [
      "orchestrator answers /health as 1.0.0",
      "orchestrator answers GET /api/v1/tasks?limit=1 with 200",
      "orchestrator answers GET /tasks with 404",
      "orchestrator answers POST /execute with 404",
      "orchestrator takes a task, gives it back, has it done, calls its webhook, and removes it if it can",
      "orchestrator: list of tasks fails no more often and takes no longer than before",
      "every table has exactly the rows that it had before",
      "priorities are between 1 and 10",
      "index idx_tasks_status_priority is there and valid",
      "index idx_task_history_created_brin is there and valid",
      "alembic_version says e4f5a6",
      "no error in the services' logs since they started",
    ]);
  });

  it("and those of the settings, which may leave task and measurements out", () => {
    const smoke = [{ service: "orchestrator", method: "GET" as const, path: "/metrics", status: 200 }];
    const invariants = [
      { name: "every task has an owner", violations: "SELECT count(*) FROM tasks WHERE owner IS NULL" },
    ];
    const verification = { task: false, requests: 0, smoke, invariants, indexes: ["idx_own"] };
    const { lines, task } = upgrade({ verification });
    assert.equal(task, false);
    const ours = [
      "orchestrator answers GET /metrics with 200",
      "every task has an owner",
      "index idx_own is there and valid",
    ];
    assert.deepEqual(
      ours.filter((line) => !lines.includes(line)),
      [],
    );
    assert.ok(!lines.some((line) => /takes a task|than before$/.test(line)));
  });

  it("create no task where nobody could take it, and none when a stack adopts", () => {
    assert.equal(upgrade().task, true);
    assert.equal(upgrade({ services: [{ name: "planner-arm", health: "/health" }] }).task, false);
    assert.equal(upgrade({ services: [{ name: "orchestrator", health: "/health", port: 0 }] }).task, false);
    const adopting = planned(world("0.1.0", "def456"), goal("0.1.0", { emptyStack: true }), catalogue).checks;
    assert.deepEqual([adopting.task, adopting.lines.some((line) => /task,|than before$/.test(line))], [false, false]);
  });

  it("make another plan, of another id, when they change", () => {
    const idOf = (verification: Goal["verification"]) =>
      planned(world("0.1.0", "def456"), goal("1.0.0", { verification }), catalogue).id;
    assert.equal(idOf(wanted), idOf({ ...wanted }));
    assert.notEqual(idOf(wanted), idOf({ ...wanted, task: false }));
  });
});
