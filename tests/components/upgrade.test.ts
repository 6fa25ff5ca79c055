import assert from "node:assert/strict";

import * as pulumi from "@pulumi/pulumi";

import { readSettings } from "../../components/stack-settings";
import { Upgrade } from "../../components/upgrade";
import { noRestore } from "../../planner/backups";
import type { Plan } from "../../planner/plan";
import { loadCatalogue } from "../../releases/catalogue";
import { parseSettings, type Settings, siteOf } from "../../settings";
import { goal, planned, world } from "../unit/planner-cases";
import { record, type Registration, secretMark } from "./recorder";

const password = "pa55w0rd";
const databaseUrl = `postgresql://octollm:${password}@db.example/octollm`;

function service(name: string, port: number): object {
  return { name, port, command: "serve {version}", health: "/health", log: `logs/${name}.log` };
}

function settingsOf(changes: Record<string, string> = {}): Settings {
  const services = JSON.stringify([service("orchestrator", 8000), service("planner-arm", 8001)]);
  return parseSettings({ version: "1.0.0", target: "local", services, ...changes }, ["databaseUrl"]);
}

describe("the program, against mocks of the engine", function () {
  this.timeout(30_000);
  let plan: Plan;
  let registered: readonly Registration[];

  const register = (settings: Settings, made: Plan = plan) => record(made, () => new Upgrade("octollm", settings));

  before(async () => {
    const services = ["orchestrator", "planner-arm"].map((name) => ({ name, health: "/health" }));
    plan = planned(world("0.1.0", "def456"), goal("1.0.0", { services }), await loadCatalogue());
    registered = await register(settingsOf());
  });

  function find(name: string, among = registered): Registration {
    const found = among.find((candidate) => candidate.name === name);
    assert.ok(found, `'${name}' is not registered`);
    return found;
  }

  it("registers the phases in their order, and nothing besides", () => {
    assert.deepEqual(
      registered.map(({ type, name }) => `${type} ${name}`),
      [
        "pulumi:pulumi:Stack octollm-dev",
        "upgrade:index:Upgrade octollm",
        "upgrade:index:Preflight preflight",
        "upgrade:index:Quiesce quiesce",
        "upgrade:index:Backup backup",
        "upgrade:index:Restore restore",
        "upgrade:index:SchemaMigration pre",
        "upgrade:index:Environment environment",
        "upgrade:index:LocalDeployment services",
        "command:local:Command services-orchestrator",
        "command:local:Command services-planner-arm",
        "upgrade:index:Resume resume",
        "upgrade:index:Verification verification",
        "upgrade:index:SchemaMigration post",
        "upgrade:index:Completion completion",
      ],
    );
  });

  it("puts every phase below the installation, and every service below the deployment", () => {
    const parents = Object.fromEntries(registered.slice(1).map(({ name, parent }) => [name, parent]));
    const { octollm, "services-orchestrator": first, "services-planner-arm": second, ...phases } = parents;
    assert.deepEqual([octollm, first, second], ["octollm-dev", "services", "services"]);
    assert.ok(
      Object.values(phases).every((parent) => parent === "octollm"),
      JSON.stringify(phases),
    );
  });

  it("lets each phase wait for the one before it, and everything that is not ours for Preflight", () => {
    const order = [
      "preflight",
      "quiesce",
      "backup",
      "restore",
      "pre",
      "environment",
      "services",
      "resume",
      "verification",
      "post",
      "completion",
    ];
    for (const [index, name] of order.entries()) {
      const [before] = order.slice(Math.max(index - 1, 0), index);
      if (before === undefined || name === "services") continue;
      const expected = before === "services" ? "services-planner-arm" : before;
      assert.ok(find(name).dependsOn.includes(expected), `${name} waits for ${find(name).dependsOn.join()}`);
    }
    for (const name of ["services-orchestrator", "services-planner-arm"])
      assert.ok(find(name).dependsOn.includes("preflight"), `${name} does not wait for Preflight`);
    assert.ok(
      find("services-orchestrator").dependsOn.includes("environment"),
      "no service starts before .env is written",
    );
    assert.ok(
      find("services-planner-arm").dependsOn.includes("services-orchestrator"),
      "the services start one after the other",
    );
  });

  it("gives every phase its slice of the plan, and the attempt, and no more", () => {
    const { attempt } = plan;
    const { file, undo, apply, lines } = plan.environment;
    const { countsMustMatch, release, revision, task } = plan.checks;
    const expected: Record<string, object> = {
      quiesce: { attempt, services: ["planner-arm", "orchestrator"], reasons: plan.stops.reasons },
      backup: { attempt, required: true, contents: plan.backup.contents },
      restore: { attempt, ...noRestore },
      pre: { attempt, phase: "pre", revisions: plan.revisions.pre },
      environment: { attempt, file, undo, apply, lines },
      resume: { attempt, release: "1.0.0", services: plan.deploy.services },
      verification: { attempt, countsMustMatch, release, revision, task, lines: plan.checks.lines },
      post: { attempt, phase: "post", revisions: [] },
      completion: { attempt, release: "1.0.0", planId: plan.id, wayBack: plan.rollback },
    };
    for (const [name, inputs] of Object.entries(expected)) assert.deepEqual(find(name).inputs, inputs, name);
  });

  it("gives Preflight the version, the gates and the whole description of the installation", () => {
    const settings = settingsOf({
      acceptBreaking: "1.0.0",
      reviewedPlan: "abc",
      acceptLoss: "def",
      allowHazards: '["ban-drop-table"]',
      stopAfter: "migrate",
    });
    return register(settings).then((all) => {
      assert.deepEqual(find("preflight", all).inputs, {
        version: "1.0.0",
        restoreFrom: "",
        acceptBreaking: "1.0.0",
        reviewedPlan: "abc",
        acceptLoss: "def",
        allowHazards: ["ban-drop-table"],
        stopAfter: "migrate",
        window: settings.window,
        windowOverride: "",
        report: { folder: "reports", keep: 100 },
        notify: [],
        settings: siteOf(settings),
      });
      for (const { name, inputs } of all.filter((one) => one.name !== "preflight"))
        for (const gate of ["acceptBreaking", "reviewedPlan", "acceptLoss", "allowHazards", "stopAfter"])
          assert.ok(!(gate in inputs), `${gate} in ${name}`);
    });
  });

  it("runs services by commands that stay the same over versions and attempts: only their environment changes", async () => {
    const later = { ...plan, attempt: 9, to: "0.2.0" };
    const again = await register(settingsOf({ version: "0.2.0" }), later);
    for (const name of ["orchestrator", "planner-arm"]) {
      const { environment, ...command } = find(`services-${name}`).inputs;
      const { environment: changed, ...same } = find(`services-${name}`, again).inputs;
      assert.deepEqual(command, {
        create: `node bin/octollm service start ${name}`,
        update: `node bin/octollm service start ${name}`,
        delete: `node bin/octollm service stop ${name}`,
        addPreviousOutputInEnv: false,
      });
      assert.deepEqual(same, command);
      const { OCTOLLM_SERVICE: placed, ...rest } = environment as Record<string, string>;
      assert.deepEqual(rest, { OCTOLLM_RELEASE: "1.0.0", OCTOLLM_ATTEMPT: "2" });
      assert.deepEqual(changed, { OCTOLLM_RELEASE: "0.2.0", OCTOLLM_ATTEMPT: "9", OCTOLLM_SERVICE: placed });
      const { installation, environmentFile, service: said } = JSON.parse(placed ?? "") as Record<string, unknown>;
      assert.deepEqual([installation, environmentFile, (said as { name: string }).name], [".", ".env", name]);
    }
  });

  it("makes no provider of its own, as long as the database's URL is in the installation's .env", () => {
    assert.deepEqual(
      registered.filter(({ type }) => type.startsWith("pulumi:providers:")),
      [],
    );
    assert.ok(registered.every(({ explicitProvider }) => !explicitProvider));
  });

  it("gives a URL from the configuration to one provider, as a secret, and to nothing else", async () => {
    const all = await register(settingsOf({ databaseUrl }));
    const providers = all.filter(({ type }) => type.startsWith("pulumi:providers:"));
    assert.deepEqual(
      providers.map(({ type, parent }) => [type, parent]),
      [["pulumi:providers:upgrade", "octollm"]],
    );
    const { databaseUrl: sent } = providers[0]?.inputs as { databaseUrl: { value: string } };
    assert.equal(sent.value, databaseUrl);
    assert.ok(Object.values(sent).includes(secretMark));
    for (const one of all.filter((candidate) => !providers.includes(candidate)))
      assert.doesNotMatch(JSON.stringify(one.inputs), new RegExp(`${password}|${secretMark}`), one.name);
    const served = all.filter(({ explicitProvider }) => explicitProvider).map(({ type }) => type);
    assert.deepEqual(
      served,
      all.map(({ type }) => type).filter((type) => /^upgrade:index:(?!Upgrade|LocalDeployment)/.test(type)),
    );
  });

  it("without a plan to apply declares the same resources: no phase is ever absent", async () => {
    const settled = planned(world("1.0.0", "e4f5a6"), goal("1.0.0"), await loadCatalogue());
    const all = await register(settingsOf(), settled);
    assert.deepEqual(
      all.map(({ name }) => name),
      registered.map(({ name }) => name),
    );
    assert.deepEqual(find("pre", all).inputs, { attempt: 2, phase: "pre", revisions: [] });
  });

  it("refuses a configuration that it does not understand, as an error without a stack trace, all faults at once", () => {
    pulumi.runtime.setAllConfig({
      "octollm:version": "1.0.0",
      "octollm:target": "local",
      "octollm:services": JSON.stringify([service("orchestrator", 8000)]),
      "octollm:versoin": "1.0.0",
      "octollm:backup": JSON.stringify({ jops: 1 }),
      "other:key": "is none of ours",
    });
    assert.throws(readSettings, (error) => {
      assert.ok(pulumi.RunError.isInstance(error), "Pulumi shows any other error with its stack");
      const lines = error.message.split("\n").filter((line) => line.startsWith("  "));
      assert.deepEqual(lines.toSorted(), [
        "  octollm:backup.jops: there is no such setting",
        "  octollm:versoin: there is no such setting",
      ]);
      return true;
    });
    pulumi.runtime.setAllConfig({});
  });
});
