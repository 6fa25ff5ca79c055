import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

import { Client } from "pg";

import { fingerprint } from "../../demo/installation";
import type { Plan } from "../../planner/plan";
import type { Properties } from "../../provider/codec";
import { Installed, preflight } from "../support/installed";
import { ProviderProcess } from "../support/provider-client";

const quiesce = { type: "Quiesce", name: "quiesce" };
const gates = { acceptBreaking: "1.0.0" };

describe("a provider that is cancelled, interrupted or left alone", function () {
  this.timeout(60_000);
  let installed: Installed;
  let provider: ProviderProcess;
  let stranger: Client | undefined;
  let state: Properties;

  before(async () => {
    installed = await Installed.create();
    const first = await ProviderProcess.start();
    state = await first.apply(preflight, (await first.check(preflight, installed.inputs("0.1.0"))).inputs);
    await installed.runPhases(first, state.plan as Plan);
    assert.equal(await first.stop(), 0);
  });
  after(() => installed?.remove());
  beforeEach(async () => void (provider = await ProviderProcess.start()));
  afterEach(async () => {
    await stranger?.end();
    stranger = undefined;
    await provider.stop();
  });

  /** A client of the database that is not ours. */
  async function connect(): Promise<Client> {
    const client = new Client({ connectionString: installed.databaseUrl, application_name: "nightly report" });
    client.on("error", () => undefined);
    await client.connect();
    return client;
  }

  async function ourSessions(): Promise<{ query: string; waits: string | null }[]> {
    return installed.sql(
      `SELECT query, wait_event_type AS waits FROM pg_stat_activity
       WHERE application_name LIKE 'octollm-upgrade%' AND datname = current_database()`,
    );
  }

  /** A session that is closed is gone a moment later. */
  async function noSessions(): Promise<void> {
    for (let turn = 0; turn < 40 && (await ourSessions()).length > 0; turn++) await sleep(50);
    assert.deepEqual(await ourSessions(), [], "sessions of the provider outlive it");
  }

  /** Opens an attempt to 1.0.0, and lets Quiesce wait for a client that does not go. */
  async function startWaiting(): Promise<{ readonly failure: Promise<string> }> {
    stranger = await connect();
    state = await provider.apply(preflight, installed.inputs("1.0.0", gates), { old: state });
    const { attempt, stops } = state.plan as Plan;
    const failure = provider.apply(quiesce, { attempt, ...stops }).then(
      () => "it ended well",
      (error: Error) => error.message,
    );
    await provider.until(/^waiting for 1 other client.*'nightly report'/);
    return { failure };
  }

  it("ends when its standard input does", async () => {
    provider.closeInput();
    assert.equal(await provider.ended, 0);
  });

  it("ends on SIGINT when nothing is under way", async () => {
    provider.kill("SIGINT");
    assert.equal(await provider.ended, 0);
  });

  it("keeps the lock to the end of its process, and no longer", async () => {
    await provider.apply(preflight, installed.inputs("0.1.0", gates), { old: state });
    const locks = () => installed.sql("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted");
    assert.equal((await locks()).length, 1);
    provider.kill("SIGINT");
    assert.equal(await provider.ended, 0);
    assert.equal((await locks()).length, 0);
  });

  it("whose Quiesce waits for a foreign client is cancelled, and the old release serves again", async () => {
    const original = await fingerprint(installed.databaseUrl);
    const work = await startWaiting();
    assert.equal(await installed.serving(), null);
    await provider.cancel();
    const failure = await work.failure;
    assert.match(failure, /^Quiesce failed: The operation was cancelled\.$/m);
    assert.match(failure, /^It was undone: OctoLLM 0\.1\.0 serves again\.$/m);
    assert.match(failure, /^Now: orchestrator 0\.1\.0; database 't_\w+' at revision def456; no backup was made\.$/m);
    assert.match(failure, /^ {2}npx octollm config set version 0\.1\.0 && npx octollm up$/m);
    assert.equal(await installed.serving(), "0.1.0");
    assert.deepEqual(await fingerprint(installed.databaseUrl), original);
    await assert.rejects(
      provider.apply({ type: "Backup", name: "backup" }, { attempt: 0, required: true }),
      /The operation was cancelled/,
    );
  });

  it("in the middle of its work does not end on SIGINT, but does when its engine is gone", async () => {
    await startWaiting();
    provider.kill("SIGINT");
    const ended = await Promise.race([provider.ended, sleep(700, "goes on")]);
    assert.equal(ended, "goes on");
    provider.closeInput();
    assert.notEqual(await Promise.race([provider.ended, sleep(12_000, "goes on")]), "goes on");
    await noSessions();
  });

  it("in the middle of SQL takes its statement with it when its engine is gone", async () => {
    state = await provider.apply(preflight, installed.inputs("0.2.0"), { old: state });
    const { attempt, stops, backup, revisions } = state.plan as Plan;
    await provider.apply(quiesce, { attempt, ...stops });
    await provider.apply({ type: "Backup", name: "backup" }, { attempt, ...backup });
    // A reader that does not end makes CREATE INDEX CONCURRENTLY wait, and a server does not look for a lost client then.
    stranger = await connect();
    await stranger.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
    await stranger.query("SELECT count(*) FROM tasks");
    provider
      .apply({ type: "SchemaMigration", name: "pre" }, { attempt, phase: "pre", revisions: revisions.pre })
      .catch(() => undefined);
    while ((await ourSessions()).every(({ query, waits }) => !(/CONCURRENTLY/.test(query) && waits === "Lock")))
      await sleep(50);
    provider.closeInput();
    assert.notEqual(await Promise.race([provider.ended, sleep(12_000, "goes on")]), "goes on");
    await noSessions();
  });

  it("that was left in the middle is followed by one that comes back", async () => {
    const { inputs, failures } = await provider.check(preflight, installed.inputs("0.1.0"), state);
    assert.deepEqual(failures, []);
    const changes = await provider.diff(preflight, state, inputs);
    assert.ok(changes?.includes("~plan"), "an unfinished attempt must show as a change");
    state = await provider.apply(preflight, inputs, { old: state });
    await installed.runPhases(provider, state.plan as Plan);
    assert.equal(await installed.serving(), "0.1.0");
    assert.equal(await provider.diff(preflight, state, (await provider.check(preflight, inputs, state)).inputs), null);
  });
});
