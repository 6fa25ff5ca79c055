import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Client } from "pg";

import { engines } from "./support/engines";
import { alone, kill, type Manner, whole } from "./support/kill";
import type { Scenario } from "./support/scenario";
import { soak } from "./support/soak";
import { assertSays, inScenario, unwrapped } from "./support/story";
import { together } from "./support/together";
import type { World } from "./support/world";

/** What an engine writes when a phase begins, and how it is killed then; none where only a soak has the time. */
const sample: readonly [phase: string, ...manners: Manner[]][] = [
  ["Preflight preflight"],
  ["Quiesce quiesce", alone],
  ["Backup backup", whole],
  ["Restore restore"],
  ["SchemaMigration pre", alone],
  ["Environment environment", whole],
  ["Command services-orchestrator", whole],
  ["Resume resume"],
  ["Verification verification", alone],
  ["SchemaMigration post"],
  ["Completion completion"],
];
const kills = sample.flatMap(([phase, ...manners]) =>
  (soak ? ([whole, alone] as const) : manners).map((manner) => ({ phase, manner })),
);

async function killDuring(scenario: Scenario, phase: string, manner: Manner): Promise<void> {
  const run = scenario.start(["up", "--yes", "--skip-preview"]);
  assert.ok(await run.says(new RegExp(`${phase} updating`)), run.output);
  await kill(scenario, run, manner);
}

/** The same upgrade without a kill: what every other one has to come to. */
async function undisturbed(): Promise<World> {
  let world: World | undefined;
  await inScenario({ settings: { version: "1.0.0", acceptBreaking: "1.0.0" } }, async (scenario) => {
    await scenario.up();
    world = comparable(await scenario.world(), scenario);
  });
  assert.ok(world);
  return world;
}

/** A world without what is different in every installation: names of database and port in `.env`. */
function comparable(world: World, { databaseUrl, port }: Scenario): World {
  const name = new URL(databaseUrl).pathname.slice(1);
  return { ...world, env: world.env.replaceAll(name, "<database>").replaceAll(String(port), "<port>") };
}

let end: Promise<World> | undefined;

/** Where there is no time. */
const skip: ReturnType<typeof together> = (name) => void it.skip(name);

for (const engine of engines)
  describe(`an up that is killed (${engine})`, () => {
    const story = together();

    for (const { phase, manner } of kills)
      story(`during ${phase}, ${manner}: the next up comes to the same end and repeats nothing`, () =>
        inScenario({ engine, settings: { version: "1.0.0", acceptBreaking: "1.0.0" } }, async (scenario) => {
          end ??= undisturbed();
          await killDuring(scenario, phase, manner);
          const status = unwrapped(await scenario.must(["status"]));
          const [last] = (await scenario.attempts()).slice(-1);
          if (last?.attempt === 2 && last.status !== "succeeded")
            assertSays(status, /attempt 2, 0\.1\.0 -> 1\.0\.0, (open|failed) in \w+/, /next +octollm/);
          const standing = (await scenario.revisions()).length;
          const next = await scenario.up();
          assertSays(next, /Removed the lock of a process that is no longer running \(pid \d+, since /);
          assert.deepEqual(comparable(await scenario.world(), scenario), await end);
          const rows = await scenario.revisions();
          assert.deepEqual(
            rows.map((row) => row.split(" ")[0]),
            ["+abc123", "+b1c2d3", "+e4f5a6"],
          );
          assert.deepEqual(
            rows.slice(0, standing).filter((row) => !row.endsWith(" 2")),
            [],
            "work that was done was done again",
          );
          assert.equal((await scenario.attempts()).at(-1)?.status, "succeeded");
          assert.deepEqual(
            scenario.backups().filter((name) => name.endsWith(".partial")),
            [],
          );
        }),
      );

    const twice = {
      "two at once: one works, the other says who holds the stack": (scenario: Scenario) => ({
        second: scenario,
        says: [/the stack is currently locked by 1 lock\(s\)/, /created by \S+@\S+ \(pid \d+\) at \d{4}-/],
      }),
      "two at once from two checkouts: one works, the other says who holds the database": (scenario: Scenario) => ({
        second: scenario.checkout(),
        says: [
          /Another upgrade of .*t_[0-9a-f]+.* is under way; nothing was changed\./,
          /Held by session '[^']*dev@\S+ \d+' from 127\.0\.0\.1, server process \d+, since \d{4}-/,
        ],
      }),
    };

    for (const [title, refuse] of Object.entries(twice))
      story(title, () =>
        inScenario({ engine, settings: { version: "1.0.0", acceptBreaking: "1.0.0" } }, async (scenario) => {
          end ??= undisturbed();
          const { second, says } = refuse(scenario);
          // Quiesce waits for this client: the first one is under way until the second one has been refused.
          const client = new Client({ connectionString: scenario.databaseUrl, application_name: "nightly report" });
          await client.connect();
          const first = scenario.start(["up", "--yes", "--skip-preview"]);
          try {
            assert.ok(await first.says(/waiting for 1 other clients of the database: 'nightly report'/), first.output);
            assertSays(unwrapped(await second.upFails()), ...says);
          } finally {
            await client.end();
          }
          const { code, output } = await first.ended;
          assert.equal(code, 0, output);
          assert.deepEqual(comparable(await scenario.world(), scenario), await end);
          assert.equal((await scenario.attempts()).length, 2);
          await scenario.must(["preview", "--expect-no-changes"]);
        }),
      );

    (soak ? story : skip)(
      "twenty at once from two checkouts: one works, and each other one says who does, since when",
      () =>
        inScenario({ engine, settings: { version: "1.0.0", acceptBreaking: "1.0.0" } }, async (scenario) => {
          end ??= undisturbed();
          await end;
          const other = scenario.checkout();
          const outcomes = await Promise.all(
            Array.from({ length: 20 }, (_, index) =>
              (index % 2 === 0 ? scenario : other).octollm(["up", "--yes", "--skip-preview"]),
            ),
          );
          const works = outcomes.filter(({ code }) => code === 0);
          assert.equal(works.length, 1, works.map(({ output }) => output).join("\n"));
          for (const { code, output } of outcomes)
            if (code !== 0)
              assertSays(
                unwrapped(output),
                /(?:created by \S+@\S+ \(pid \d+\) at|Held by session '.*' from .*, since) \d{4}-/,
              );
          assert.deepEqual(comparable(await scenario.world(), scenario), await end);
          assert.equal((await scenario.attempts()).length, 2);
        }),
    );

    story("a lock whose process has ended, and was collected by nobody, is removed like any other dead one", () =>
      inScenario({ engine, settings: { version: "0.2.0" } }, async (scenario) => {
        // The shell becomes a program that never asks after its children.
        const parent = spawn("/bin/sh", ["-c", "true & echo $!; exec sleep 60"], {
          stdio: ["ignore", "pipe", "ignore"],
        });
        try {
          const [chunk] = (await once(parent.stdout, "data")) as [Buffer];
          scenario.leaveLock(Number(chunk.toString()));
          assertSays(
            await scenario.up(),
            `Removed the lock of a process that is no longer running (pid ${chunk.toString().trim()},`,
          );
        } finally {
          parent.kill("SIGKILL");
        }
        assert.equal((await scenario.world()).serves, "0.2.0");
      }),
    );

    story("attributes of the state that the Pulumi CLI was killed over are removed, and the state is read again", () =>
      inScenario({ engine }, async (scenario) => {
        const attributes = join(scenario.folder, ".pulumi", "stacks", "octollm", "dev.json.attrs");
        writeFileSync(attributes, "");
        const said = await scenario.must(["preview", "--expect-no-changes"]);
        assertSays(
          said,
          "Removed dev.json.attrs, which a run that was killed had left half-written. The state itself is whole.",
        );
        assert.ok(!existsSync(attributes));
      }),
    );
  });
