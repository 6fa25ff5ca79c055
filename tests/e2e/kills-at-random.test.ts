import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

import { inventedCatalogue, type InventedRevision, inventRelease } from "./support/catalogue";
import { Chance } from "./support/chance";
import { engines } from "./support/engines";
import { alone, kill, whole } from "./support/kill";
import type { Scenario } from "./support/scenario";
import { soak } from "./support/soak";
import { inScenario } from "./support/story";
import { together } from "./support/together";
import type { World } from "./support/world";

/** Says in `counters` how often it was done, and in the rows themselves. */
function counting(revision: string, change: { up: string; down: string }): InventedRevision {
  const count = (column: string) => `UPDATE counters SET ${column} = ${column} + 1 WHERE revision = '${revision}';`;
  return {
    revision,
    up: `${change.up}\n${count("ups")}`,
    down: `${change.down}\n${count("downs")}`,
    writers: "stopped",
    previousCode: "breaks",
  };
}

const revisions: readonly InventedRevision[] = [
  counting("aaa111", {
    up: "UPDATE tasks SET description = description || '+';",
    down: "UPDATE tasks SET description = left(description, -1);",
  }),
  {
    revision: "bbb222",
    up: "CREATE INDEX CONCURRENTLY idx_invented ON tasks (created_at);",
    down: "DROP INDEX CONCURRENTLY idx_invented;",
    transaction: "none",
  },
  counting("ccc333", {
    up: "ALTER TABLE tasks ADD COLUMN third integer NOT NULL DEFAULT 3;",
    down: "ALTER TABLE tasks DROP COLUMN third;",
  }),
  {
    ...counting("ddd444", {
      up: "SELECT pg_sleep(0.2);\n-- allow: backfilling-without-batches: it is one row",
      down: "SELECT pg_sleep(0.2);",
    }),
    phase: "post",
  },
];

/** When to kill: once an engine has said so, and up to `later` milliseconds after that. */
interface Moment {
  readonly name: string;
  readonly says: RegExp;
  readonly later: number;
}

const moments: readonly Moment[] = [
  ...["Preflight preflight", "Quiesce quiesce", "Backup backup", "SchemaMigration pre", "Environment environment"],
  ...["Command services-orchestrator", "Resume resume", "Verification verification", "SchemaMigration post"],
  ...["Completion completion"],
].map((name) => ({ name, says: new RegExp(`${name} updating`), later: 400 }));
/** With a new release that crashes, the old one is brought back while Resume is under way. */
const wayBack: Moment = { name: "the way back from a failure", says: /Resume resume updating/, later: 3_000 };

/** What was killed how often, for the report of a soak. */
const tally = new Map<string, number>();

async function invent(scenario: Scenario): Promise<void> {
  inventRelease(scenario.folder, { version: "0.3.0", after: "def456", revisions }, "0.1.0");
  scenario.behave({ "0.3.0": "stub" });
  await scenario.query("CREATE TABLE counters AS SELECT unnest(ARRAY['aaa111', 'ccc333', 'ddd444']) AS revision");
  await scenario.query("ALTER TABLE counters ADD ups integer NOT NULL DEFAULT 0, ADD downs integer NOT NULL DEFAULT 0");
}

/** An up that is killed at a moment and a bit; one that ends before that is left to end. */
async function killed(scenario: Scenario, chance: Chance, { name, says, later }: Moment): Promise<string> {
  const [manner, wait] = [chance.pick([whole, alone] as const), chance.below(later)];
  const run = scenario.start(["up", "--yes", "--skip-preview"]);
  const isThere = await run.says(says);
  await sleep(isThere ? wait : 0);
  const what = run.child.exitCode === null ? `${name}, ${manner}` : `${name}: the run had ended`;
  tally.set(what, (tally.get(what) ?? 0) + 1);
  await kill(scenario, run, manner);
  return `${what}, after ${wait} ms`;
}

/** Nothing was done twice: what stands in rows, counters, `.env` and ledger agrees. */
async function assertDoneOnce(scenario: Scenario, stands: boolean): Promise<void> {
  const counters = await scenario.query<{ revision: string; ups: number; downs: number }>(
    "SELECT revision, ups, downs FROM counters ORDER BY revision",
  );
  const ledger = await scenario.revisions();
  for (const { revision, ups, downs } of counters) {
    const rows = ledger.filter((row) => row.startsWith(`+${revision} `));
    assert.equal(ups, rows.length, `${revision} was applied otherwise than the ledger tells: ${ledger.join(", ")}`);
    assert.equal(downs, rows.filter((row) => row.includes(" -")).length, `${revision} was undone otherwise`);
    assert.equal(ups - downs, stands ? 1 : 0);
  }
  const marked = "SELECT count(*)::integer AS tasks FROM tasks WHERE description LIKE '%+'";
  const twice = "SELECT count(*)::integer AS tasks FROM tasks WHERE description LIKE '%++'";
  assert.deepEqual(await scenario.query(marked), [{ tasks: stands ? 500 : 0 }]);
  assert.deepEqual(await scenario.query(twice), [{ tasks: 0 }]);
  assert.equal(scenario.env.split("INVENTED=yes").length - 1, stands ? 1 : 0);
}

/** The ledger has no gap, nothing is open, and the last attempt reached its end. */
async function assertLedgerTells(scenario: Scenario): Promise<void> {
  const attempts = await scenario.attempts();
  assert.deepEqual(
    attempts.map(({ attempt }) => attempt),
    attempts.map((_, index) => index + 1),
  );
  assert.equal(attempts.at(-1)?.status, "succeeded");
  for (const { status } of attempts) assert.match(status, /^(succeeded|failed|superseded)$/);
}

/** Kills ups until `times` is reached, then lets one go to its end. */
async function reach(scenario: Scenario, chance: Chance, version: string, log: string[]): Promise<World> {
  scenario.set({ version });
  for (let times = soak ? 1 + chance.below(3) : 1; times > 0; times--) {
    const isCrashing = version !== "0.1.0" && chance.below(3) === 0;
    scenario.behave({ "0.3.0": isCrashing ? "crash" : "stub" });
    log.push(await killed(scenario, chance, isCrashing ? wayBack : chance.pick(moments)));
    await scenario.must(["status"]);
  }
  scenario.behave({ "0.3.0": "stub" });
  await scenario.up();
  await assertLedgerTells(scenario);
  return scenario.world();
}

for (const engine of engines)
  describe(`ups that are killed at random moments, there and back (${engine})`, () => {
    const story = together();
    // A sample makes the same choices each time; finding others is what a soak is for.
    const chance = soak || process.env.OCTOLLM_SEED ? new Chance() : new Chance(975410102);
    const rounds = soak ? Number(process.env.OCTOLLM_ROUNDS ?? 10) : 1;
    after(() => {
      if (!soak) return;
      const lines = [...tally].sort().map(([what, times]) => `      ${times} x ${what}\n`);
      process.stdout.write(`    seed ${chance.seed}; killed:\n${lines.join("")}`);
    });

    for (let round = 1; round <= rounds; round++)
      story(`round ${round}: each comes to the same end, and nothing is done twice`, () =>
        inScenario({ engine, settings: { catalogue: inventedCatalogue } }, async (scenario) => {
          const own = new Chance(chance.seed + round);
          const log: string[] = [];
          try {
            await invent(scenario);
            const before = await scenario.world();
            const upper = await reach(scenario, own, "0.3.0", log);
            assert.deepEqual([upper.serves, upper.revision, upper.data.tasks], ["0.3.0", "ddd444", 500]);
            await assertDoneOnce(scenario, true);
            log.push("back");
            const lower = await reach(scenario, own, "0.1.0", log);
            assert.deepEqual(lower, before);
            await assertDoneOnce(scenario, false);
          } catch (error) {
            const again = `OCTOLLM_SEED=${chance.seed}, round ${round}:\n  ${log.join("\n  ")}\n`;
            throw new Error(again + (error instanceof Error ? error.message : String(error)), { cause: error });
          }
        }),
      );
  });
