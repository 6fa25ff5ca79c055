import assert from "node:assert/strict";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";

import { loadCatalogue } from "../../releases/catalogue";
import type { Catalogue, Release } from "../../releases/release";
import { CatalogueCopy, ownVersions } from "./catalogue-cases";
import { goal, planned, steps, world } from "./planner-cases";

/** SQL with every run of white space as one blank. */
function oneLine(sql: string | undefined): string {
  return (sql ?? "").replace(/\s+/g, " ");
}

describe("OctoLLM's own releases, as its migration guide describes them", () => {
  let catalogue: Catalogue;
  before(async () => {
    catalogue = await loadCatalogue();
  });

  function release(version: string): Release {
    const found = catalogue.releases.find((candidate) => candidate.version === version);
    assert.ok(found, `no release ${version}`);
    return found;
  }

  function statements(revision: string, direction: "up" | "down"): string[] {
    const migration = catalogue.chain.find((candidate) => candidate.revision === revision);
    return (migration?.[direction]?.statements ?? []).map(({ sql }) => oneLine(sql));
  }

  it("are 0.1.0, 0.2.0 and 1.0.0, with the guide's dates and types", () => {
    assert.deepEqual(
      catalogue.releases.map(({ version, date, type }) => [version, date, type]),
      [
        ["0.1.0", "2025-11-10", "initial"],
        ["0.2.0", "2025-12-01", "minor"],
        ["1.0.0", "2026-01-01", "breaking"],
      ],
    );
    assert.deepEqual(release("0.2.0").notes, [
      "Parallel task execution",
      "Enhanced caching layer",
      "New performance metrics",
    ]);
  });

  it("form the chain def456 <- abc123 <- b1c2d3 <- e4f5a6, and each release needs its last revision", () => {
    assert.deepEqual(
      catalogue.chain.map(({ revision, downRevision, release: brings }) => [revision, downRevision, brings]),
      [
        ["def456", null, "0.1.0"],
        ["abc123", "def456", "0.2.0"],
        ["b1c2d3", "abc123", "0.2.0"],
        ["e4f5a6", "b1c2d3", "1.0.0"],
      ],
    );
    assert.deepEqual(
      catalogue.releases.map(({ revision }) => revision),
      ["def456", "b1c2d3", "e4f5a6"],
    );
    assert.deepEqual(
      catalogue.releases.map(({ strictHead, requiredStop }) => [strictHead, requiredStop]),
      [
        [false, false],
        [false, false],
        [true, false],
      ],
    );
  });

  it("0.2.0 adds its two indexes CONCURRENTLY, on the guide's columns, and drops them so too", () => {
    assert.deepEqual(statements("abc123", "up"), [
      "CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_tasks_status_priority ON tasks (status, priority DESC)",
    ]);
    assert.deepEqual(statements("abc123", "down"), ["DROP INDEX CONCURRENTLY IF EXISTS idx_tasks_status_priority"]);
    assert.deepEqual(statements("b1c2d3", "up"), [
      "CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_task_history_created_brin ON task_history USING brin (created_at)",
    ]);
    assert.deepEqual(statements("b1c2d3", "down"), ["DROP INDEX CONCURRENTLY IF EXISTS idx_task_history_created_brin"]);
    const modes = release("0.2.0").migrations.map(({ transaction, previousCode, writers }) => [
      transaction,
      previousCode,
      writers,
    ]);
    assert.deepEqual(modes, [
      ["none", "runs", "online"],
      ["none", "runs", "online"],
    ]);
    assert.deepEqual(release("0.2.0").indexes, ["idx_tasks_status_priority", "idx_task_history_created_brin"]);
    assert.equal(catalogue.chain[1]?.title, "add_task_priority_index");
  });

  it("0.2.0 brings the CACHE_* variables, taken from the old ones, which are deprecated", () => {
    assert.deepEqual(release("0.2.0").environment, [
      { kind: "add", key: "CACHE_L1_ENABLED", from: "CACHE_ENABLED", default: "true" },
      { kind: "add", key: "CACHE_L1_SIZE", default: "1000", services: ["orchestrator"] },
      { kind: "add", key: "CACHE_L1_TTL", default: "60", services: ["orchestrator"] },
      { kind: "add", key: "CACHE_L2_ENABLED", from: "CACHE_ENABLED", default: "true" },
      { kind: "add", key: "CACHE_L2_TTL", from: "CACHE_TTL", default: "3600" },
      { kind: "deprecate", key: "CACHE_ENABLED" },
      { kind: "deprecate", key: "CACHE_TTL" },
    ]);
    assert.deepEqual(release("0.2.0").api, []);
  });

  it("1.0.0 moves /tasks, doubles the priorities, removes /execute, and changes the webhook's path", () => {
    const { api, environment, smoke } = release("1.0.0");
    assert.deepEqual(
      api.map(({ kind, breaking, text }) => [kind, breaking, text]),
      [
        ["path", true, "/tasks moves to /api/v1/tasks"],
        ["scale", true, "Task priorities go from 1-5 to 1-10: clients send twice the old number"],
        ["removed", true, "The deprecated /execute is removed"],
        ["sdk", false, "Programs that use octollm-sdk take 1.0.0, and a base_url that ends in /api/v1"],
      ],
    );
    assert.deepEqual(environment, [
      { kind: "url-path", key: "WEBHOOK_URL", suffix: "/webhook", replacement: "/v1/webhook" },
    ]);
    assert.deepEqual(
      smoke.map(({ method, path, status }) => `${method} ${path} ${status}`),
      ["GET /api/v1/tasks?limit=1 200", "GET /tasks 404", "POST /execute 404"],
    );
  });

  it("1.0.0 doubles priorities with the writers stopped, in one transaction, and goes back exactly", () => {
    const scale = catalogue.chain[3];
    assert.deepEqual(
      [scale?.transaction, scale?.writers, scale?.previousCode, scale?.downClass],
      ["transactional", "stopped", "breaks", "kept"],
    );
    assert.match(
      statements("e4f5a6", "up").join(";"),
      /USING priority \* 2.*SET DEFAULT 6.*CHECK \(priority BETWEEN 1 AND 10\)/,
    );
    assert.match(
      statements("e4f5a6", "down").join(";"),
      /USING \(priority \+ 1\) \/ 2.*SET DEFAULT 3.*CHECK \(priority BETWEEN 1 AND 5\)/,
    );
  });

  it("name one image per service, tagged with the release", () => {
    const services = Object.keys(release("0.1.0").images);
    assert.equal(services.length, 8);
    for (const { version, images } of catalogue.releases)
      assert.deepEqual(
        images,
        Object.fromEntries(services.map((service) => [service, `octollm/${service}:${version}`])),
      );
  });
});

describe("a release author", () => {
  let copy: CatalogueCopy;
  beforeEach(() => (copy = new CatalogueCopy()));
  afterEach(() => copy.remove());

  it("adds 1.1.0 with one folder of data, and the plan from 0.1.0 goes there", async () => {
    mkdirSync(copy.path("1.1.0/migrations"), { recursive: true });
    cpSync(copy.path("0.2.0/release.yaml"), copy.path("1.1.0/release.yaml"));
    copy.edit("1.1.0/release.yaml", "version: 0.2.0", "version: 1.1.0");
    copy.edit("1.1.0/release.yaml", "revision: b1c2d3", "revision: f00d11");
    writeFileSync(
      copy.path("1.1.0/migrations/f00d11_labels.sql"),
      "-- revision: f00d11\n-- down_revision: e4f5a6\n-- title: tasks have labels\n-- transaction: transactional\n" +
        "-- phase: pre\n-- previous_code: runs\n-- writers: online\n-- down: lossy\n-- down_loss: the labels\n" +
        "-- down_loss_count: SELECT count(*) FROM tasks WHERE labels IS NOT NULL\n\n" +
        "-- up\nALTER TABLE tasks ADD COLUMN labels text[];\n\n-- down\nALTER TABLE tasks DROP COLUMN labels;\n",
    );
    const catalogue = await copy.load();
    assert.deepEqual(
      catalogue.releases.map(({ version }) => version),
      [...ownVersions, "1.1.0"],
    );
    const plan = planned(world("0.1.0", "def456"), goal("1.1.0"), catalogue);
    assert.equal(steps(plan), "+abc123 +b1c2d3 +e4f5a6 +f00d11");
    assert.deepEqual(plan.path, ["0.2.0 minor", "1.0.0 breaking", "1.1.0 minor"]);
    assert.deepEqual(
      [plan.rollback.class, plan.rollback.loses],
      ["lossy-schema-down", ["f00d11 (tasks have labels): the labels"]],
    );
  });

  it("orders releases by number, not by letters", async () => {
    for (const version of ["0.10.0", "0.9.0"]) {
      mkdirSync(copy.path(`${version}/migrations`), { recursive: true });
      cpSync(copy.path("0.2.0/release.yaml"), copy.path(`${version}/release.yaml`));
      copy.edit(`${version}/release.yaml`, "version: 0.2.0", `version: ${version}`);
    }
    assert.deepEqual(
      (await copy.load()).releases.map(({ version }) => version),
      ["0.1.0", "0.2.0", "0.9.0", "0.10.0", "1.0.0"],
    );
  });

  it("may bring a release without any migration, with no folder for them", async () => {
    mkdirSync(copy.path("1.0.1"));
    cpSync(copy.path("1.0.0/release.yaml"), copy.path("1.0.1/release.yaml"));
    copy.edit("1.0.1/release.yaml", "version: 1.0.0", "version: 1.0.1");
    assert.equal((await copy.load()).releases.at(-1)?.migrations.length, 0);
  });

  it("may edit with CRLF line ends: the checksum stays the same", async () => {
    const before = (await copy.load()).chain[1]?.checksum;
    const file = "0.2.0/migrations/abc123_add_task_priority_index.sql";
    copy.editAll(file, (text) => text.replaceAll("\n", "\r\n"));
    assert.equal((await copy.load()).chain[1]?.checksum, before);
  });
});
