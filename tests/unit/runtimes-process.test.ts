import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { freePort } from "../../demo/private-postgres";
import { processRuntime as runtime } from "../../runtimes/local/process";
import { allProcesses, processOf } from "../../runtimes/local/processes";
import type { ProcessSpec } from "../../runtimes/runtime";

/** A service as anybody might have written it; its habits come from its environment. */
const program = `
const { PORT, RELEASE, HEALTH = "200", STUBBORN, CRASH, CHILD } = process.env;
if (CRASH) { console.log("reading settings"); console.error("boom: " + CRASH); process.exit(7); }
if (STUBBORN) process.on("SIGTERM", () => console.log("no"));
if (CHILD) require("node:child_process").spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "inherit" });
require("node:http").createServer((request, response) => {
  const known = request.url === "/health";
  response.writeHead(known ? Number(HEALTH) : 404, { "content-type": "application/json" });
  response.end(known ? JSON.stringify(RELEASE ? { version: RELEASE } : {}) : "");
}).listen(Number(PORT), "127.0.0.1", () => console.log("up"));
`;

describe("a service that runs as a process", function () {
  this.timeout(30_000);
  let folder: string;
  let spec: ProcessSpec;
  let beside: ChildProcess[];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "octollm-process-"));
    writeFileSync(join(folder, "service.js"), program);
    beside = [];
    const port = await freePort();
    spec = specOf(port, "0.1.0");
  });

  afterEach(async () => {
    for (const child of beside) if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    await runtime.stop(spec).catch(() => undefined);
    rmSync(folder, { recursive: true });
  });

  function specOf(port: number, release: string, environment: Record<string, string> = {}): ProcessSpec {
    return {
      name: "orchestrator",
      command: `'${process.execPath}' service.js`,
      directory: folder,
      environment: { PORT: String(port), RELEASE: release, ...environment },
      port,
      health: "/health",
      log: join(folder, "logs", "orchestrator.log"),
      release,
      stateFolder: join(folder, "state"),
      startTimeoutSeconds: 10,
      stopTimeoutSeconds: 5,
    };
  }

  /** Starts the same program as an operator would, or another one; answers once the port does. */
  async function byHand(environment: Record<string, string>, code?: string): Promise<ChildProcess> {
    const args = code ? ["-e", code] : [join(folder, "service.js")];
    const env = { PATH: process.env.PATH, PORT: String(spec.port), ...environment };
    const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "ignore"] });
    beside.push(child);
    await once(child.stdout, "data");
    return child;
  }

  const isThere = (pid: number | null | undefined) => Boolean(pid && processOf(pid));

  it("is started, left alone when started again, and stopped", async () => {
    assert.deepEqual(await runtime.inspect(spec), {
      running: false,
      healthy: false,
      pid: null,
      release: null,
      startedByUs: false,
      asSpecified: null,
      obstructed: null,
      detail: `nothing listens on port ${spec.port}`,
    });
    const progress: string[] = [];
    const first = await runtime.start(spec, { progress: (line) => progress.push(line) });
    assert.equal(first.healthy, true);
    assert.equal(first.release, "0.1.0");
    assert.equal(first.startedByUs, true);
    assert.match(progress.join("\n"), /started 0\.1\.0 as pid \d+.*\n.*healthy on port/);
    assert.deepEqual(await runtime.start(spec), first);
    assert.match(readFileSync(spec.log, "utf8"), /^up\n$/);

    const stopped = await runtime.stop(spec);
    assert.equal(stopped.running, false);
    assert.equal(isThere(first.pid), false);
    assert.equal((await runtime.stop(spec)).running, false);
  });

  it("gets a session of its own, and a record that only its owner can read", async () => {
    const { pid } = await runtime.start({ ...spec, environment: { ...spec.environment, JWT_SECRET: "s3cr3t" } });
    assert.equal(processOf(pid ?? 0)?.session, pid);
    const record = join(spec.stateFolder, "orchestrator.json");
    assert.equal(statSync(record).mode & 0o777, 0o600);
    assert.doesNotMatch(readFileSync(record, "utf8"), /s3cr3t/);
  });

  it("is restarted for another release or other settings", async () => {
    const first = await runtime.start(spec);
    const upgraded = specOf(spec.port, "1.0.0");
    const second = await runtime.start(upgraded);
    assert.equal(second.release, "1.0.0");
    assert.notEqual(second.pid, first.pid);
    assert.equal(isThere(first.pid), false);
    const third = await runtime.start({ ...upgraded, environment: { ...upgraded.environment, EXTRA: "1" } });
    assert.notEqual(third.pid, second.pid);
    assert.equal(third.asSpecified, true);
    assert.equal((await runtime.inspect(upgraded)).asSpecified, false);
  });

  it("is ended with all that it started itself", async () => {
    const family = specOf(spec.port, "0.1.0", { CHILD: "1" });
    const { pid } = await runtime.start(family);
    const members = allProcesses().filter(({ session }) => session === pid);
    assert.ok(members.length >= 2);
    await runtime.stop(family);
    assert.deepEqual(
      members.filter((member) => isThere(member.pid)),
      [],
    );
  });

  it("is adopted when somebody else started the right release, and replaced when it was another", async () => {
    const child = await byHand({ RELEASE: "0.1.0" });
    const adopted = await runtime.start(spec);
    assert.equal(adopted.pid, child.pid);
    assert.equal(adopted.startedByUs, false);
    assert.equal(existsSync(spec.stateFolder), false);
    const replaced = await runtime.start(specOf(spec.port, "1.0.0"));
    assert.equal(replaced.startedByUs, true);
    assert.equal(isThere(child.pid), false);
  });

  it("is taken for what the caller says when it answers no version, and remembered as that", async () => {
    const child = await byHand({});
    assert.equal((await runtime.inspect(spec)).release, null);
    assert.equal((await runtime.start(spec)).release, "0.1.0");
    assert.equal((await runtime.inspect(spec)).release, "0.1.0");
    const other = { ...specOf(spec.port, "1.0.0"), environment: { PORT: String(spec.port) } };
    assert.notEqual((await runtime.start(other)).pid, child.pid);
  });

  it("shows how and with which last words it ended early, without its secrets", async () => {
    const crashing = specOf(spec.port, "0.1.0", { CRASH: "postgresql://u:pa55word@h/db", API_KEY: "boom" });
    await assert.rejects(runtime.start(crashing), (fault: Error) => {
      assert.match(fault.message, /ended with exit code 7 before it was healthy; it does not run/);
      assert.match(fault.message, /reading settings\n {2}\*\*\*: postgresql:\/\/\*\*\*@h\/db/);
      assert.doesNotMatch(fault.message, /pa55word/);
      return true;
    });
    assert.equal((await runtime.inspect(spec)).running, false);
  });

  it("is stopped again when it never gets healthy", async () => {
    const sick = { ...specOf(spec.port, "0.1.0", { HEALTH: "503" }), startTimeoutSeconds: 1 };
    await assert.rejects(
      runtime.start(sick),
      /did not get healthy within 1 s: .*answered 503 at \/health\. It was stopped again/,
    );
    assert.equal((await runtime.inspect(spec)).running, false);
  });

  it("is stopped again when its command starts another release than it should", async () => {
    const wrong = { ...spec, release: "1.0.0" };
    await assert.rejects(runtime.start(wrong), /was to start 1\.0\.0, but .* it is 0\.1\.0\. It was stopped again/);
    assert.equal((await runtime.inspect(spec)).running, false);
  });

  it("is killed when it ignores SIGTERM for too long", async () => {
    const stubborn = { ...specOf(spec.port, "0.1.0", { STUBBORN: "1" }), stopTimeoutSeconds: 1 };
    const { pid } = await runtime.start(stubborn);
    const progress: string[] = [];
    await runtime.stop(stubborn, { progress: (line) => progress.push(line) });
    assert.equal(isThere(pid), false);
    assert.match(progress.join("\n"), /SIGKILL/);
  });

  it("is not confused with a later process that got its number", async () => {
    await runtime.start(spec);
    await runtime.stop(spec);
    const innocent = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], {
      stdio: "ignore",
      detached: true,
    });
    beside.push(innocent);
    const record = {
      pid: innocent.pid,
      identity: "earlier",
      token: "x",
      release: "0.1.0",
      specDigest: "",
      startedAt: "",
      adopted: false,
    };
    writeFileSync(join(spec.stateFolder, "orchestrator.json"), JSON.stringify(record));
    assert.equal((await runtime.inspect(spec)).running, false);
    await runtime.stop(spec);
    assert.equal(isThere(innocent.pid), true);
  });

  it("is found again when we were killed before its number was noted", async () => {
    const { pid } = await runtime.start(spec);
    const file = join(spec.stateFolder, "orchestrator.json");
    const record = JSON.parse(readFileSync(file, "utf8")) as object;
    writeFileSync(file, JSON.stringify({ ...record, pid: null, identity: null }));
    assert.equal((await runtime.start(spec)).pid, pid);
    await runtime.stop(spec);
    assert.equal(isThere(pid), false);
  });

  it("is waited for when an earlier start was interrupted", async () => {
    const slow = { ...spec, command: `sleep 1; exec '${process.execPath}' service.js` };
    const interrupt = new AbortController();
    setTimeout(() => interrupt.abort(), 300);
    await assert.rejects(runtime.start(slow, { signal: interrupt.signal }), /interrupted while it was starting/);
    const { pid } = await runtime.inspect(slow);
    assert.equal((await runtime.start(slow)).pid, pid);
  });

  it("is not stopped, nor started, where a stranger holds its port", async () => {
    const code = `require("node:http").createServer((_, r) => r.writeHead(404).end()).listen(${spec.port}, () => console.log("up"))`;
    const stranger = await byHand({}, code);
    const state = await runtime.inspect(spec);
    assert.equal(state.healthy, false);
    assert.match(state.detail, new RegExp(`held by 'node.*' \\(pid ${stranger.pid}\\), which answered 404 at /health`));
    await assert.rejects(runtime.stop(spec), /not taken for the service, and was left alone/);
    await assert.rejects(runtime.start(spec), /not started: port .* That was left alone/);
    assert.equal(isThere(stranger.pid), true);
  });

  it("is reported when a supervisor starts it again", async () => {
    const supervisor = spawn("/bin/sh", ["-c", `while :; do '${process.execPath}' service.js; done`], {
      cwd: folder,
      env: { PATH: process.env.PATH, PORT: String(spec.port), RELEASE: "0.1.0" },
      stdio: "ignore",
    });
    beside.push(supervisor);
    while (!(await runtime.inspect(spec)).healthy) await sleep(50);
    await assert.rejects(
      runtime.stop(spec),
      /now pid \d+ runs in its place: something restarts it\. Stop its supervisor/,
    );
    supervisor.kill("SIGKILL");
    while (!(await runtime.inspect(spec)).healthy) await sleep(50);
    assert.equal((await runtime.stop(spec)).running, false);
  });

  it("is refused a folder that is not there and a value that no environment can carry", async () => {
    await assert.rejects(runtime.start({ ...spec, directory: join(folder, "none") }), /folder '.*none' does not exist/);
    await assert.rejects(runtime.start(specOf(spec.port, "0.1.0", { X: "a\0secret" })), (fault: Error) => {
      assert.match(fault.message, /value of 'X' holds a NUL byte/);
      return !fault.message.includes("secret");
    });
  });
});
