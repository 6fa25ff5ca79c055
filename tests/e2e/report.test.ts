import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Webhook } from "../support/webhook";
import { engines } from "./support/engines";
import { stack } from "./support/project";
import { Scenario } from "./support/scenario";

for (const engine of engines)
  describe(`reports and notices through an engine (${engine})`, function () {
    this.timeout(180_000);
    let scenario: Scenario;
    let hook: Webhook;
    let elsewhere: string;
    const secret = randomBytes(12).toString("hex");

    before(async () => {
      hook = await Webhook.start();
      elsewhere = mkdtempSync(join(tmpdir(), "octollm-plan-"));
      const never = { days: ["mon"], from: "00:00", to: "00:01", timezone: "UTC" };
      // Open for one minute of the week: that of the test, should it ever be, is no failure of the program.
      scenario = await Scenario.create({ engine, settings: { version: "0.2.0", window: never } });
    });
    after(async () => {
      await scenario?.close();
      await hook?.stop();
      rmSync(elsewhere, { recursive: true, force: true });
    });

    /** Every file in the folder, with its content. */
    const files = (folder: string) =>
      readdirSync(folder, { recursive: true, encoding: "utf8" })
        .filter((name) => !name.startsWith("node_modules"))
        .filter((name) => statSync(join(folder, name)).isFile())
        .map((name) => ({ name, text: readFileSync(join(folder, name), "utf8") }));

    it("a preview writes its plan to the named file and nowhere else, and says what up will refuse", async () => {
      await scenario.must(["config", "set", "--secret", "--path", "notify[0].url", hook.url(`/services/${secret}`)]);
      const before = files(scenario.installation);
      const file = join(elsewhere, "plan.md");
      const output = await scenario.must(["preview", "--report", file]);
      assert.match(output, /^report: .*plan\.md$/m);
      const markdown = readFileSync(file, "utf8");
      assert.match(markdown, /^## ⚠️ OctoLLM 0\.1\.0 → 0\.2\.0: to be accepted$/m);
      assert.match(markdown, /octollm:window: an upgrade may begin on mon from 00:00 to 00:01/);
      assert.match(markdown, /CREATE INDEX CONCURRENTLY/);
      assert.equal(statSync(file).mode & 0o777, 0o600);
      assert.deepEqual(files(scenario.installation), before);
      assert.equal(hook.requests, 0, "a preview tells nobody");
    });

    it("an up outside the window is refused with nothing touched, and done once its plan is named", async () => {
      const refusal = await scenario.upFails();
      const [, plan = ""] = /octollm config set windowOverride ([0-9a-f]{12})/.exec(refusal) ?? [];
      assert.match(refusal, /The upgrade was not started, nothing was touched/);
      assert.equal(hook.requests, 0);
      scenario.set({ windowOverride: plan });
      const output = await scenario.up();
      assert.match(output, /report: .*-0\.1\.0-0\.2\.0-attempt\d+\.html/);
      const told = hook.deliveries.map(({ body }) => body as Record<string, unknown>);
      assert.deepEqual(
        told.map(({ event, stack: name, plan: id }) => [event, name, id]),
        [
          ["start", stack, plan],
          ["success", stack, plan],
        ],
      );
    });

    it("keeps the secret of the webhook out of state, reports, logs and outputs", async () => {
      const found = files(scenario.folder).filter(({ text }) => text.includes(secret));
      assert.deepEqual(
        found.map(({ name }) => name),
        [],
      );
      await scenario.must(["preview", "--expect-no-changes", "--report", join(elsewhere, "settled.html")]);
      assert.match(readFileSync(join(elsewhere, "settled.html"), "utf8"), /nothing to do/);
    });
  });
