import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { type Fingerprint, fingerprint } from "../../demo/installation";
import { soak } from "../e2e/support/soak";
import { Installed } from "../support/installed";
import { type Ran, runPhases, type Wanted } from "../support/phases";

const program = resolve(__dirname, "../..");

/** Lines at which a restore is killed; those without a star only where there is time. */
const points: readonly [line: RegExp, what: string, always?: "*"][] = [
  [/^phase Quiesce/, "before the services are stopped"],
  [/^phase Restore/, "before anything is loaded"],
  [/pg_restore .* into/, "while the backup is loaded", "*"],
  [/ANALYZE/, "when all rows are loaded"],
  [/comparing rows/, "while the loaded database is compared"],
  [/renaming the databases/, "while the databases are renamed", "*"],
  [/is that of the backup now/, "when the databases are renamed, and .env and config are not", "*"],
  [/\.env is as in the backup/, "between .env and config"],
  [/config is as in the backup/, "when all is back"],
  [/^phase Resume/, "before the services start"],
  [/^phase Completion/, "before the attempt is closed"],
];

/** Runs the phases in a process of their own, and kills that at a line; answers what it had said. */
async function killedAt(line: RegExp, wanted: Wanted): Promise<string> {
  const child = spawn(process.execPath, ["-r", "./boot/register.cjs", "tests/support/phases.ts"], {
    cwd: program,
    stdio: ["pipe", "pipe", "pipe"],
  });
  let said = "";
  const listen = (chunk: Buffer) => {
    said += chunk.toString();
    if (said.split("\n").some((one) => line.test(one))) child.kill("SIGKILL");
  };
  child.stdout.on("data", listen);
  child.stderr.on("data", listen);
  child.stdin.end(JSON.stringify(wanted));
  const [, signal] = (await once(child, "close")) as [number | null, string | null];
  assert.equal(signal, "SIGKILL", `it ended by itself:\n${said}`);
  return said;
}

describe("a restore that is killed", function () {
  this.timeout(120_000);
  let installed: Installed;
  let original: Fingerprint;
  let env: Buffer;
  let config: Buffer;
  let backup: string;
  let turn = 1;

  const site = () => installed.site;
  const database = () => new URL(installed.databaseUrl).pathname.slice(1);
  const configFile = () => join(installed.installation.config, "orchestrator.yaml");

  before(async () => {
    installed = await Installed.create();
    original = await fingerprint(installed.databaseUrl);
    env = readFileSync(installed.installation.env);
    config = readFileSync(configFile());
    await runPhases({ site: site(), version: "0.1.0", emptyStack: true });
    const { progress } = await runPhases({ site: site(), version: "1.0.0" });
    backup = progress.backup?.id ?? "";
  });
  after(() => installed?.remove());

  /** Databases of the server that belong to this installation, without its name. */
  async function databases(): Promise<string[]> {
    const rows = await installed.sql<{ datname: string }>(
      `SELECT datname FROM pg_database WHERE starts_with(datname, '${database()}') ORDER BY 1`,
    );
    return rows.map(({ datname }) => datname.replace(database(), ""));
  }

  /** What a restore takes away. */
  async function spoil(): Promise<void> {
    await installed.sql(
      "INSERT INTO tasks (description) SELECT 'written since' FROM generate_series(1, 7); CREATE TABLE made_since (id int)",
    );
    writeFileSync(installed.installation.env, Buffer.concat([env, Buffer.from("\nADDED=since\n")]));
    writeFileSync(configFile(), "changed: since\n");
  }

  async function isWhole(ran: Ran): Promise<void> {
    assert.deepEqual(await fingerprint(installed.databaseUrl), original);
    assert.deepEqual(readFileSync(installed.installation.env), env);
    assert.deepEqual(readFileSync(configFile()), config);
    assert.equal(await installed.serving(), "0.1.0");
    const attempts = await installed.sql<{ status: string; restored_backup: string | null }>(
      "SELECT status, restored_backup FROM octollm_upgrade.attempts ORDER BY attempt DESC LIMIT 2",
    );
    assert.deepEqual(attempts[0], { status: "succeeded", restored_backup: backup });
    assert.notEqual(attempts[1]?.status, "open");
    assert.equal(ran.plan.direction, "restore");
  }

  for (const [line, what, always] of points.filter((point) => soak || point[2]))
    it(`${what}, is completed by the next run${always ? "" : " (soak)"}, and what it replaces is kept`, async () => {
      const wanted = { site: site(), version: "0.1.0", restoreFrom: `${backup}#${++turn}` };
      await spoil();
      const said = await killedAt(line, wanted);
      const lines: string[] = [];
      await isWhole(await runPhases(wanted, (text) => lines.push(text)));
      const found = await databases();
      assert.equal(found.length, 2, found.join(", "));
      const [, kept = ""] = found;
      assert.match(kept, /^_before_/);
      const inKept = await installed.inDatabase(
        database() + kept,
        "SELECT count(*)::int AS rows FROM tasks WHERE description = 'written since'",
      );
      assert.deepEqual(inKept, [{ rows: 7 }]);
      if (/renaming/.test(said))
        assert.ok(!lines.some((text) => /pg_restore/.test(text)), "the backup was loaded a second time");
      await installed.sql(`DROP DATABASE "${database()}${kept}"`);
    });

  it("is undone by taking the setting back: the next run brings the services back, and drops what was loaded", async () => {
    await spoil();
    const before = await fingerprint(installed.databaseUrl);
    await killedAt(/comparing rows/, { site: site(), version: "0.1.0", restoreFrom: `${backup}#${++turn}` });
    assert.equal((await databases()).length, 2);
    await runPhases({ site: site(), version: "0.1.0" });
    assert.deepEqual(await fingerprint(installed.databaseUrl), before);
    assert.equal(await installed.serving(), "0.1.0");
    assert.deepEqual(await databases(), [""]);
  });
});
