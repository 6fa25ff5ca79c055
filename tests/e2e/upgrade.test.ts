import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { engines } from "./support/engines";
import { marked, marks, SecretSearch } from "./support/marks";
import { Scenario } from "./support/scenario";
import { assertSays, assertSilent, unwrapped } from "./support/story";
import { taskCount } from "./support/template";
import { servedOn, type World } from "./support/world";

for (const engine of engines)
  describe(`an OctoLLM 0.1.0 goes to 1.0.0 and back (${engine})`, function () {
    this.timeout(240_000);
    let scenario: Scenario;
    let original: World;
    let search: SecretSearch;
    const outputs: string[] = [];

    async function run(...argv: string[]): Promise<string> {
      const output = await scenario.must(argv);
      outputs.push(output);
      return output;
    }

    async function refused(...argv: string[]): Promise<string> {
      const output = await scenario.mustFail(argv);
      outputs.push(output);
      return output;
    }

    before(async () => {
      scenario = await Scenario.create({ engine, kind: "installed" });
      await scenario.stopByHand();
      writeFileSync(join(scenario.installation, ".env"), marked(scenario.env));
      await scenario.startByHand("0.1.0");
      original = await scenario.world();
      search = new SecretSearch([...marks, new URL(scenario.databaseUrl).password]);
    });
    after(() => scenario.close());

    it("adopting writes a stack file and changes nothing of the installation", async () => {
      const output = await run("adopt", "--installation", "octollm", "--service", `orchestrator=${scenario.port}`);
      assertSays(
        output,
        `Found OctoLLM 0.1.0 in ${scenario.installation}`,
        "Wrote Pulumi.dev.yaml and selected stack 'dev'",
      );
      await run("up", "--yes");
      assert.deepEqual(await scenario.world(), original);
      assert.deepEqual(
        (await scenario.attempts()).map(({ direction, status }) => `${direction} ${status}`),
        ["adopt succeeded"],
      );
      await run("preview", "--expect-no-changes");
    });

    it("the preview of 1.0.0 shows the whole upgrade", async () => {
      await run("config", "set", "version", "1.0.0");
      const plain = await run("preview");
      assertSays(
        unwrapped(plain),
        "path 0.1.0 -> 1.0.0 (0.2.0 minor, 1.0.0 breaking)",
        /stops +orchestrator/,
        "revisions +abc123, +b1c2d3, +e4f5a6",
        /way back +schema-down, loses nothing/,
        /plan +[0-9a-f]{12}, attempt 2/,
        /touches +tasks: ~500 rows/,
        "warning: 'up' will refuse this. octollm:acceptBreaking",
      );
      assertDetails(await run("preview", "--diff"));
      assert.deepEqual(await scenario.world(), original);
    });

    it("up is refused until somebody says that clients are ready, and nothing is touched", async () => {
      const output = await refused("up", "--yes", "--skip-preview");
      assertSays(
        unwrapped(output),
        "The upgrade was not started, nothing was touched. Still to be accepted: octollm:acceptBreaking: 1.0.0 breaks clients " +
          "(1.0.0: /tasks moves to /api/v1/tasks; 1.0.0: Task priorities go from 1-5 to 1-10: clients send twice the old " +
          "number; 1.0.0: The deprecated /execute is removed). When they are ready for it: octollm config set acceptBreaking 1.0.0",
      );
      assert.deepEqual(await scenario.world(), original);
      assert.equal((await scenario.attempts()).length, 1);
      assert.deepEqual(scenario.backups(), []);
    });

    it("up brings 1.0.0 with every task, and leaves nothing to do", async () => {
      await run("config", "set", "acceptBreaking", "1.0.0");
      await run("up", "--yes", "--skip-preview");
      const { data, revision, serves } = await scenario.world();
      assert.equal(revision, "e4f5a6");
      assert.equal(serves, "1.0.0");
      assert.deepEqual(data.priorities, { "2": 100, "4": 100, "6": 100, "8": 100, "10": 100 });
      assert.equal(data.tasks, taskCount);
      assert.equal(data.history, original.data.history);
      assert.equal(scenario.env, upgradedEnv(original.env));
      assert.deepEqual(await scenario.revisions(), ["+abc123 2", "+b1c2d3 2", "+e4f5a6 2"]);
      assert.equal((await scenario.request("GET", "/api/v1/tasks?limit=1")).status, 200);
      assert.equal((await scenario.request("GET", "/tasks")).status, 404);
      await run("preview", "--expect-no-changes");
      assert.equal(scenario.backups().length, 1);
    });

    it("status says what runs and that there is nothing to do", async () => {
      const status = await run("status");
      const [backup = "?"] = scenario.backups();
      assertSays(
        unwrapped(status),
        "stack dev, wants OctoLLM 1.0.0",
        /service orchestrator 1\.0\.0: pid \d+ is healthy on port/,
        "release 1.0.0",
        "revision e4f5a6",
        `${backup} (of 1)`,
        /attempt 2, 0\.1\.0 -> 1\.0\.0, succeeded/,
        "next nothing to do",
      );
    });

    it("the old version brings everything back, byte for byte", async () => {
      await run("config", "set", "version", "0.1.0");
      await run("up", "--yes");
      assert.deepEqual(await scenario.world(), original);
      assert.deepEqual(await scenario.revisions(), ["+abc123 2 -3", "+b1c2d3 2 -3", "+e4f5a6 2 -3"]);
      await run("preview", "--expect-no-changes");
      assert.equal(await servedOn(scenario.port), "0.1.0");
    });

    it("no secret of .env or of the database is anywhere but in .env and its copies in backups", async () => {
      outputs.push(await run("stack", "export", "--show-secrets"), await run("stack", "output", "--json"));
      outputs.push(JSON.stringify(await scenario.ledger()));
      assert.deepEqual(search.findings({ folder: scenario.folder, texts: outputs }), []);
    });
  });

function assertDetails(diff: string): void {
  assertSays(
    diff,
    // The path and its types.
    /path +0\.1\.0 -> 1\.0\.0 \(0\.2\.0 minor, 1\.0\.0 breaking\)/,
    // Each revision's SQL, transaction mode, locks, rewrites.
    '"CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_tasks_status_priority"',
    '"  ON tasks (status, priority DESC);"',
    '"CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_task_history_created_brin"',
    '"  ON task_history USING brin (created_at);"',
    '"ALTER TABLE tasks"',
    '"  ALTER COLUMN priority TYPE integer USING priority * 2,"',
    '"  ADD CONSTRAINT tasks_priority_check CHECK (priority BETWEEN 1 AND 10);"',
    /transaction: "none"/,
    /transaction: "transactional"/,
    '"line 11: tasks SHARE UPDATE EXCLUSIVE: blocks nobody, builds an index"',
    '"line 12: tasks ACCESS EXCLUSIVE: blocks reads and writes, rewrites the table"',
    // What stops and why.
    /services *: \[\s+\+ \[0\]: "orchestrator"/,
    '"e4f5a6: its data change needs the writers stopped"',
    '"e4f5a6: OctoLLM 0.1.0 does not run on the schema after it"',
    // Lines of .env.
    '"- CACHE_ENABLED=true"',
    '"+ # [octollm 0.2.0] CACHE_ENABLED=true"',
    '"+ CACHE_L2_TTL=7200"',
    '"- WEBHOOK_URL=https://example.com/…/webhook?***"',
    '"+ WEBHOOK_URL=https://example.com/…/v1/webhook?***"',
    // The backup, the checks, the way back, the plan's id.
    /pg_dump in directory format, 2 jobs, one snapshot, exact row counts/,
    '".env, byte for byte"',
    '"every table has exactly the rows that it had before"',
    '"orchestrator answers GET /api/v1/tasks?limit=1 with 200"',
    '"index idx_tasks_status_priority is there and valid"',
    /class *: "nothing-to-undo" => "schema-down"/,
    '"undoes e4f5a6, keeping what its down cannot express"',
    /plan +[0-9a-f]{12}, attempt 2/,
  );
  assertSilent(diff, ...marks);
  // Pulumi cuts long strings; the SQL must be readable as it is.
  assertSilent(diff, /\\n/);
  // The plan that was is nothing that this upgrade takes away.
  assertSilent(diff, /- plan *: \{/);
}

/** What 0.2.0 and 1.0.0 make of the operator's file. */
function upgradedEnv(env: string): string {
  return (
    env
      .replace("CACHE_ENABLED=true\n", "# [octollm 0.2.0] CACHE_ENABLED=true\n")
      .replace("CACHE_TTL=7200 ", "# [octollm 0.2.0] CACHE_TTL=7200 ")
      .replace(/^(WEBHOOK_URL=.*\/)(webhook.*)\n/m, "# [octollm 1.0.0] $&$1v1/$2\n")
      .replace(/\n?$/, "\n") +
    [
      "# >>> OctoLLM 0.2.0: added by the upgrade",
      "CACHE_L1_ENABLED=true",
      "CACHE_L1_SIZE=1000",
      "CACHE_L1_TTL=60",
      "CACHE_L2_ENABLED=true",
      "CACHE_L2_TTL=7200",
      "# <<< OctoLLM 0.2.0",
      "",
    ].join("\n")
  );
}
