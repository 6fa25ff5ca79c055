import assert from "node:assert/strict";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Check } from "../../phases/checks/check";
import { runChecks, type Verified } from "../../phases/checks/run";
import type { Site } from "../../phases/site";
import { type Verification, verifyNow } from "../../phases/verify-now";
import type { Load } from "../../planner/load";
import { parseDatabaseUrl } from "../../postgres/address";
import { loadCatalogue } from "../../releases/catalogue";
import { Installed } from "../support/installed";
import { Tampering } from "../support/tampering";

type Checking = Partial<Site["verification"]>;

const activity = { signal: new AbortController().signal, progress: () => undefined };

describe("a verification of what serves", function () {
  this.timeout(60_000);
  let installed: Installed;
  let service: Tampering;

  before(async () => {
    installed = await Installed.create();
    service = await Tampering.before(installed.installation.port);
  });
  beforeEach(() => {
    service.tamper = () => undefined;
    service.requests.length = 0;
  });
  after(async () => {
    await service?.stop();
    await installed?.remove();
  });

  /** The installation as seen through what spoils its answers; nothing is measured unless asked for. */
  function site(verification: Checking = {}): Site {
    const { site: real } = installed;
    const [first] = real.services;
    assert.ok(first);
    const services = [{ ...first, port: service.port }];
    return { ...real, services, verification: { ...real.verification, requests: 0, ...verification } };
  }

  function verify(verification: Checking = {}, since: Date | null = null): Promise<Verification> {
    return verifyNow({ site: site(verification), version: "0.1.0", databaseUrl: "", since }, activity);
  }

  /** The checks that failed, with what was found. */
  async function failed(verification: Checking = {}): Promise<string[]> {
    return lines(await verify(verification), ({ passed }) => !passed);
  }

  function lines({ checks }: { checks: readonly Check[] }, wanted: (check: Check) => boolean): string[] {
    return checks.filter(wanted).map(({ check, detail }) => `${check}: ${detail}`);
  }

  const skipped = ({ skipped: is }: Check) => is === true;
  const about = (subject: string) => (check: Check) => check.subject === subject;
  const tasks = async () => Number((await installed.sql<{ n: string }>("SELECT count(*) AS n FROM tasks"))[0]?.n);

  it("of an installation that nobody has adopted passes, and leaves rows, schemas and files as they were", async () => {
    const before = await installed.sql("SELECT * FROM tasks ORDER BY id");
    const schemas = "SELECT nspname FROM pg_namespace ORDER BY 1";
    const found = await verify({ requests: 20 });
    assert.equal(found.release, "0.1.0");
    assert.deepEqual(
      lines(found, ({ passed }) => !passed),
      [],
    );
    assert.deepEqual(
      found.checks.map(({ check }) => check),
      [
        "no upgrade is under way or was cut short",
        "orchestrator answers /health as 0.1.0",
        "orchestrator answers GET /tasks?limit=1 with 200",
        "alembic_version says def456",
        "invariant: priorities are between 1 and 5",
        "requests fail no more often and take no longer than before",
        "orchestrator takes a task: POST /tasks with 201",
        "orchestrator gives the task back: GET /tasks/{id}",
        "orchestrator gets the task done",
        "orchestrator calls the task's webhook",
        "orchestrator removes the task: DELETE /tasks/{id}",
        "orchestrator logs no error",
      ],
    );
    assert.deepEqual(lines(found, skipped), [
      "requests fail no more often and take no longer than before: nothing was measured before",
    ]);
    assert.deepEqual(await installed.sql("SELECT * FROM tasks ORDER BY id"), before);
    assert.ok(!(await installed.sql<{ nspname: string }>(schemas)).some(({ nspname }) => /upgrade/.test(nspname)));
    assert.equal(service.requests.filter((request) => request === "GET /tasks?limit=1").length, 24);
  });

  it("tells a service that is unwell, and one that answers otherwise than the release should", async () => {
    service.tamper = ({ path }) => (path === "/health" ? { status: 503 } : undefined);
    const port = new RegExp(
      `^orchestrator answers /health as 0\\.1\\.0: .*port ${service.port} answered 503 at /health$`,
    );
    assert.match((await failed()).join("\n"), port);
    service.tamper = ({ path }) => (path.startsWith("/tasks?") ? { status: 500 } : undefined);
    assert.deepEqual(await failed({ task: false }), ["orchestrator answers GET /tasks?limit=1 with 200: answered 500"]);
  });

  it("tells a request of the settings that is answered otherwise, and leaves out services that do not run here", async () => {
    const smoke = [
      { service: "orchestrator", method: "GET", path: "/metrics", status: 200 },
      { service: "planner-arm", method: "GET", path: "/plans", status: 200 },
    ] as const;
    const found = await verify({ smoke, task: false });
    assert.deepEqual(
      lines(found, ({ passed }) => !passed),
      ["orchestrator answers GET /metrics with 200: answered 404"],
    );
    assert.deepEqual(
      lines(found, (check) => skipped(check) && check.subject === "requests"),
      ["planner-arm answers GET /plans with 200: the installation does not run this service"],
    );
  });

  it("tells a wrong revision, indexes that are missing or INVALID, and invariants that are violated or prove nothing", async () => {
    await installed.sql("UPDATE alembic_version SET version_num = 'abc123'");
    await installed.sql("CREATE INDEX half_built ON tasks (status)");
    await installed.sql("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'half_built'::regclass");
    const invariants = [
      { name: "nobody has finished anything", violations: "SELECT count(*) FROM tasks WHERE status = 'completed'" },
      { name: "there is a moon", violations: "SELECT count(*) FROM moon" },
      { name: "it writes", violations: "DELETE FROM tasks" },
    ];
    const indexes = ["gone", "half_built", "idx_tasks_created_at"];
    assert.deepEqual(await failed({ task: false, indexes, invariants }), [
      "alembic_version says def456: it says abc123",
      "index: gone: does not exist",
      "index: half_built: INVALID: a build was cut short",
      "invariant: nobody has finished anything: 120 rows violate it",
      'invariant: there is a moon: the query failed, so nothing is proven: relation "moon" does not exist',
      "invariant: it writes: the query failed, so nothing is proven: cannot execute DELETE in a read-only transaction",
    ]);
    await installed.sql("DROP INDEX half_built");
    await installed.sql("UPDATE alembic_version SET version_num = 'def456'");
  });

  it("tells an API that takes no task, one that does not say which, and one that gives back another", async () => {
    service.tamper = ({ method }) => (method === "POST" ? { status: 500 } : undefined);
    assert.deepEqual(await failed(), ["orchestrator takes a task: POST /tasks with 201: answered 500"]);
    service.tamper = ({ method }) => (method === "POST" ? { body: () => "{}" } : undefined);
    assert.deepEqual(await failed(), ["orchestrator takes a task: POST /tasks with 201: its answer has no field 'id'"]);
    service.tamper = ({ method, path }) =>
      method === "GET" && /^\/tasks\/./.test(path)
        ? { body: (body) => body.replace('"priority":2', '"priority":4') }
        : undefined;
    assert.deepEqual(await failed(), [
      "orchestrator gives the task back: GET /tasks/{id}: 'priority' was sent as 2 and came back as 4",
    ]);
    // Two answers of tasks were spoiled so that nobody knew their ids: the next run has removed them.
    assert.equal(await tasks(), 200);
  });

  it("tells a task that fails, and one that is not done in time, which then stays and is named", async () => {
    const state = (status: string) => (body: string) => body.replace(/"status":"\w+"/, `"status":"${status}"`);
    const reading = (method: string, path: string) => method === "GET" && /^\/tasks\/./.test(path);
    service.tamper = ({ method, path }) => (reading(method, path) ? { body: state("failed") } : undefined);
    assert.deepEqual(await failed(), [`orchestrator gets the task done: 'status' is "failed"`]);
    service.tamper = ({ method, path }) => {
      if (method === "DELETE") return { status: 409 };
      return reading(method, path) ? { body: state("running") } : undefined;
    };
    const found = await verify({ taskTimeout: 1 });
    assert.deepEqual(
      lines(found, ({ passed }) => !passed),
      [`orchestrator gets the task done: after 1 s 'status' is "running"`],
    );
    const [webhook = "", removal = ""] = lines(found, (check) => skipped(check) && check.subject === "task");
    assert.equal(webhook, "orchestrator calls the task's webhook: the task is not done");
    assert.match(
      removal,
      /: not while it is being worked on; task [0-9a-f-]{36} stays, 'octollm-upgrade smoke test' is in its text$/,
    );
  });

  it("tells a webhook that does not arrive; an API without one of a task's own is no fault", async () => {
    const elsewhere = "http://127.0.0.1:9/closed";
    service.tamper = (passing) => {
      if (passing.method !== "POST") return undefined;
      passing.body = passing.body.replace(/http:[^"]*/, elsewhere);
      return {};
    };
    assert.deepEqual(await failed({ taskTimeout: 1 }), [
      "orchestrator calls the task's webhook: nothing came to 127.0.0.1 within 1 s",
    ]);
    service.tamper = (passing) => {
      if (passing.method !== "POST") return undefined;
      passing.body = passing.body.replace("webhook_url", "unknown");
      return {};
    };
    const found = await verify();
    assert.deepEqual(
      lines(found, ({ passed }) => !passed),
      [],
    );
    assert.deepEqual(
      lines(found, (check) => skipped(check) && check.subject === "task"),
      ["orchestrator calls the task's webhook: its API takes no 'webhook_url' of a task's own"],
    );
  });

  it("leaves a task where the API cannot remove any, tells which, and a later run removes it", async () => {
    service.tamper = ({ method }) => (method === "DELETE" ? { status: 405 } : undefined);
    // What removes is behind what answers: the task is told to stay, and one more is left by hand.
    const found = await verify();
    assert.deepEqual(
      lines(found, ({ passed }) => !passed),
      [],
    );
    assert.match(lines(found, skipped).join(), /its API cannot \(answered 405\); task [0-9a-f-]{36} stays/);
    service.tamper = ({ method }) => (method === "DELETE" ? { status: 500 } : undefined);
    assert.match((await failed()).join(), /removes the task: DELETE \/tasks\/\{id\}: answered 500; task .* stays/);
    service.tamper = () => undefined;
    const left = {
      description: "octollm-upgrade smoke test of a killed run",
      context: { octollm_upgrade: "smoke test" },
    };
    await fetch(`http://127.0.0.1:${service.port}/tasks`, { method: "POST", body: JSON.stringify(left) });
    const last = await verify();
    assert.deepEqual(
      lines(last, ({ check }) => check.includes("earlier run")),
      ["orchestrator has no smoke task of an earlier run: 1 was removed"],
    );
    assert.equal(await tasks(), 200);
  });

  it("reads the logs by the usual words and by patterns of its own, from when it is told, without secrets", async () => {
    const { env, log } = installed.installation;
    const old = readFileSync(env, "utf8");
    writeFileSync(env, `${old}\nOPENAI_API_KEY=sk-l0ng-s3cr3t\n`);
    const now = new Date().toISOString();
    appendFileSync(
      log,
      `2025-01-01T00:00:00Z ERROR of long ago\n${now} ERROR with sk-l0ng-s3cr3t in it\n${now} odd: moon\n`,
    );
    const [found = "", ...others] = await failed({ task: false });
    assert.match(found, /^orchestrator logs no error: 1 line since \d{4}-.* UTC, first: \S+ ERROR with \*\*\* in it$/);
    assert.deepEqual(others, []);
    assert.match((await failed({ task: false, logErrors: ["odd: \\w+"] })).join(), /logs no error: 2 lines since/);
    assert.deepEqual(await failed({ task: false, logAllow: ["ERROR with"] }), []);
    const from = async (since: Date) => lines(await verify({ task: false }, since), ({ passed }) => !passed);
    assert.deepEqual(await from(new Date(Date.now() + 60_000)), []);
    assert.match(
      (await from(new Date("2024-01-01"))).join(),
      /: 2 lines since 2024-01-01 00:00 UTC, first: .* of long ago$/,
    );
    writeFileSync(env, old);
    writeFileSync(log, "");
  });

  it("tells requests that fail more often and take longer than before, measured again before it is believed", async () => {
    const { site: real, databaseUrl } = installed;
    const before: Load = {
      service: "orchestrator",
      measure: "list of tasks",
      requests: 40,
      errors: 0,
      times: Array.from({ length: 40 }, () => 2),
    };
    const wanted: Verified = {
      site: { ...site({ requests: 40, latencySlack: 20 }), environmentFile: real.environmentFile },
      address: parseDatabaseUrl(databaseUrl),
      catalogue: await loadCatalogue(),
      release: "0.1.0",
      revision: "def456",
      task: false,
      counts: null,
      wereEqual: false,
      load: [before],
      logs: {},
    };
    const checks: Check[] = [];
    const measure = async () => {
      checks.length = 0;
      service.requests.length = 0;
      await runChecks(wanted, activity, (more) => checks.push(...more));
      return lines({ checks }, about("load")).join("\n");
    };
    assert.match(await measure(), /fails no more often than before: 0 of 40 failed before, 0 of 40 after\n/);
    // The first request is the smoke request: it is well. Of all others each second one fails, the rest take long.
    service.tamper = ({ path, count }) => {
      if (!path.startsWith("/tasks?") || count === 1) return undefined;
      return count % 2 === 0 ? { status: 500 } : { milliseconds: 40 };
    };
    assert.match(
      await measure(),
      new RegExp(
        "fails no more often than before: 0 of 40 failed before, 20 of 40 after \\(the third time it was measured\\)\n" +
          ".*takes no longer than before: median 2.0 ms before, [4-9]\\d ms after; 90 % within 2.0 ms before, .* \\(the third time",
      ),
    );
    assert.deepEqual(checks.map(({ passed }) => passed).slice(-3, -1), [false, false]);
    // A machine that was busy for a moment: the second measurement is as before.
    service.tamper = ({ path, count }) =>
      path.startsWith("/tasks?") && count > 1 && count < 45 ? { milliseconds: 40 } : undefined;
    assert.match(await measure(), /\(the second time it was measured\)$/);
    assert.ok(checks.every(({ passed }) => passed));
  });

  it("tells what it cannot look at at all", async () => {
    const { site: real } = installed;
    const wrong = { ...site(), database: { ...real.database, key: "NO_SUCH_KEY" } };
    const found = await verifyNow({ site: wrong, version: "0.1.0", databaseUrl: "", since: null }, activity);
    assert.equal(found.release, null);
    assert.match(
      lines(found, ({ passed }) => !passed).join(),
      /^database can be read: Cannot connect to .* Start PostgreSQL/,
    );
    const { folder } = installed.installation;
    const catalogue = join(folder, "nothing");
    const other = await verifyNow(
      { site: { ...site(), catalogue }, version: "0.1.0", databaseUrl: "", since: null },
      activity,
    );
    assert.match(
      lines(other, ({ passed }) => !passed).join(),
      /nothing can be read: the release catalogue is broken: there is no such folder/,
    );
  });
});
