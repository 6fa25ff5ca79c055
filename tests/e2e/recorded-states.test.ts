import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { environmentDigest } from "../../planner/installation";
import { engines } from "./support/engines";
import { stack } from "./support/project";
import { Scenario } from "./support/scenario";
import { serviceScript } from "./support/template";

const recorded = resolve(__dirname, "../fixtures/states");

/** A port of the recordings, where there has to be a number. */
const recordedPort = /\b65001\b/g;

for (const engine of engines)
  describe(`the state of an earlier version of this program (${engine})`, function () {
    this.timeout(180_000);

    for (const version of readdirSync(recorded))
      it(`of ${version} is read by this one: nothing has changed, and what is asked for next is done`, async () => {
        const scenario = await Scenario.create({ engine, settings: { version: "1.0.0", acceptBreaking: "1.0.0" } });
        try {
          await scenario.up();
          await putInPlace(scenario, join(recorded, version));
          await scenario.must(["preview", "--expect-no-changes"]);
          scenario.set({ version: "0.1.0" });
          await scenario.up();
          assert.deepEqual([(await scenario.world()).serves, (await scenario.world()).revision], ["0.1.0", "def456"]);
        } finally {
          await scenario.close();
        }
      });
  });

/** In place of the scenario's own state: one that an earlier program has recorded of the same installation. */
async function putInPlace(scenario: Scenario, recording: string): Promise<void> {
  const [{ id = "" } = {}] = await scenario.query<{ id: string }>(
    "SELECT system_identifier::text AS id FROM pg_control_system()",
  );
  const placed = (text: string) =>
    text
      .replaceAll("@FOLDER@", scenario.folder)
      .replaceAll("@DATABASE@", new URL(scenario.databaseUrl).pathname.slice(1))
      .replaceAll("@SYSTEM@", id)
      .replaceAll("@ENVIRONMENT@", environmentDigest(Buffer.from(scenario.env)))
      .replaceAll("@NODE@", process.execPath)
      .replaceAll("@SERVICE@", serviceScript)
      .replace(recordedPort, String(scenario.port));
  const put = (name: string, ...path: string[]) => {
    const file = join(scenario.folder, ...path);
    mkdirSync(join(file, ".."), { recursive: true });
    writeFileSync(file, placed(readFileSync(join(recording, name), "utf8")), { mode: 0o600 });
  };
  put("state.json", ".pulumi", "stacks", "octollm", `${stack}.json`);
  put("stack.yaml", `Pulumi.${stack}.yaml`);
  put("passphrase", ".pulumi", "passphrase");
}
