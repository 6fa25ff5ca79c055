import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Fingerprint, fingerprint } from "../../demo/installation";
import type { Plan } from "../../planner/plan";
import type { Properties } from "../../provider/codec";
import { ownCatalogue } from "../../releases/catalogue";
import { Installed, preflight } from "../support/installed";
import { ProviderProcess } from "../support/provider-client";

describe("the way back from a release whose files are gone", function () {
  this.timeout(120_000);
  let installed: Installed;
  let provider: ProviderProcess;
  let state: Properties;
  let original: Fingerprint;
  let env: Buffer;
  const poorer = mkdtempSync(join(tmpdir(), "octollm-poorer-"));

  before(async () => {
    installed = await Installed.create();
    original = await fingerprint(installed.databaseUrl);
    env = readFileSync(installed.installation.env);
    for (const version of ["0.1.0", "0.2.0"]) {
      mkdirSync(join(poorer, version));
      cpSync(join(ownCatalogue, version), join(poorer, version), { recursive: true });
    }
    provider = await ProviderProcess.start();
  });
  after(async () => {
    await provider?.stop();
    await installed?.remove();
    rmSync(poorer, { recursive: true, force: true });
  });

  const inputs = (version: string, catalogue = "") => {
    const { settings, ...rest } = installed.inputs(version, { acceptBreaking: "1.0.0" });
    return { ...rest, settings: { ...(settings as Properties), catalogue } };
  };

  async function up(wish: Properties, old?: Properties): Promise<Plan> {
    const checked = await provider.check(preflight, wish, old);
    assert.deepEqual(checked.failures, []);
    state = await provider.apply(preflight, checked.inputs, { old });
    await installed.runPhases(provider, state.plan as Plan);
    return state.plan as Plan;
  }

  it("comes from the ledger, over two releases and with every line of .env, and says so", async () => {
    await up(inputs("0.1.0"));
    await up(inputs("1.0.0"), state);
    await provider.stop();
    provider = await ProviderProcess.start();
    const plan = await up(inputs("0.1.0", poorer), state);
    assert.deepEqual(
      plan.revisions.pre.map(({ revision, direction }) => `${direction} ${revision}`),
      ["down e4f5a6", "down b1c2d3", "down abc123"],
    );
    assert.deepEqual(plan.revisions.pre[0]?.why.at(-1), "from the ledger: the catalogue has no release 1.0.0");
    assert.deepEqual(plan.revisions.pre[1]?.why, []);
    assert.equal(plan.rollback.steps[0], "needs a catalogue that has OctoLLM 1.0.0 again");
    assert.deepEqual(await fingerprint(installed.databaseUrl), original);
    assert.deepEqual(readFileSync(installed.installation.env), env);
    assert.equal(await installed.serving(), "0.1.0");
  });

  it("leads only back: the missing release itself can not be asked for", async () => {
    const { failures } = await provider.check(preflight, inputs("1.0.0", poorer), state);
    assert.match(failures.join("\n"), /there is no release '1\.0\.0'; the catalogue has 0\.1\.0, 0\.2\.0/);
  });

  it("is not trusted when the kept file is not the one that was applied", async () => {
    await provider.stop();
    provider = await ProviderProcess.start();
    await up(inputs("1.0.0"), state);
    await installed.sql(
      "UPDATE octollm_upgrade.release_files SET content = replace(content, '(priority + 1) / 2', '0') WHERE path LIKE '%e4f5a6%'",
    );
    const { failures } = await provider.check(preflight, inputs("0.1.0", poorer), state);
    assert.match(failures.join("\n"), /revision 'e4f5a6', which is in no release of the catalogue/);
  });
});
