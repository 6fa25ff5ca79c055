import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { type Fingerprint, fingerprint } from "../../demo/installation";
import type { Plan } from "../../planner/plan";
import type { Properties } from "../../provider/codec";
import { Installed, preflight } from "../support/installed";
import { ProviderProcess } from "../support/provider-client";

describe("a backup that takes the place of what is there, phase by phase", function () {
  this.timeout(120_000);
  let installed: Installed;
  let provider: ProviderProcess;
  let state: Properties;
  let original: Fingerprint;
  let env: Buffer;
  let backup: string;

  before(async () => {
    installed = await Installed.create();
    original = await fingerprint(installed.databaseUrl);
    env = readFileSync(installed.installation.env);
  });
  after(() => installed?.remove());
  beforeEach(async () => void (provider = await ProviderProcess.start()));
  afterEach(async () => assert.equal(await provider.stop(), 0));

  const database = () => new URL(installed.databaseUrl).pathname.slice(1);

  async function databases(): Promise<string[]> {
    const rows = await installed.sql<{ datname: string }>("SELECT datname FROM pg_database ORDER BY 1");
    return rows.map(({ datname }) => datname.replace(database(), "db")).filter((name) => name.startsWith("db"));
  }

  async function planFor(version: string, gates: Properties): Promise<Plan> {
    const { inputs, failures } = await provider.check(preflight, installed.inputs(version, gates), state);
    assert.deepEqual(failures, []);
    return (await provider.apply(preflight, inputs, { old: state, preview: true })).plan as Plan;
  }

  async function up(version: string, gates: Properties): Promise<{ plan: Plan; outputs: Record<string, Properties> }> {
    const { inputs, failures } = await provider.check(preflight, installed.inputs(version, gates), state);
    assert.deepEqual(failures, []);
    state = await provider.apply(preflight, inputs, { old: state });
    const plan = state.plan as Plan;
    return { plan, outputs: await installed.runPhases(provider, plan) };
  }

  async function isSettled(version: string, gates: Properties): Promise<boolean> {
    const { inputs } = await provider.check(preflight, installed.inputs(version, gates), state);
    return (await provider.diff(preflight, state, inputs)) === null;
  }

  it("is made by the upgrade", async () => {
    await up("0.1.0", {});
    const { outputs } = await up("1.0.0", { acceptBreaking: "1.0.0" });
    backup = String(outputs.backup?.backupId);
    assert.equal(outputs.restore?.keptDatabase ?? null, null);
  });

  it("is shown with what it loses, and refused until that is accepted", async () => {
    await installed.sql(
      "CREATE TABLE made_since (id int); INSERT INTO tasks (description) SELECT 'new' FROM generate_series(1, 7)",
    );
    writeFileSync(join(installed.installation.config, "orchestrator.yaml"), "changed: since\n");
    const plan = await planFor("0.1.0", { restoreFrom: backup });
    assert.deepEqual([plan.direction, plan.restore.way, plan.restore.backup], ["restore", "swap", backup]);
    assert.match(String(plan.loss.id), /^[0-9a-f]{8}$/);
    assert.deepEqual(plan, await planFor("0.1.0", { restoreFrom: backup }));
    await assert.rejects(up("0.1.0", { restoreFrom: backup }), /nothing was touched.*Still to be accepted/s);
    assert.equal(await installed.serving(), "1.0.0");
  });

  it("puts database, .env, config and services back, and keeps what it replaced", async () => {
    const gates = {
      restoreFrom: backup,
      acceptLoss: String((await planFor("0.1.0", { restoreFrom: backup })).loss.id),
    };
    const { outputs, plan } = await up("0.1.0", gates);
    assert.deepEqual(await fingerprint(installed.databaseUrl), original);
    assert.deepEqual(readFileSync(installed.installation.env), env);
    assert.equal(await installed.serving(), "0.1.0");
    assert.doesNotMatch(readFileSync(join(installed.installation.config, "orchestrator.yaml"), "utf8"), /since/);
    assert.equal(outputs.restore?.keptDatabase, plan.restore.before);
    assert.deepEqual(await databases(), ["db", `db_before_${backup}`]);
    assert.equal((await installed.sql("SELECT 1 FROM pg_class WHERE relname = 'made_since'")).length, 0);
    assert.ok(await isSettled("0.1.0", gates), "left set, restoreFrom makes a change");
  });
});
