import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { fingerprint } from "../../demo/installation";
import { makeProduction, type Production } from "../support/production";
import { engines } from "./support/engines";
import { killAll, workersIn } from "./support/processes";
import { projectEnvironment, stack } from "./support/project";
import { Scenario } from "./support/scenario";
import { soak } from "./support/soak";
import { assertSays, assertSilent, unwrapped } from "./support/story";
import { query, revisionOf, servedOn } from "./support/world";

/** Masks of every kind. */
const masking = [
  { table: "tasks", column: "description", as: "hash" },
  { table: "tasks", column: "context", as: "context - 'user'" },
  { table: "tasks", column: "result", as: "null" },
  { table: "api_keys", column: "name", as: "email" },
];

/** Asks the release that serves, as an operator's own test would. */
const test = `node -e 'fetch(process.env.OCTOLLM_URL_ORCHESTRATOR + "/api/v1/tasks?limit=1").then((answer) => {
  console.log("tested", process.env.OCTOLLM_RELEASE, answer.status); process.exit(answer.ok ? 0 : 1); })'`;

for (const engine of soak ? engines : engines.slice(0, 1))
  describe(`octollm rehearse --stack staging (${engine})`, function () {
    this.timeout(240_000);
    let scenario: Scenario;
    let production: Production;
    let dotenv = "";

    before(async () => {
      scenario = await Scenario.create({
        engine,
        settings: {
          rehearsal: { production: "prod", masking, test, load: { duration: 2, connections: 4 } },
          // All that would keep an 'up' from going through by itself.
          reviewedPlan: "0123456789ab",
          stopAfter: "backup",
          window: { days: ["mon"], from: "03:00", to: "03:01", timezone: "UTC" },
        },
      });
      const env = projectEnvironment(scenario.folder, "standalone");
      dotenv = scenario.env;
      production = await makeProduction(scenario.folder, join(scenario.folder, "production"), { env });
    });
    after(() => scenario.close());

    const file = () => readFileSync(join(scenario.folder, `Pulumi.${stack}.yaml`), "utf8");

    it("that is killed in the middle of its upgrade leaves production as it was, and its own settings too", async () => {
      const before = { production: await fingerprint(production.databaseUrl), file: file() };
      const running = scenario.start(["rehearse", "--yes"]);
      assert.ok(await running.says(/going up/), running.output);
      running.child.kill("SIGKILL");
      killAll(() => workersIn(scenario.folder));
      await running.ended;
      assert.deepEqual([await fingerprint(production.databaseUrl), file()], [before.production, before.file]);
    });

    it("clones, masks, upgrades, tests, loads, verifies and goes back, and writes one report", async () => {
      const before = { production: await fingerprint(production.databaseUrl), file: file(), env: dotenv };
      const { code, stdout, stderr } = await scenario.octollm(["rehearse", "--yes"]);
      assert.equal(code, 0, stdout + stderr);
      assertSays(stderr, "staging is not at OctoLLM 0.1.0, as its settings say: up brings it there first");
      if (process.env.OCTOLLM_SHOW) process.stderr.write(`${stderr}\n----\n${stdout}\n`);
      assertSays(
        unwrapped(stdout),
        "rehearsed OctoLLM 0.1.0 -> 1.0.0 -> 0.1.0",
        /clone .*, 4 columns masked/,
        /up +took/,
        "test passed (exit code 0)",
        /load 0\.1\.0: [\d,]+ requests, 0 errors, p50 [\d.]+ ms, p95 [\d.]+ ms/,
        /load 1\.0\.0: [\d,]+ requests, 0 errors/,
        /checks (\d+) of \1 passed/,
        /back +took/,
        "octollm config set acceptBreaking 1.0.0 --stack prod",
        "result good",
      );
      assert.ok(
        stdout.split("\n").every((line) => line.length <= 80),
        stdout,
      );

      // Production: untouched. Staging: production's tasks, masked, at the old release.
      assert.deepEqual(await fingerprint(production.databaseUrl), before.production);
      assert.equal(await servedOn(scenario.port), "0.1.0");
      assert.equal(await revisionOf(scenario.databaseUrl), "def456");
      const [counts] = await scenario.query<Record<string, number>>(
        `SELECT count(*)::int AS all, count(result)::int AS results, count(*) FILTER (WHERE context ? 'user')::int AS users,
              count(*) FILTER (WHERE description !~ '^[0-9a-f]{32}$')::int AS descriptions FROM tasks`,
      );
      assert.deepEqual(counts, { all: before.production.tasks, results: 0, users: 0, descriptions: 0 });
      assert.deepEqual([file(), scenario.env], [before.file, before.env]);
      assert.ok(!readdirSync(join(scenario.installation, "backups")).some((name) => name.endsWith(".partial")));

      const reports = readdirSync(join(scenario.installation, "reports")).filter((name) =>
        /rehearsal\.(html|md)$/.test(name),
      );
      assert.equal(reports.length, 2);
      const [page = "", markdown = ""] = reports.map((name) =>
        readFileSync(join(scenario.installation, "reports", name), "utf8"),
      );
      for (const text of [page, markdown]) {
        assertSays(text, "Rehearsal of OctoLLM 0.1.0 → 1.0.0", "tested 1.0.0 200", "p95", "The way back");
        assertSilent(text, new URL(production.databaseUrl).password, /user\d+@example\.com/, /Summarise the weekly/);
      }
      assertSilent(
        stdout + stderr,
        new URL(production.databaseUrl).password,
        /user\d+@example\.com/,
        /Summarise the weekly/,
      );
      // What the rehearsal has replaced is kept; and whoever types up next has nothing to do.
      const [kept] = await query<{ name: string }>(
        production.databaseUrl,
        `SELECT datname AS name FROM pg_database WHERE datname LIKE '%before_clone%'`,
      );
      assert.ok(kept);
      scenario.set({ reviewedPlan: "", stopAfter: "" });
      await scenario.must(["preview", "--expect-no-changes"]);
    });

    it("whose upgrade fails says so, leaves staging at its release and every setting as it was, and tries no more", async () => {
      const before = file();
      scenario.behave({ "1.0.0": "broken" });
      const { code, stdout, stderr } = await scenario.octollm(["rehearse", "--yes"]);
      assert.equal(code, 1, stdout + stderr);
      assertSays(unwrapped(stdout), /up +FAILED after/, "result not good", "Staging: orchestrator 0.1.0; database");
      assertSays(stderr, "up to OctoLLM 1.0.0 failed", "Production was only read.");
      assertSilent(stdout, /^test /m, /^load +1\.0\.0/m);
      assert.deepEqual([await servedOn(scenario.port), file(), scenario.env], ["0.1.0", before, dotenv]);
    });
  });
