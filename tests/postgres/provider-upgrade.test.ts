import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

import { type Fingerprint, fingerprint } from "../../demo/installation";
import type { Plan } from "../../planner/plan";
import type { Properties } from "../../provider/codec";
import { Installed, preflight } from "../support/installed";
import { ProviderProcess } from "../support/provider-client";

describe("an installation that the provider takes to 1.0.0 and back, phase by phase", function () {
  this.timeout(90_000);
  let installed: Installed;
  let provider: ProviderProcess;
  let state: Properties;
  let original: Fingerprint;
  let env: Buffer;

  const gates = { acceptBreaking: "1.0.0" };

  before(async () => {
    installed = await Installed.create();
    original = await fingerprint(installed.databaseUrl);
    env = readFileSync(installed.installation.env);
  });
  after(() => installed?.remove());
  beforeEach(async () => void (provider = await ProviderProcess.start()));
  afterEach(async () => assert.equal(await provider.stop(), 0));

  /** Check, Create or Update of Preflight, and everything after it. */
  async function up(version: string, old?: Properties): Promise<{ plan: Plan; outputs: Record<string, Properties> }> {
    const { inputs, failures } = await provider.check(preflight, installed.inputs(version, gates), old);
    assert.deepEqual(failures, []);
    state = await provider.apply(preflight, inputs, { old });
    const plan = state.plan as Plan;
    return { plan, outputs: await installed.runPhases(provider, plan) };
  }

  async function settledAt(version: string): Promise<void> {
    const { inputs } = await provider.check(preflight, installed.inputs(version, gates), state);
    assert.equal(await provider.diff(preflight, state, inputs), null);
  }

  it("adopts 0.1.0 as it runs: no stop, no backup, no revision", async () => {
    const { plan, outputs } = await up("0.1.0");
    assert.deepEqual([plan.direction, plan.attempt], ["adopt", 1]);
    assert.equal(outputs.backup?.path ?? null, null);
    assert.equal(outputs.resume?.downtimeSeconds ?? 0, 0);
    assert.deepEqual(await fingerprint(installed.databaseUrl), original);
    assert.deepEqual(readFileSync(installed.installation.env), env);
    assert.equal(await installed.serving(), "0.1.0");
    await settledAt("0.1.0");
  });

  it("keeps every other process out while it is at work, and names itself to them", async () => {
    await provider.apply(preflight, installed.inputs("0.1.0", { ...gates, acceptLoss: "again" }), { old: state });
    const other = await ProviderProcess.start();
    try {
      await assert.rejects(
        other.apply(preflight, installed.inputs("1.0.0", gates), { old: state }),
        ({ message }: Error) => {
          assert.match(message, /^Another upgrade of .* is under way; nothing was changed\.$/m);
          assert.match(message, new RegExp(`Held by session 'octollm-upgrade: dev@.* ${provider.pid}'`));
          assert.match(message, /SELECT pg_terminate_backend\(\d+\);/);
          return true;
        },
      );
      await assert.rejects(
        other.apply({ type: "Backup", name: "backup" }, { attempt: 2, required: true }),
        /Attempt 2 is not under way/,
      );
    } finally {
      assert.equal(await other.stop(), 0);
    }
    const plan = await provider.apply(preflight, installed.inputs("0.1.0", gates), { old: state });
    await installed.runPhases(provider, plan.plan as Plan);
  });

  it("goes to 1.0.0: schema, priorities, .env and service, with a backup of before", async () => {
    const { plan, outputs } = await up("1.0.0", state);
    assert.deepEqual(
      (outputs.pre?.done as string[]).map((line) => line.split(" ")[0]),
      ["+abc123", "+b1c2d3", "+e4f5a6"],
    );
    const after = await fingerprint(installed.databaseUrl);
    assert.deepEqual([after.tasks, after.history], [original.tasks, original.history]);
    assert.deepEqual(
      after.priorities,
      Object.fromEntries(Object.entries(original.priorities).map(([priority, tasks]) => [Number(priority) * 2, tasks])),
    );
    assert.equal(await installed.serving(), "1.0.0");
    const passed = outputs.verification?.passed as string[];
    assert.ok(passed.length >= plan.checks.lines.length, passed.join("\n"));
    assert.ok(Number(outputs.resume?.downtimeSeconds) > 0);
    const backup = String(outputs.backup?.path);
    assert.deepEqual(readFileSync(join(backup, "environment.env")), env);
    assert.equal(outputs.completion?.backup, backup);
    assert.match(readFileSync(installed.installation.env, "utf8"), /^CACHE_L1_ENABLED=/m);
    assert.equal(statSync(installed.installation.env).mode & 0o777, 0o600);
    await settledAt("1.0.0");
  });

  it("comes back to 0.1.0 with every task and every byte of .env as they were", async () => {
    const { plan, outputs } = await up("0.1.0", state);
    assert.deepEqual(
      plan.revisions.pre.map(({ revision, direction }) => `${direction} ${revision}`),
      ["down e4f5a6", "down b1c2d3", "down abc123"],
    );
    assert.deepEqual(await fingerprint(installed.databaseUrl), original);
    assert.deepEqual(readFileSync(installed.installation.env), env);
    assert.equal(await installed.serving(), "0.1.0");
    assert.equal(
      (
        await installed.sql(
          "SELECT 1 FROM pg_indexes WHERE indexname LIKE 'idx_task%_status_priority' OR indexname LIKE '%brin'",
        )
      ).length,
      0,
    );
    assert.equal(readdirSync(join(installed.installation.folder, "backups")).length, 2);
    const again = installed.inputs("1.0.0", gates);
    await provider.check(preflight, again, state);
    await provider.apply(preflight, again, { old: state, preview: true });
    assert.match(
      provider.lines().join("\n"),
      /^takes +abc123 line 11 builds an index of tasks: [~<].*^takes +e4f5a6 line 12 rewrites tasks: [~<]\d+\.\d s as in attempt \d$/ms,
    );
    assert.ok((outputs.pre?.done as string[]).every((line) => line.startsWith("-")));
    assert.ok(
      provider.logs.some(({ ephemeral }) => ephemeral),
      "no progress was told",
    );
    await settledAt("0.1.0");
    const told = [...provider.said, ...provider.logs.map(({ text }) => text)].join("\n");
    assert.ok(!told.includes(new URL(installed.databaseUrl).password), "the password was told");
  });
});
