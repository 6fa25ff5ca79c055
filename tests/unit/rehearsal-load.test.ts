import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { DatabaseError } from "pg";

import { faultWithoutValues, withoutRows } from "../../rehearsal/staging/error";
import { factOf, k6Script, runK6 } from "../../rehearsal/staging/k6";
import { requestsOf } from "../../rehearsal/staging/load-paths";
import { judgeLoad, runLoadTest } from "../../rehearsal/staging/load-test";
import { type LoadSettings, rehearsalSchema } from "../../rehearsal/staging/settings";
import { runTest } from "../../rehearsal/staging/test-command";
import { loadCatalogue } from "../../releases/catalogue";
import type { LoadFact } from "../../report/rehearsal-facts";

const load = (changes: object = {}): LoadSettings => rehearsalSchema.parse({ load: changes }).load;
const signal = new AbortController().signal;
const hasK6 = spawnSync("k6", ["version"]).status === 0;

describe("the load test of a rehearsal", function () {
  this.timeout(30_000);
  let server: Server;
  let asked: string[] = [];
  before(async () => {
    server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      request.resume().on("end", () => {
        response.statusCode = request.url === "/broken" ? 500 : 200;
        setTimeout(() => response.end("{}"), 5);
      });
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
  });
  after(() => server.close());
  beforeEach(() => (asked = []));
  const ports = () => ({ orchestrator: (server.address() as AddressInfo).port });
  const get = (path: string) => ({ service: "orchestrator", method: "GET" as const, path, body: "" });

  it("asks each release what it is verified by, unless paths are named, and those that it has", async () => {
    const { releases } = await loadCatalogue();
    const asks = (version: string, ...paths: LoadSettings["paths"]) => {
      const release = releases.find((one) => one.version === version);
      assert.ok(release);
      return requestsOf(release, paths, ["orchestrator"]).map(({ path }) => path);
    };
    assert.deepEqual(asks("0.1.0"), ["/tasks?limit=1"]);
    assert.deepEqual(asks("1.0.0"), ["/api/v1/tasks?limit=1"]);
    const { paths } = load({
      paths: [
        { service: "orchestrator", path: "/tasks", until: "1.0.0" },
        { service: "orchestrator", path: "/api/v1/tasks", from: "1.0.0" },
        { service: "elsewhere", path: "/" },
      ],
    });
    assert.deepEqual([asks("0.2.0", ...paths), asks("1.0.0", ...paths)], [["/tasks"], ["/api/v1/tasks"]]);
  });

  it("counts requests and errors, and measures how long answers take", async () => {
    const requests = [get("/a"), { ...get("/b"), method: "POST" as const, body: "{}" }];
    const found = await runLoadTest({
      settings: load({ duration: 1, connections: 2 }),
      requests,
      ports: ports(),
      signal,
    });
    assert.ok(found.requests > 20 && found.errors === 0, JSON.stringify(found));
    assert.ok((found.p50 ?? 0) >= 4 && (found.p50 ?? 0) <= (found.p95 ?? 0) && (found.p95 ?? 0) <= (found.p99 ?? 0));
    assert.deepEqual([...new Set(asked)].sort(), ["GET /a", "POST /b"]);
    const broken = await runLoadTest({
      settings: load({ duration: 1 }),
      requests: [get("/broken")],
      ports: ports(),
      signal,
    });
    assert.equal(broken.errors, broken.requests);
    const limited = await runLoadTest({
      settings: load({ duration: 1, rate: 20 }),
      requests: [get("/a")],
      ports: ports(),
      signal,
    });
    assert.ok(limited.requests <= 45, String(limited.requests));
  });

  it("finds nobody there to be an error, and no answer to be no latency", async () => {
    const found = await runLoadTest({
      settings: load({ duration: 1 }),
      requests: [get("/")],
      ports: { orchestrator: 1 },
      signal,
    });
    assert.ok(found.errors > 0 && found.p50 === null);
    assert.equal(judgeLoad(found, null, load().thresholds)[0]?.passed, false);
  });

  it("is judged by its thresholds, each by itself", () => {
    const fact = (changes: Partial<LoadFact>): LoadFact => {
      return {
        tool: "autocannon",
        seconds: 1,
        requests: 1000,
        perSecond: 1000,
        errors: 5,
        p50: 2,
        p95: 10,
        p99: 30,
        paths: [],
        ...changes,
      };
    };
    const failing = (thresholds: object, after: Partial<LoadFact> = {}, before: LoadFact | null = fact({ p95: 4 })) =>
      judgeLoad(fact(after), before, load({ thresholds }).thresholds).filter(({ passed }) => !passed);
    assert.deepEqual(failing({}), []);
    assert.match(failing({ errors: 0.4 })[0]?.detail ?? "", /^5 of 1000 \(0\.50 %\)$/);
    assert.deepEqual(failing({ p95: 10, p99: 30, slowdown: 2.5 }), []);
    assert.equal(failing({ p95: 9, p99: 29, slowdown: 2.4 }).length, 3);
    assert.equal(failing({ slowdown: 9 }, {}, null)[0]?.detail, "cannot be told");
    assert.equal(failing({}, { requests: 0, errors: 0, p50: null }).length, 1);
  });

  it("is written for k6 as a script that JavaScript can read, with the same requests and thresholds", () => {
    const settings = load({ rate: 50, thresholds: { p95: 200, errors: 2 } });
    const script = k6Script(settings, [{ version: "1.0.0", requests: [get("/api/v1/tasks?a='`${b}")] }], {
      orchestrator: 8000,
    });
    const folder = mkdtempSync(join(tmpdir(), "octollm-k6-"));
    try {
      writeFileSync(join(folder, "load.mjs"), script);
      const { status, stderr } = spawnSync(process.execPath, ["--check", join(folder, "load.mjs")], {
        encoding: "utf8",
      });
      assert.equal(status, 0, stderr);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    assert.match(script, /"rate<=0\.02"/);
    assert.match(script, /"p\(95\)<=200"/);
    assert.match(script, /"executor": "constant-arrival-rate",\s+"rate": 50/);
  });

  it("reads what k6 sums up", () => {
    const metrics = {
      http_reqs: { count: 400, rate: 199.5 },
      http_req_failed: { passes: 3, fails: 397, value: 0.0075 },
      http_req_duration: { med: 5.1, "p(95)": 7.25, "p(99)": 9 },
    };
    const found = factOf(JSON.stringify({ metrics }), [get("/a")], 2);
    const { requests, perSecond, errors, p50, p95, p99, paths } = found;
    assert.deepEqual([requests, perSecond, errors, p50, p95, p99], [400, 199.5, 3, 5.1, 7.25, 9]);
    assert.deepEqual(paths, ["GET /a of orchestrator"]);
  });

  it("says so where k6 is asked for and is not there", async () => {
    const { PATH } = process.env;
    process.env.PATH = "/usr/bin:/bin";
    try {
      if (spawnSync("k6", ["version"]).status === 0) return;
      await assert.rejects(
        runK6({ settings: load({ duration: 1 }), requests: [get("/a")], ports: ports(), signal }),
        /load\.tool is 'k6', and there is no k6 on PATH/,
      );
    } finally {
      process.env.PATH = PATH;
    }
  });

  if (hasK6)
    it("is run by k6 itself, with the same outcome", async () => {
      const settings = load({ duration: 1, connections: 2, thresholds: { p95: 1 } });
      const found = await runK6({ settings, requests: [get("/a"), get("/broken")], ports: ports(), signal });
      assert.ok(found.requests > 20 && Math.abs(found.errors - found.requests / 2) <= 2, JSON.stringify(found));
      assert.ok((found.p50 ?? 0) >= 4 && (found.p99 ?? 0) >= (found.p95 ?? 0));
    });
});

describe("the operator's test", () => {
  const wish = {
    folder: tmpdir(),
    timeoutSeconds: 10,
    environment: { OCTOLLM_RELEASE: "1.0.0" },
    secrets: { JWT_SECRET: "hush-hush" },
    onLine: () => undefined,
    signal,
  };

  it("passes with exit code 0, and its words are shown without the installation's secrets", async () => {
    const found = await runTest({ ...wish, command: 'echo "$OCTOLLM_RELEASE hush-hush"; printf unended >&2' });
    assert.deepEqual([found.passed, found.ending], [true, "exit code 0"]);
    assert.deepEqual([...found.tail].sort(), ["1.0.0 ***", "unended"]);
  });

  it("fails with any other, and with what it was cut short by", async () => {
    const failed = await runTest({ ...wish, command: "exit 3" });
    assert.deepEqual([failed.passed, failed.ending], [false, "exit code 3"]);
    const slow = await runTest({ ...wish, command: "sleep 30 & wait", timeoutSeconds: 1 });
    assert.deepEqual([slow.passed, slow.ending], [false, "cut short after 1 s"]);
    assert.ok(slow.milliseconds < 5_000);
  });

  it("is ended when the rehearsal is cancelled", async () => {
    const cancel = new AbortController();
    const running = runTest({ ...wish, command: "sleep 30", signal: cancel.signal });
    cancel.abort(new Error("enough"));
    await assert.rejects(running, /enough/);
  });
});

describe("a fault of PostgreSQL in a clone", () => {
  it("is told by its code and object, never by a value", () => {
    const error = Object.assign(new DatabaseError('invalid input syntax for type integer: "secret"', 1, "error"), {
      code: "22P02",
      detail: "Failing row contains (secret).",
      table: "people",
    });
    assert.equal(faultWithoutValues(error), "SQLSTATE 22P02 (table people)");
    const said =
      'pg_restore: error: could not execute query: ERROR:  could not create unique index "a"\nDETAIL:  Key (mail)=(secret) is duplicated.\nCONTEXT:  COPY people: "secret"\nERROR: invalid input: "secret"';
    assert.doesNotMatch(withoutRows(said), /secret/);
    assert.match(withoutRows(said), /could not create unique index "a"/);
  });
});
