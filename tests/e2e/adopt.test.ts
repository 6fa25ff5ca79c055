import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import type { Scenario } from "./support/scenario";
import { assertSays, inScenario, unwrapped } from "./support/story";
import { serviceScript } from "./support/template";
import { servedOn } from "./support/world";

describe("adopting an OctoLLM whose database was never stamped", function () {
  this.timeout(120_000);

  it("says what its schema looks like, and stamps that and nothing else when it is told to", () =>
    inScenario({ kind: "installed" }, async (scenario) => {
      const adopt = [
        "adopt",
        "--stack",
        "dev",
        "--installation",
        "octollm",
        "--service",
        `orchestrator=${scenario.port}`,
      ];
      await serveWithoutStamp(scenario);
      const stackFile = join(scenario.folder, "Pulumi.dev.yaml");
      await scenario.query("DROP TABLE alembic_version");
      assertSays(
        unwrapped(await scenario.mustFail(adopt)),
        "Nothing was written. To be adopted, the installation must first be put right: alembic_version: database",
        "Its schema is that of OctoLLM 0.1.0. If that is what it is, have it stamped: npx octollm adopt --revision def456",
      );
      assertSays(
        unwrapped(await scenario.mustFail([...adopt, "--revision", "e4f5a6"])),
        "The database was not stamped: its schema is that of OctoLLM 0.1.0, revision 'def456', not that of revision 'e4f5a6'. " +
          "Nothing was changed.",
      );
      assert.ok(!existsSync(stackFile));
      assert.deepEqual(await scenario.query("SELECT to_regclass('alembic_version') AS there"), [{ there: null }]);
      assertSays(
        await scenario.must([...adopt, "--revision", "def456"]),
        "Stamped the database: alembic_version says def456.",
        "Found OctoLLM 0.1.0",
      );
      assert.ok(existsSync(stackFile));
      assert.deepEqual(await scenario.query("SELECT version_num FROM alembic_version"), [{ version_num: "def456" }]);
      assertSays(
        unwrapped(await scenario.mustFail(["adopt", "--stack", "other", ...adopt.slice(3), "--revision", "def456"])),
        "The database was not stamped: alembic_version says def456 already. Nothing was changed. Adopt it without --revision.",
      );
    }));
});

/** The small OctoLLM refuses a database without a stamp; there are programs that do not look. */
async function serveWithoutStamp(scenario: Scenario): Promise<void> {
  await scenario.stopByHand();
  scenario.behave({ "0.1.0": "stub" });
  const child = spawn(process.execPath, [serviceScript, "--release", "0.1.0"], {
    cwd: scenario.installation,
    env: { ...process.env, PORT: String(scenario.port) },
    detached: true,
    stdio: "ignore",
  });
  child.unref();
  while ((await servedOn(scenario.port)) === null) await sleep(50);
}
