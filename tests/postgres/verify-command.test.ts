import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Plan } from "../../planner/plan";
import type { Properties } from "../../provider/codec";
import { makeProject, removeProject } from "../e2e/support/project";
import { Installed, preflight } from "../support/installed";
import { ProviderProcess } from "../support/provider-client";
import { type Ended, octollm } from "../support/run";

interface LoadRow {
  readonly attempt: number;
  readonly before: readonly { readonly measure: string; readonly requests: number; readonly errors: number }[] | null;
  readonly after: LoadRow["before"];
}

describe("octollm verify, and the Verification of an upgrade", function () {
  this.timeout(120_000);
  let installed: Installed;
  let provider: ProviderProcess;
  let project: string;
  let state: Properties;

  before(async () => {
    installed = await Installed.create();
    project = makeProject();
    provider = await ProviderProcess.start();
    await octollm(project, ["stack", "init", "dev"], environment);
    configure("0.1.0");
  });
  after(async () => {
    await provider?.stop();
    removeProject(project);
    await installed?.remove();
  });

  const environment = { PULUMI_CONFIG_PASSPHRASE: "test", NO_COLOR: "1" };
  const verify = (...argv: string[]): Promise<Ended> => octollm(project, ["verify", ...argv], environment);

  function configure(version: string): void {
    const { installation, services } = installed.site;
    const settings = { version, target: "local", installation, services };
    const lines = Object.entries(settings).map(([key, value]) => `  octollm:${key}: ${JSON.stringify(value)}\n`);
    writeFileSync(join(project, "Pulumi.dev.yaml"), `config:\n${lines.join("")}`);
  }

  async function begin(version: string, old?: Properties): Promise<Plan> {
    const { inputs, failures } = await provider.check(
      preflight,
      installed.inputs(version, { acceptBreaking: version }),
      old,
    );
    assert.deepEqual(failures, []);
    state = await provider.apply(preflight, inputs, { old });
    return state.plan as Plan;
  }

  async function load(): Promise<LoadRow | undefined> {
    const rows = await installed.sql<LoadRow>(
      `SELECT attempt, load -> 'before' AS before, load -> 'after' AS after FROM octollm_upgrade.attempts ORDER BY attempt`,
    );
    return rows.at(-1);
  }

  const measured = (side: LoadRow["before"] | undefined) =>
    side?.map(({ measure, requests, errors }) => `${measure} ${requests} ${errors}`);
  const tasks = async () => Number((await installed.sql<{ n: string }>("SELECT count(*) AS n FROM tasks"))[0]?.n);

  it("passes before the installation is adopted, and ends with 0", async () => {
    const { code, stdout, stderr } = await verify();
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /^ {6}CHECK {33}FOUND\npass {2}no upgrade is under way or was cut {4}none\n {6}short\n/);
    assert.match(stdout, /\nOctoLLM 0\.1\.0 of stack dev: all 11 checks passed; 1 could not be made\.\n$/);
    for (const line of stdout.split("\n")) assert.ok(line.length <= 80, line);
    assert.equal(await tasks(), 200);
  });

  it("an adoption creates no task, and measures for later", async () => {
    const plan = await begin("0.1.0");
    assert.equal(plan.checks.task, false);
    const { verification } = await installed.runPhases(provider, plan);
    const checks = verification?.passed as string[];
    assert.ok(!checks.some((check) => check.includes(" task: ")), checks.join("\n"));
    assert.deepEqual([(await load())?.before, measured((await load())?.after)], [null, ["list of tasks 30 0"]]);
    const sequence = "SELECT last_value::integer AS last FROM task_history_id_seq";
    const [before] = await installed.sql(sequence);
    const { stdout } = await verify("--no-task");
    assert.match(stdout, /orchestrator: list of tasks fails no +0 of 30 failed before, 0 of 30 after/);
    assert.deepEqual(await installed.sql(sequence), [before], "no task has come and gone");
  });

  it("the state of an earlier program, which knew fewer settings, is no change", async () => {
    const { inputs } = await provider.check(preflight, installed.inputs("0.1.0"), state);
    const settings = { ...(state.settings as Properties), verification: { logAllow: [] } };
    const { checks, ...plan } = state.plan as Plan;
    const earlier = { ...state, settings, plan: { ...plan, checks: { ...checks, task: undefined } } };
    assert.equal(await provider.diff(preflight, earlier, inputs), null);
    const other = { ...settings, verification: { logAllow: ["x"] } };
    assert.deepEqual(await provider.diff(preflight, { ...earlier, settings: other }, inputs), [
      "-settings.verification.logAllow[0]",
      "~plan",
    ]);
  });

  it("an upgrade compares with what was before it, and so does a verification later", async () => {
    const { checks } = await begin("1.0.0", state).then(async (plan) => {
      await installed.runPhases(provider, plan);
      return plan;
    });
    assert.ok(checks.lines.includes("orchestrator: list of tasks fails no more often and takes no longer than before"));
    assert.deepEqual(
      [measured((await load())?.before), measured((await load())?.after)],
      [["list of tasks 30 0"], ["list of tasks 30 0"]],
    );
    assert.equal(await tasks(), 200);
    configure("1.0.0");
    const junit = join(project, "verify.xml");
    const { code, stdout, stderr } = await verify("--json", "--junit", junit);
    assert.equal(code, 0, stdout + stderr);
    const told = JSON.parse(stdout) as { passed: boolean; release: string; checks: Record<string, string>[] };
    assert.deepEqual([told.passed, told.release], [true, "1.0.0"]);
    assert.deepEqual(
      told.checks.filter(({ subject }) => subject === "rows").map(({ check, detail }) => `${check}: ${detail}`),
      [
        "rows of api_keys: 3 rows, as before",
        "rows of entities: 200 rows, as before",
        "rows of task_history: 500 rows, as before",
        "rows of tasks: 200 rows, as before",
      ],
    );
    assert.match(
      readFileSync(junit, "utf8"),
      /<testsuites name="OctoLLM 1\.0\.0 of stack dev" tests="\d+" failures="0"/,
    );
  });

  it("tells a table that is gone since, ends with 1, and says what to do", async () => {
    await installed.sql("ALTER TABLE entities RENAME TO elsewhere");
    const { code, stdout } = await verify("--no-task");
    await installed.sql("ALTER TABLE elsewhere RENAME TO entities");
    assert.equal(code, 1);
    assert.match(stdout, /\nFAIL {2}rows of entities {22}200 rows before, no table after\n/);
    assert.match(stdout, /1 of \d+ checks FAILED\.\nNext: correct the cause, then run it again\. .*octollm status\n$/);
  });

  it("while an upgrade was cut short it fails, creates no task, and the next upgrade knows how it was before", async () => {
    const plan = await begin("0.1.0", state);
    await provider.apply({ type: "Quiesce", name: "quiesce" }, { attempt: plan.attempt, ...plan.stops });
    provider.kill("SIGKILL");
    await provider.stop();
    const { code, stdout } = await verify("--json");
    assert.equal(code, 1);
    const { checks } = JSON.parse(stdout) as { checks: { check: string; result: string; detail: string }[] };
    const [first] = checks;
    assert.deepEqual([first?.check, first?.result], ["no upgrade is under way or was cut short", "fail"]);
    assert.match(
      first?.detail ?? "",
      /^attempt 3 of stack dev \(1\.0\.0 -> 0\.1\.0\) is open since .*: octollm status$/,
    );
    assert.ok(!checks.some(({ check }) => check.includes("takes a task")));
    provider = await ProviderProcess.start();
    await installed.runPhases(provider, await begin("0.1.0", state));
    const row = await load();
    assert.deepEqual(
      [row?.attempt, measured(row?.before), measured(row?.after)],
      [4, ["list of tasks 30 0"], ["list of tasks 30 0"]],
    );
  });

  it("refuses a time that is none", async () => {
    const { code, stderr } = await verify("--since", "yesterday");
    assert.equal(code, 1);
    assert.match(stderr, /It reads 30m, 2h, 1d, or a time such as 2026-01-01T10:00Z\./);
  });

  it("says when the file for CI cannot be written, after what was found", async () => {
    const { code, stdout, stderr } = await verify("--no-task", "--junit", "/nowhere/verify.xml");
    assert.equal(code, 1);
    assert.match(stdout, /checks passed/);
    assert.match(stderr, /^The checks were made, but \/nowhere\/verify\.xml could not be written: ENOENT/m);
  });
});
