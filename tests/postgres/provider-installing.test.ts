import assert from "node:assert/strict";

import type { Plan } from "../../planner/plan";
import type { Properties } from "../../provider/codec";
import { attemptsOf } from "../e2e/support/world";
import { Installed, preflight } from "../support/installed";
import { ProviderProcess } from "../support/provider-client";

describe("OctoLLM that the provider installs on an empty database", function () {
  this.timeout(90_000);
  let installed: Installed;
  let provider: ProviderProcess;

  beforeEach(async () => {
    installed = await Installed.nothing();
    provider = await ProviderProcess.start();
  });
  afterEach(async () => {
    await provider.stop();
    await installed.remove();
  });

  /** Check, Create or Update of Preflight; the phases are left to the test. */
  async function begin(version: string, old?: Properties): Promise<Properties> {
    const { inputs, failures } = await provider.check(preflight, installed.inputs(version), old);
    assert.deepEqual(failures, []);
    return provider.apply(preflight, inputs, { old });
  }

  async function up(version: string, old?: Properties): Promise<Properties> {
    const state = await begin(version, old);
    await installed.runPhases(provider, state.plan as Plan);
    return state;
  }

  const ledger = async () =>
    (await attemptsOf(installed.databaseUrl)).map(({ direction, status }) => `${direction} ${status}`);

  it("is shown by preview, which writes nothing", async () => {
    const before = await installed.everything();
    const { inputs } = await provider.check(preflight, installed.inputs("1.0.0"));
    await provider.apply(preflight, inputs, { preview: true });
    const said = provider.logs.map(({ text }) => text).join("\n");
    assert.match(said, /nothing -> 1\.0\.0: OctoLLM is installed anew/);
    assert.match(said, /\+def456, \+abc123, \+b1c2d3, \+e4f5a6/);
    assert.deepEqual(await installed.everything(), before);
  });

  it("serves, is settled afterwards, and is upgraded like any other", async () => {
    const state = await up("0.2.0");
    assert.equal(await installed.serving(), "0.2.0");
    const { inputs } = await provider.check(preflight, installed.inputs("0.2.0"), state);
    assert.equal(await provider.diff(preflight, state, inputs), null);
    const later = await begin("0.1.0", state);
    const { direction, rollback } = later.plan as Plan;
    assert.deepEqual([direction, rollback.class], ["down", "upgrade-again"]);
    const { backup } = await installed.runPhases(provider, later.plan as Plan);
    assert.match(String(backup?.path), /-0\.2\.0-attempt2$/);
    assert.equal(await installed.serving(), "0.1.0");
    assert.deepEqual(await ledger(), ["install succeeded", "down succeeded"]);
  });

  it("that fails says that nothing leads back, and the next up ends it with what is there by then backed up", async () => {
    const state = await begin("1.0.0");
    await installed.sql(
      `CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
         IF current_query() LIKE '%CONCURRENTLY%' THEN RAISE 'disk of the test is full'; END IF; END $$;
       CREATE EVENT TRIGGER full_disk ON ddl_command_start EXECUTE FUNCTION refuse();`,
    );
    await assert.rejects(installed.runPhases(provider, state.plan as Plan), ({ message }: Error) => {
      assert.match(message, /disk of the test is full/);
      assert.match(message, /at revision def456; no backup was made/);
      assert.match(message, /Nothing was undone: nothing was there before, and what is done stays\./);
      assert.match(message, /Next, once the cause is removed:\n {2}npx octollm up$/m);
      assert.doesNotMatch(message, /or stay with/);
      return true;
    });
    await installed.sql("DROP EVENT TRIGGER full_disk");
    await provider.stop();
    provider = await ProviderProcess.start();
    const { plan } = await begin("1.0.0", state);
    const { direction, backup } = plan as Plan;
    assert.deepEqual([direction, backup.required], ["install", true]);
    await installed.runPhases(provider, plan as Plan);
    assert.equal(await installed.serving(), "1.0.0");
    assert.deepEqual(await ledger(), ["install failed", "install succeeded"]);
  });

  it("touches nothing of what has come into the database since the plan was made", async () => {
    const { plan } = await begin("1.0.0");
    await installed.sql("CREATE TABLE invoices (id int)");
    await assert.rejects(
      installed.runPhases(provider, plan as Plan),
      /There is no verified backup of this attempt, and without one no revision is applied or undone\./,
    );
    assert.deepEqual(await installed.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"), [
      { tablename: "invoices" },
    ]);
  });
});
