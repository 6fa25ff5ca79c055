import assert from "node:assert/strict";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { inventedCatalogue, inventRelease } from "./support/catalogue";
import { engines } from "./support/engines";
import type { Scenario } from "./support/scenario";
import { soak } from "./support/soak";
import { assertSays, inScenario, unwrapped } from "./support/story";
import { fingerprintOf } from "./support/world";

/** Release 1.1.0, from which no SQL leads back. */
function inventDeadEnd({ folder }: Scenario): void {
  const revision = {
    revision: "ddd444",
    up: "-- allow: ban-drop-column: only a backup leads back, which is what is tested\nALTER TABLE tasks DROP COLUMN result;",
    down: null,
    downLoss: "the result of every task",
    previousCode: "breaks" as const,
    writers: "stopped" as const,
  };
  inventRelease(folder, { version: "1.1.0", after: "e4f5a6", revisions: [revision] }, "1.0.0");
}

/** Another database of the same server. */
function beside(databaseUrl: string): string {
  return Object.assign(new URL(databaseUrl), { pathname: "/beside" }).href;
}

/** A copy of a backup, as if it had been made years ago. */
function inventOld({ installation }: Scenario, backup: string): string {
  const id = `20200101T000000Z-${backup.slice(17)}`;
  const [from, to] = [backup, id].map((name) => join(installation, "backups", name)) as [string, string];
  cpSync(from, to, { recursive: true });
  const manifest = JSON.parse(readFileSync(join(from, "manifest.json"), "utf8")) as object;
  writeFileSync(join(to, "manifest.json"), JSON.stringify({ ...manifest, id, created: "2020-01-01T00:00:00.000Z" }));
  return id;
}

async function only(scenario: Scenario, argv: readonly string[]): Promise<string> {
  const { code, stdout, output } = await scenario.start(["backups", ...argv], null).ended;
  assert.equal(code, 0, output);
  for (const line of stdout.split("\n")) assert.ok(argv.includes("--json") || line.length <= 80, line);
  return stdout;
}

for (const engine of soak ? engines : engines.slice(0, 1))
  describe(`a backup as the way back (${engine})`, () => {
    it("leads back to the old version where no SQL does, and again, by its id", () =>
      inScenario(
        { engine, settings: { catalogue: inventedCatalogue, version: "1.0.0", acceptBreaking: "1.0.0" } },
        async (scenario) => {
          inventDeadEnd(scenario);
          scenario.behave({ "1.1.0": "stub" });
          await scenario.up();
          const before = await scenario.world();
          scenario.set({ version: "1.1.0" });
          await scenario.up();
          const backup = scenario.backups().at(-1) ?? "";
          await scenario.query("CREATE TABLE made_since (id int); DELETE FROM task_history WHERE id % 2 = 0");

          scenario.set({ version: "1.0.0" });
          const preview = await scenario.must(["preview"]);
          assertSays(
            unwrapped(preview),
            `restores backup ${backup} of OctoLLM 1.0.0 at revision e4f5a6`,
            /loses task_history: [\d,]+ rows now, [\d,]+ in the backup/,
            "loses made since the backup: table public.made_since",
          );
          const [, loss = ""] = /\(loss id ([0-9a-f]{8})\)/.exec(unwrapped(preview)) ?? [];
          scenario.set({ acceptLoss: loss });
          await scenario.up();
          assert.deepEqual(await scenario.world(), before);

          const list = await only(scenario, ["list"]);
          const show = await only(scenario, ["show", backup]);
          const verify = await only(scenario, ["verify", backup, "--restore"]);
          const prune = await only(scenario, ["prune", "--dry-run"]);
          assertSays(list, backup, /_before_/, /restore$/m);
          assertSays(show, "OctoLLM 1.0.0 at revision e4f5a6", `octollm backups restore ${backup}`);
          assertSays(verify, "every row, object and invariant is as it was");
          assertSays(prune, `stays  ${backup}\n`);
          const json = JSON.parse(await only(scenario, ["list", "--json"])) as {
            backups: { id: string; fault: null }[];
          };
          assert.ok(json.backups.some(({ id, fault }) => id === backup && fault === null));

          // The rows that are gone now come back by the id of the backup, although nothing else has changed.
          await scenario.query("DELETE FROM task_history");
          const restore = await only(scenario, ["restore", backup]);
          assertSays(restore, `restoreFrom is ${backup}`, "octollm up");
          const [, second = ""] = /\(loss id ([0-9a-f]{8})\)/.exec(unwrapped(await scenario.must(["preview"]))) ?? [];
          scenario.set({ acceptLoss: second });
          await scenario.up();
          assert.deepEqual(await scenario.world(), before);
          await scenario.must(["preview", "--expect-no-changes"]);

          await only(scenario, ["restore", backup, "--into", "beside"]);
          assert.deepEqual(await fingerprintOf(beside(scenario.databaseUrl)), before.data);
          assertSays(
            unwrapped((await scenario.start(["backups", "restore", backup, "--into", "beside"], null).ended).output),
            "There is a database 'beside' already; it was left as it is. Name a new one.",
          );
          assert.deepEqual(await scenario.world(), before);

          const recent = scenario.backups();
          const old = inventOld(scenario, recent[0] ?? "");
          writeFileSync(join(scenario.installation, "backups", "notes.txt"), "not a backup");
          scenario.set({ backup: { keepAtLeast: 1 } });
          assertSays(await only(scenario, ["prune"]), `deleted backup ${old}: it is`);
          assert.deepEqual(scenario.backups(), [...recent, "notes.txt"]);
          assert.deepEqual(await scenario.world(), before);
        },
      )).timeout(300_000);
  });
