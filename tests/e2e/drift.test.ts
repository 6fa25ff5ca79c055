import assert from "node:assert/strict";
import { renameSync } from "node:fs";

import { engines } from "./support/engines";
import { Scenario } from "./support/scenario";
import { assertSays, assertSilent, unwrapped } from "./support/story";

for (const engine of engines)
  describe(`what somebody else has changed (${engine})`, function () {
    this.timeout(180_000);
    let scenario: Scenario;

    before(async () => {
      scenario = await Scenario.create({ engine, settings: { version: "0.2.0" } });
      await scenario.up();
    });
    after(() => scenario.close());

    /** `preview` shows it as a change and names it; nothing is touched by that. */
    async function previewed(...says: (string | RegExp)[]): Promise<void> {
      const before = await scenario.world();
      assertSays(unwrapped(await scenario.mustFail(["preview", "--expect-no-changes"])), ...says);
      assertSays(unwrapped(await scenario.must(["status"])), ...says.slice(0, 1));
      assert.deepEqual(await scenario.world(), before);
    }

    async function settled(): Promise<void> {
      assertSilent(await scenario.must(["preview", "--expect-no-changes"]), "since the last up", "had left it at");
    }

    async function urns(): Promise<string[]> {
      const { stdout } = await scenario.octollm(["stack", "export"]);
      const { deployment } = JSON.parse(stdout) as { deployment: { resources: { urn: string }[] } };
      return deployment.resources.map(({ urn }) => urn);
    }

    it("is nothing after an up", async () => {
      await settled();
      assertSilent(await scenario.must(["refresh", "--preview-only"]), "to update");
    });

    it("is a service that was stopped: preview and refresh show it, up starts it", async () => {
      await scenario.stopByHand();
      await previewed("orchestrator does not run");
      await scenario.up();
      assert.equal((await scenario.world()).serves, "0.2.0");
    });

    it("is a revision that was moved, as `alembic downgrade` does: up brings it back", async () => {
      const whole = await scenario.world();
      await scenario.query("DROP INDEX idx_task_history_created_brin");
      await scenario.query("UPDATE alembic_version SET version_num = 'abc123'");
      await previewed("alembic_version says abc123; the last up had left it at b1c2d3", "revisions +b1c2d3");
      const shown = await scenario.must(["refresh", "--preview-only", "--diff"]);
      assertSays(shown, /revision *: "b1c2d3" => "abc123"/);
      await scenario.must(["refresh", "--yes", "--skip-preview"]);
      await scenario.up();
      assert.deepEqual(await scenario.world(), whole);
    });

    it("is an .env that was edited: it stays as it is, and up restarts the service with it", async () => {
      scenario.env = scenario.env.replace(/^CACHE_L1_SIZE=.*$/m, "CACHE_L1_SIZE=77");
      const { env } = scenario;
      await previewed("the settings file was edited since the last up");
      await scenario.up();
      assert.equal(scenario.env, env);
      await settled();
    });

    it("is nothing where the project's folder has another name", async () => {
      const moved = `${scenario.folder}-moved`;
      renameSync(scenario.folder, moved);
      try {
        const { code, output } = await scenario
          .from(moved)
          .octollm(["preview", "--expect-no-changes", "--stack", "dev"]);
        assert.equal(code, 0, output);
      } finally {
        renameSync(moved, scenario.folder);
      }
    });

    it("is not lost when the database cannot be reached: refresh fails, and the state stays", async () => {
      const { env } = scenario;
      const before = await urns();
      scenario.env = env.replace(/^(DATABASE_URL=.*:)\d+\//m, "$11/");
      assertSays(
        unwrapped(await scenario.mustFail(["refresh", "--yes", "--skip-preview"])),
        /Cannot .*127\.0\.0\.1:1\b/,
      );
      assertSays(
        unwrapped(await scenario.mustFail(["status"])),
        "service orchestrator 0.2.0:",
        /correct first: database: Cannot .*127\.0\.0\.1:1\b/,
      );
      scenario.env = env;
      assert.deepEqual(await urns(), before);
    });

    it("is all forgotten by destroy, which stops what it started and leaves database, files and backups", async () => {
      const before = await scenario.world();
      const backups = scenario.backups();
      const said = unwrapped(await scenario.must(["destroy", "--yes", "--skip-preview"]));
      assertSays(
        said,
        "The stack forgets the installation in 'octollm'. Its database, its files and the backups in 'backups' stay as they are",
      );
      assert.deepEqual(await scenario.world(), { ...before, serves: null });
      assert.deepEqual(scenario.backups(), backups);
    });
  });
