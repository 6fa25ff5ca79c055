import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Plan } from "../../planner/plan";
import type { Properties } from "../../provider/codec";
import { Installed, preflight } from "../support/installed";
import { ProviderProcess } from "../support/provider-client";
import { Webhook } from "../support/webhook";

const gates = { acceptBreaking: "1.0.0", report: { folder: "reports", keep: 3 } };
const notifyFunction = "upgrade:index:notify";

describe("what is told of attempts, by reports and webhooks", function () {
  this.timeout(120_000);
  let installed: Installed;
  let provider: ProviderProcess;
  let hook: Webhook;
  let state: Properties;
  let secrets: string[];

  before(async () => {
    installed = await Installed.create();
    hook = await Webhook.start();
    const { env } = installed.installation;
    writeFileSync(env, `${readFileSync(env, "utf8")}\nOPENAI_API_KEY=sk-s3cr3t-0f-the-0perat0r\n`);
    secrets = ["sk-s3cr3t-0f-the-0perat0r", "s3cr3t-h00k", new URL(installed.databaseUrl).password];
  });
  after(async () => {
    await installed?.remove();
    await hook?.stop();
  });
  beforeEach(async () => {
    provider = await ProviderProcess.start();
    hook.deliveries.length = 0;
    const events = ["start", "success", "failure"];
    await provider.invoke(notifyFunction, { targets: [{ url: hook.url(), format: "generic", events }] });
  });
  afterEach(async () => {
    await provider.stop();
    const told = [...provider.said, ...provider.logs.map(({ text }) => text)].join("\n");
    for (const secret of secrets) assert.ok(!told.includes(secret), `${secret} was told`);
  });

  const folder = () => join(installed.installation.folder, "reports");

  /** The reports of an attempt; none of them holds a secret, and all are for their owner only. */
  function reports(attempt: number): { html: string; markdown: string } {
    assert.equal(statSync(folder()).mode & 0o777, 0o700);
    const names = readdirSync(folder()).filter((name) => name.includes(`-attempt${attempt}.`));
    const [html = "", markdown = ""] = names.toSorted().map((name) => {
      assert.equal(statSync(join(folder(), name)).mode & 0o777, 0o600, name);
      const text = readFileSync(join(folder(), name), "utf8");
      for (const secret of secrets) assert.ok(!text.includes(secret), `${secret} is in ${name}`);
      return text;
    });
    assert.deepEqual(names.map((name) => name.split(".").at(-1)).toSorted(), ["html", "md"]);
    return { html, markdown };
  }

  async function begin(version: string, old?: Properties, changes: Properties = {}): Promise<Plan> {
    const { inputs, failures } = await provider.check(
      preflight,
      installed.inputs(version, { ...gates, ...changes }),
      old,
    );
    assert.deepEqual(failures, []);
    state = await provider.apply(preflight, inputs, { old });
    return state.plan as Plan;
  }

  const events = () => hook.deliveries.map(({ body }) => (body as { event: string }).event);

  it("an adoption has its report, and webhooks hear of its beginning and end", async () => {
    await installed.runPhases(provider, await begin("0.1.0"));
    assert.match(reports(1).markdown, /^## ✅ OctoLLM 0\.1\.0: succeeded\n\nThe stack has taken OctoLLM 0\.1\.0 over/);
    assert.deepEqual(events(), ["start", "success"]);
    assert.ok(provider.lines().some((line) => line.startsWith("report: ") && line.endsWith("-attempt1.html")));
  });

  it("an upgrade's tells phases, downtime, revisions, backup and its proof, .env, checks and the way back", async () => {
    const plan = await begin("1.0.0", state);
    const outputs = await installed.runPhases(provider, plan);
    const { html, markdown } = reports(2);
    for (const text of [
      "OctoLLM 1.0.0 serves.",
      "without service",
      "Deployment",
      "SchemaMigration (post)",
      "e4f5a6",
      "200 in tasks",
      String(outputs.backup?.backupId),
      "the SHA-256 of every file was read back",
      "CACHE_L1_ENABLED",
      "The way back",
      "octollm config set version 0.1.0",
    ]) {
      assert.ok(html.includes(text), `${text} is not in the page`);
      assert.ok(markdown.replaceAll("\\", "").includes(text), `${text} is not in the Markdown:\n${markdown}`);
    }
    assert.match(html, /All \d+ passed\./);
    const [start, end] = hook.deliveries.map(({ body }) => body as Record<string, unknown>);
    assert.deepEqual(
      [start?.event, start?.outcome, start?.from, start?.to, start?.attempt, start?.plan, start?.report],
      ["start", null, "0.1.0", "1.0.0", 2, plan.id, null],
    );
    assert.deepEqual([end?.event, end?.outcome], ["success", "succeeded"]);
    assert.equal(end?.downtimeSeconds, outputs.resume?.downtimeSeconds);
    assert.ok(existsSync(String(end?.report)));
  });

  it("a failure's has the very text of the error, and what came of the way back", async () => {
    const plan = await begin("0.1.0", state);
    await provider.apply({ type: "Quiesce", name: "quiesce" }, { attempt: plan.attempt, ...plan.stops });
    await provider.apply({ type: "Backup", name: "backup" }, { attempt: plan.attempt, ...plan.backup });
    const [step] = plan.revisions.pre;
    const revisions = [{ ...step, sql: ["SELECT '<script>alert(1)</script>' | '`';"] }];
    const error = await provider
      .apply({ type: "SchemaMigration", name: "pre" }, { attempt: plan.attempt, phase: "pre", revisions })
      .then(
        () => assert.fail("it should have failed"),
        ({ message }: Error) => message,
      );
    assert.match(error, /^It was undone: OctoLLM 1\.0\.0 serves again\.$/m);
    const { html, markdown } = reports(3);
    assert.ok(markdown.includes(`\n${error}\n`), `${error}\nis not in\n${markdown}`);
    assert.ok(html.includes("&lt;script&gt;alert(1)&lt;/script&gt;") && !html.includes("<script"));
    assert.ok(html.includes("Way back"));
    assert.deepEqual(events(), ["start", "failure"]);
    assert.equal((hook.deliveries.at(-1)?.body as { detail: string }).detail, error);
    assert.equal(await installed.serving(), "1.0.0");
  });

  it("an attempt that was killed gets its report from the next one, with what the ledger and the backup know", async () => {
    const plan = await begin("0.1.0", state);
    await provider.apply({ type: "Quiesce", name: "quiesce" }, { attempt: plan.attempt, ...plan.stops });
    await provider.apply({ type: "Backup", name: "backup" }, { attempt: plan.attempt, ...plan.backup });
    provider.kill("SIGKILL");
    await provider.stop();
    assert.ok(!readdirSync(folder()).some((name) => name.includes("-attempt4.")));
    provider = await ProviderProcess.start();
    await installed.runPhases(provider, await begin("0.1.0", state));
    const { html, markdown } = reports(4);
    assert.match(markdown, /^## ❌ OctoLLM 1\.0\.0 → 0\.1\.0: did not end$/m);
    assert.match(markdown, /^Attempt 4 of stack dev on .* was cut short in Backup\.$/m);
    assert.ok(html.includes("-1.0.0-attempt4") && html.includes("the SHA-256 of every file was read back"));
    assert.match(provider.lines().join("\n"), /^attempt 4 was cut short; its report: .*-attempt4\.html$/m);
    assert.match(reports(5).markdown, /^## ✅ OctoLLM 1\.0\.0 → 0\.1\.0: succeeded$/m);
  });

  it("a report that cannot be written and a webhook that is gone are said, and fail nothing", async () => {
    const closed = await Webhook.start();
    const url = closed.url();
    await closed.stop();
    await provider.invoke(notifyFunction, { targets: [{ url, format: "slack", events: ["success"] }] });
    await installed.runPhases(provider, await begin("0.1.0", state, { report: { folder: ".env", keep: 3 } }));
    const warnings = provider.lines("warning").join("\n");
    assert.match(warnings, /^No report could be written; the upgrade does not depend on it\. EEXIST: .*\.env'$/m);
    assert.match(
      warnings,
      /^Webhook 1 of 'notify' \(slack\) was not told of the success: it cannot be reached \(ECONNREFUSED\) \(tried twice\)\. The upgrade does not depend on it\.$/m,
    );
    const { inputs } = await provider.check(preflight, installed.inputs("0.1.0", gates), state);
    assert.equal(await provider.diff(preflight, state, inputs), null, "where reports go is no change");
  });
});
