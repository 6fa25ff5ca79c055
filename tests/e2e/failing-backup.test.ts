import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { findBinary } from "../../postgres/binaries";
import { engines } from "./support/engines";
import type { Scenario } from "./support/scenario";
import { assertSays, inScenario, unwrapped } from "./support/story";
import { together } from "./support/together";
import type { World } from "./support/world";

const upgrade = { version: "1.0.0", acceptBreaking: "1.0.0" };
const versionOf = (program: string) => execFileSync(program, ["--version"], { encoding: "utf8" }).trim();

/** Whether this user may mount file systems: they make a full disk and a machine without PostgreSQL's programs. */
function mayMount(): boolean {
  try {
    execFileSync("unshare", ["-m", "/bin/sh", "-c", "mount -t tmpfs tmpfs /mnt"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Every later command sees `folder` in place of the folders in which PostgreSQL's programs are. */
function replaceTools(scenario: Scenario, folder: string): void {
  const binaries = ["pg_dump", "pg_dumpall", "pg_restore"].map((name) => `/usr/bin/${name}`).filter(existsSync);
  const mounts = [
    `for d in /usr/lib/postgresql/*/bin; do mount --bind '${folder}' "$d"; done`,
    ...binaries.map((file) => `mount --bind /dev/null '${file}'`),
  ];
  scenario.wrap(["unshare", "-m", "/bin/sh", "-c", `${mounts.join("\n")}\nexec "$@"`, "sh"]);
}

for (const engine of engines)
  describe(`a backup that cannot be made (${engine})`, () => {
    const story = together();
    const skipped: typeof story = (name) => void it.skip(`${name} (only root may mount)`);
    const mounting = mayMount() ? story : skipped;

    async function failsAndServes(scenario: Scenario, before: World, ...says: (string | RegExp)[]): Promise<void> {
      assertSays(unwrapped(await scenario.upFails()), "Backup failed:", ...says, "OctoLLM 0.1.0 serves again.");
      assert.deepEqual(await scenario.world(), before);
      assert.deepEqual(await scenario.revisions(), []);
      assert.deepEqual(scenario.backups(), []);
      assertSays(unwrapped(await scenario.must(["status"])), "release 0.1.0", "failed in Backup");
    }

    async function refused(scenario: Scenario, before: World, says: string | RegExp): Promise<void> {
      assertSays(unwrapped(await scenario.upFails()), says);
      assert.deepEqual(await scenario.world(), before);
      assert.equal((await scenario.attempts()).length, 1);
    }

    async function completes(scenario: Scenario): Promise<void> {
      await scenario.up();
      assert.equal((await scenario.world()).serves, "1.0.0");
      assert.equal(scenario.backups().length, 1);
    }

    mounting("on a disk that gets full: the old release serves again; with room, up completes", () =>
      inScenario({ engine, settings: upgrade }, async (scenario) => {
        const before = await scenario.world();
        const folder = join(scenario.installation, "backups");
        mkdirSync(folder);
        scenario.wrap([
          "unshare",
          "-m",
          "/bin/sh",
          "-c",
          `mount -t tmpfs -o size=64m tmpfs '${folder}' && exec "$@"`,
          "sh",
        ]);
        const fill = `case "$1" in --version) ;; *) dd if=/dev/zero of='${folder}/else' bs=1M count=64 2>/dev/null;; esac`;
        const tool = (name: string) => `exec '${findBinary(name)}' "$@"`;
        scenario.installTools({ pg_dump: `${fill}\n${tool("pg_dump")}`, pg_restore: tool("pg_restore") });
        await failsAndServes(scenario, before, `There is not enough room in '${folder}' for the backup.`);
        scenario.wrap([]);
        scenario.installTools({ pg_dump: tool("pg_dump") });
        await completes(scenario);
      }),
    );

    mounting(
      "without pg_dump, and with one that is too old: refused before anything is touched; with one, up completes",
      () =>
        inScenario({ engine, settings: upgrade }, async (scenario) => {
          const before = await scenario.world();
          const empty = join(scenario.folder, "no-tools");
          mkdirSync(empty);
          replaceTools(scenario, empty);
          await refused(
            scenario,
            before,
            "backup: PostgreSQL's 'pg_dump' was found neither on PATH nor in the usual places",
          );
          scenario.installTools({ pg_dump: 'echo "pg_dump (PostgreSQL) 9.6.24"', pg_restore: "exit 1" });
          await refused(
            scenario,
            before,
            /backup: The server is PostgreSQL \d+, and pg_dump must not be older\. Found: \S+\/tools\/pg_dump 9\.6/,
          );
          scenario.wrap([]);
          await completes(scenario);
        }),
    );

    story("because pg_dump is killed: the old release serves again, then up completes", () =>
      inScenario({ engine, settings: upgrade }, async (scenario) => {
        const before = await scenario.world();
        const mark = join(scenario.folder, "dumping");
        scenario.installTools({
          pg_dump:
            `case "$1" in --version) echo '${versionOf(findBinary("pg_dump"))}'; exit;; esac\n` +
            `echo $$ > '${mark}.new' && mv '${mark}.new' '${mark}'\nexec sleep 60`,
          pg_restore: `exec '${findBinary("pg_restore")}' "$@"`,
        });
        const failed = failsAndServes(scenario, before, /'\S+\/tools\/pg_dump' was killed by signal 9/);
        while (!existsSync(mark)) await sleep(20);
        process.kill(Number(readFileSync(mark, "utf8")), "SIGKILL");
        await failed;
        scenario.installTools({ pg_dump: `exec '${findBinary("pg_dump")}' "$@"` });
        await completes(scenario);
      }),
    );
  });
