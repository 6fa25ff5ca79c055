import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { Client } from "pg";

import { createInstallation, databaseUrlOf, fingerprint, startCommand, startRelease } from "../../demo/installation";
import { freePort } from "../../demo/private-postgres";
import { DotenvFile } from "../../environment/dotenv-file";
import { processRuntime } from "../../runtimes/local/process";
import { processOf } from "../../runtimes/local/processes";
import type { ProcessSpec } from "../../runtimes/runtime";
import { testDatabase } from "../support/postgres";

type Json = Record<string, unknown>;

describe("the small OctoLLM", function () {
  this.timeout(60_000);
  let folder: string;
  let databaseUrl: string;
  let port: number;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "octollm-demo-"));
    databaseUrl = await testDatabase();
    port = await freePort();
    await createInstallation({ folder, databaseUrl, port, tasks: 2_000 });
  });

  after(() => rmSync(folder, { recursive: true }));

  async function sql(text: string, values: unknown[] = []): Promise<Json[]> {
    const client = new Client({ connectionString: databaseUrl });
    await client.connect();
    try {
      return (await client.query<Json>(text, values)).rows;
    } finally {
      await client.end();
    }
  }

  function specOf(release: string, environment: Record<string, string> = {}): ProcessSpec {
    const url = { DATABASE_URL: databaseUrl, PORT: String(port), LOG_LEVEL: "debug" };
    return {
      name: "orchestrator",
      command: startCommand(release),
      directory: folder,
      environment: { ...url, ...environment },
      port,
      health: "/health",
      log: join(folder, "logs", "orchestrator.log"),
      release,
      stateFolder: join(folder, "state"),
      startTimeoutSeconds: 20,
      stopTimeoutSeconds: 10,
    };
  }

  async function running(spec: ProcessSpec, work: () => Promise<void>): Promise<void> {
    await processRuntime.start(spec);
    try {
      await work();
    } finally {
      await processRuntime.stop(spec);
    }
  }

  async function call(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; body: Json; cache: string | null }> {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, body: text });
    const answer = (await response.json()) as Json;
    return { status: response.status, body: answer, cache: response.headers.get("x-cache") };
  }

  async function receiver(): Promise<{ server: Server; url: string; received: Json[] }> {
    const received: Json[] = [];
    const server = createServer((request, response) => {
      let text = "";
      request.on("data", (piece: Buffer) => (text += piece.toString()));
      request.on("end", () => {
        received.push({ path: request.url, ...(JSON.parse(text) as Json) });
        response.end();
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return { server, received, url: `http://127.0.0.1:${(server.address() as { port: number }).port}` };
  }

  it("is set up as an operator has it, the same way every time", async () => {
    const env = join(folder, ".env");
    assert.equal(statSync(env).mode & 0o777, 0o600);
    const file = DotenvFile.parse(readFileSync(env));
    assert.equal(file.get("DATABASE_URL"), databaseUrl);
    assert.equal(file.get("PORT"), String(port));
    assert.match(file.toString(), /# \(CACHE_TTL was 3600 until March\)/);
    assert.match(readFileSync(join(folder, "config", "guardrails.yaml"), "utf8"), /einfügen/);
    assert.deepEqual(await sql("SELECT version_num FROM alembic_version"), [{ version_num: "def456" }]);

    const first = await fingerprint(databaseUrl);
    assert.equal(first.tasks, 2_000);
    assert.deepEqual(Object.keys(first.priorities), ["1", "2", "3", "4", "5"]);
    assert.ok(first.history > first.tasks);
    const again = await testDatabase();
    const other = mkdtempSync(join(tmpdir(), "octollm-demo-"));
    await createInstallation({ folder: other, databaseUrl: again, port, tasks: 2_000 });
    rmSync(other, { recursive: true });
    assert.deepEqual(await fingerprint(again), first);
    assert.equal(new URL(databaseUrlOf(folder)).pathname, new URL(databaseUrl).pathname);
  });

  it("serves the API of 0.1.0, works on tasks, and calls the webhook", async () => {
    const { server, url, received } = await receiver();
    const before = await fingerprint(databaseUrl);
    await running(specOf("0.1.0", { WEBHOOK_URL: `${url}/octollm/webhook` }), async () => {
      const health = await call("GET", "/health");
      assert.deepEqual(health.body, { status: "healthy", version: "0.1.0", revision: "def456" });
      const created = await call("POST", "/tasks", { description: "größer ≥ 🐙", context: { a: [1] } });
      assert.equal(created.status, 201);
      assert.equal(created.body.priority, 3);
      const done = await call("POST", "/execute", { description: "now", priority: 5 });
      assert.equal(done.status, 200);
      assert.equal(done.body.status, "completed");
      const read = await call("GET", `/tasks/${String(created.body.id)}`);
      assert.equal(read.body.status, "completed");
      assert.equal(read.body.description, "größer ≥ 🐙");
      const list = await call("GET", "/tasks?limit=3&status=completed");
      assert.equal((list.body.tasks as Json[]).length, 3);
      assert.equal((await call("GET", "/api/v1/tasks")).status, 404);
      const events = await sql("SELECT event FROM task_history WHERE task_id = $1 ORDER BY id", [created.body.id]);
      assert.deepEqual(
        events.map(({ event }) => event),
        ["created", "started", "completed"],
      );
    });
    server.close();
    assert.deepEqual(
      received.map(({ path, event }) => [path, event]),
      [
        ["/octollm/webhook", "task.completed"],
        ["/octollm/webhook", "task.completed"],
      ],
    );
    assert.equal((await fingerprint(databaseUrl)).tasks, before.tasks + 2);
    const lines = readFileSync(join(folder, "logs", "orchestrator.log"), "utf8")
      .trimEnd()
      .split("\n");
    assert.equal((JSON.parse(lines.at(-1) ?? "") as Json).message, "stopped");
  });

  it("answers what it cannot use as FastAPI does", async () => {
    await running(specOf("0.1.0"), async () => {
      const wrong = await call("POST", "/tasks", { description: " ", priority: 6, context: [] });
      assert.equal(wrong.status, 422);
      const places = (wrong.body.detail as { loc: string[] }[]).map(({ loc }) => loc.join("."));
      assert.deepEqual(places, ["body.priority", "body.description", "body.context"]);
      for (const body of ["{", "[]", '{"description": "a\\u0000b"}', '{"description": "a", "priority": 2.5}'])
        assert.equal((await call("POST", "/tasks", body)).status, 422, body);
      assert.equal((await call("POST", "/tasks", "x".repeat(1_100_000))).status, 413);
      for (const query of ["limit=0", "limit=x", "status=gone"])
        assert.equal((await call("GET", `/tasks?${query}`)).status, 422);
      assert.equal((await call("GET", "/tasks/1")).status, 422);
      assert.equal((await call("GET", "/tasks/00000000-0000-0000-0000-000000000000")).status, 404);
      assert.equal((await call("DELETE", "/tasks")).status, 405);
    });
  });

  it("refuses to start on a schema that it does not understand, and says so in its log", async () => {
    await assert.rejects(
      processRuntime.start(specOf("1.0.0")),
      /exit code 3 [^]*"level":"error"[^]*OctoLLM 1\.0\.0 does not understand schema revision def456; it knows e4f5a6/,
    );
  });

  it("turns unhealthy when the schema changes under it", async () => {
    await running(specOf("0.1.0"), async () => {
      await sql("UPDATE alembic_version SET version_num = 'e4f5a6'");
      const { status, body } = await call("GET", "/health");
      assert.equal(status, 503);
      assert.equal(body.revision, "e4f5a6");
      await sql("UPDATE alembic_version SET version_num = 'def456'");
      assert.equal((await call("GET", "/health")).status, 200);
    });
  });

  it("caches tasks in 0.2.0, and moves its API to /api/v1 with priorities to 10 in 1.0.0", async () => {
    await sql("UPDATE alembic_version SET version_num = 'b1c2d3'");
    const [task] = await sql("SELECT id FROM tasks WHERE status = 'completed' LIMIT 1");
    await running(specOf("0.2.0", { CACHE_L1_SIZE: "10", CACHE_L1_TTL: "60" }), async () => {
      assert.equal((await call("GET", `/tasks/${String(task?.id)}`)).cache, "miss");
      assert.equal((await call("GET", `/tasks/${String(task?.id)}`)).cache, "hit");
      assert.equal((await call("POST", "/execute", { description: "still here" })).status, 200);
    });
    await sql("ALTER TABLE tasks DROP CONSTRAINT tasks_priority_check");
    await sql("UPDATE alembic_version SET version_num = 'e4f5a6'");
    await running(specOf("1.0.0"), async () => {
      assert.equal((await call("GET", "/health")).body.version, "1.0.0");
      assert.equal((await call("GET", "/tasks")).status, 404);
      assert.equal((await call("POST", "/execute", { description: "gone" })).status, 404);
      assert.equal((await call("POST", "/api/v1/execute", { description: "gone" })).status, 404);
      assert.equal((await call("POST", "/api/v1/tasks", { description: "new" })).body.priority, 6);
      assert.equal((await call("POST", "/api/v1/tasks", { description: "new", priority: 10 })).status, 201);
      assert.equal((await call("POST", "/api/v1/tasks", { description: "new", priority: 11 })).status, 422);
      assert.equal((await call("GET", "/api/v1/tasks?limit=1")).status, 200);
    });
    await assert.rejects(processRuntime.start(specOf("0.1.0")), /does not understand schema revision e4f5a6/);
    await sql("UPDATE alembic_version SET version_num = 'def456'");
  });

  it("is started by hand in the background, and is adopted as it runs", async () => {
    const pid = await startRelease({ folder, release: "0.1.0" });
    try {
      const state = await processRuntime.start(specOf("0.1.0"));
      assert.equal(state.pid, pid);
      assert.equal(state.startedByUs, false);
      assert.equal(processOf(pid)?.session, pid);
    } finally {
      process.kill(pid, "SIGTERM");
      while (processOf(pid)) await sleep(20);
    }
  });
});
