import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { parse } from "yaml";

import { parseSettings, settingDefaults, siteOf } from "../../settings";
import { faultsOf, handedOver, least, type Raw, service, settingsOf } from "./settings-cases";

describe("the settings of a stack", () => {
  it("have defaults for everything but version, target and services", () => {
    const settings = settingsOf();
    assert.deepEqual(settings, {
      version: "1.0.0",
      target: "local",
      installation: ".",
      environmentFile: ".env",
      composeFile: "",
      configFolder: "config",
      catalogue: "",
      database: { key: "DATABASE_URL", host: "", port: 0 },
      databaseUrl: "",
      docker: {
        host: "",
        maintenance: false,
        network: "octollm-network",
        address: "127.0.0.1",
        archiveVolumes: [],
        stores: [],
      },
      kubernetes: {
        kubeconfig: "",
        context: "",
        namespace: "octollm",
        configMap: "octollm-config",
        secret: "octollm-secrets",
        forceConflicts: false,
      },
      services: [{ ...service, directory: ".", environment: {}, startTimeout: 60, stopTimeout: 30 }],
      backup: {
        folder: "backups",
        early: false,
        jobs: 2,
        verify: "checksums",
        keepDays: 30,
        keepAtLeast: 5,
        recipients: [],
        identityFile: "",
      },
      restoreFrom: "",
      quiesce: { timeout: 60, terminate: false },
      migration: { lockTimeout: 4, retries: 10, concurrentlyTimeout: 7200 },
      verification: {
        task: true,
        taskTimeout: 60,
        requests: 30,
        errorRate: 0.01,
        latencyFactor: 3,
        latencySlack: 100,
        logErrors: [],
        logAllow: [],
        smoke: [],
        invariants: [],
        indexes: [],
      },
      preview: { budget: 10 },
      report: { folder: "reports", keep: 100 },
      notify: [],
      window: { days: ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], from: "00:00", to: "00:00", timezone: "UTC" },
      rehearsal: {
        production: "",
        masking: [],
        mayShare: [],
        test: "",
        testTimeout: 1800,
        load: {
          tool: "autocannon",
          duration: 10,
          connections: 10,
          rate: 0,
          paths: [],
          thresholds: { errors: 1, p95: 0, p99: 0, slowdown: 0 },
        },
      },
      onFailure: "restart",
      stopAfter: "",
      acceptBreaking: "",
      reviewedPlan: "",
      acceptLoss: "",
      allowHazards: [],
      windowOverride: "",
    });
    assert.ok(Object.isFrozen(settings));
  });

  it("take one key of a group, and leave the others at their defaults", () => {
    assert.deepEqual(settingsOf({ backup: { jobs: 8 } }).backup, { ...settingsOf().backup, jobs: 8 });
    assert.deepEqual(settingsOf({ quiesce: { terminate: true } }).quiesce, { timeout: 60, terminate: true });
  });

  it("keep text that looks like something else as text", () => {
    assert.equal(settingsOf({ reviewedPlan: "012345678901" }).reviewedPlan, "012345678901");
    assert.equal(settingsOf({ acceptLoss: "12345678" }).acceptLoss, "12345678");
    assert.equal(settingsOf({ environmentFile: "true" }).environmentFile, "true");
  });

  it("hand on to the phases no goal, no gate and no secret", () => {
    const site = siteOf(
      settingsOf({ databaseUrl: "postgresql://u:pa55@h/d", acceptBreaking: "1.0.0" }, ["databaseUrl"]),
    );
    for (const key of [
      "version",
      "target",
      "databaseUrl",
      "acceptBreaking",
      "reviewedPlan",
      "acceptLoss",
      "allowHazards",
    ])
      assert.ok(!(key in site), key);
    assert.doesNotMatch(JSON.stringify(site), /pa55/);
  });

  const table: readonly [string, Raw, string[]][] = [
    [
      "no version and no target",
      { version: undefined, target: undefined },
      ["octollm:version: is not set", "octollm:target: is not set"],
    ],
    ["a version that is none", { version: "latest" }, ["octollm:version: must be a version such as 1.0.0"]],
    [
      "a target that there is not",
      { target: "moon" },
      ['octollm:target: Invalid option: expected one of "local"|"docker"|"kubernetes"'],
    ],
    [
      "a hazard that there is not",
      { allowHazards: ["ban-drop-table", "everything"] },
      ["octollm:allowHazards[1]: is no hazard; docs/hazards.md names them all"],
    ],
    [
      "a rehearsal with masks, paths and limits that are none",
      {
        rehearsal: {
          masking: [
            { table: "tasks", column: "", as: "hash" },
            { table: "tasks", column: "result" },
          ],
          load: {
            tool: "ab",
            paths: [{ service: "orchestrator", path: "tasks", from: "new" }],
            thresholds: { errors: 101 },
          },
        },
      },
      [
        "octollm:rehearsal.masking[0].column: must not be empty",
        "octollm:rehearsal.masking[1].as: is not set",
        'octollm:rehearsal.load.tool: Invalid option: expected one of "autocannon"|"k6"',
        "octollm:rehearsal.load.paths[0].path: must begin with '/'",
        "octollm:rehearsal.load.paths[0].from: must be a version such as 1.0.0",
        "octollm:rehearsal.load.thresholds.errors: Too big: expected number to be <=100",
      ],
    ],
    ["an unknown key", { versoin: "1.0.0" }, ["octollm:versoin: there is no such setting"]],
    ["an unknown key of a group", { backup: { jops: 2 } }, ["octollm:backup.jops: there is no such setting"]],
    [
      "an unknown key of a service",
      { services: [{ ...service, prot: 1 }] },
      ["octollm:services[0].prot: there is no such setting"],
    ],
    [
      "a key that Pulumi names as a path",
      { "backup.folder": "b" },
      ["octollm:backup.folder: there is no such setting"],
    ],
    [
      "a group that is no object",
      { backup: "backups" },
      ["octollm:backup: Invalid input: expected object, received string"],
    ],
    [
      "services that are no list",
      { services: { a: 1 } },
      ["octollm:services: Invalid input: expected array, received object"],
    ],
    ["no service", { services: [] }, ["octollm:services: names no service to run"]],
    [
      "a port that is none",
      { services: [{ ...service, port: 70000 }] },
      ["octollm:services[0].port: Too big: expected number to be <=65535"],
    ],
    [
      "a port as text",
      { services: [{ ...service, port: "8000" }] },
      ["octollm:services[0].port: Invalid input: expected number, received string"],
    ],
    [
      "a service's name that is no word",
      { services: [{ ...service, name: "a b; rm" }] },
      ["octollm:services[0].name: must be lower-case letters, digits and '-'"],
    ],
    [
      "a service without a health path",
      { services: [{ ...service, health: undefined }] },
      ["octollm:services[0].health: is not set"],
    ],
    [
      "a health path without '/'",
      { services: [{ ...service, health: "health" }] },
      ["octollm:services[0].health: must begin with '/'"],
    ],
    [
      "a number in a service's environment",
      { services: [{ ...service, environment: { A: 1 } }] },
      ["octollm:services[0].environment.A: Invalid input: expected string, received number"],
    ],
    [
      "a timeout of nothing",
      { quiesce: { timeout: 0 } },
      ["octollm:quiesce.timeout: Too small: expected number to be >=1"],
    ],
    [
      "an onFailure that there is not",
      { onFailure: "panic" },
      ['octollm:onFailure: Invalid option: expected one of "restart"|"leave"'],
    ],
    [
      "a log pattern that is no regular expression",
      { verification: { logAllow: ["ok", "(["] } },
      ["octollm:verification.logAllow[1]: is no regular expression: Unterminated character class"],
    ],
    [
      "two services with one name, and two on one port",
      { services: [service, { ...service, port: 1 }, { ...service, name: "other" }] },
      ["octollm:services[1].name: 'orchestrator' stands twice", "octollm:services[2].port: '8000' stands twice"],
    ],
  ];
  for (const [name, changes, expected] of table)
    it(`refuse ${name}`, () => {
      const raw = Object.fromEntries(
        Object.entries({ ...least, ...changes }).filter(([, value]) => value !== undefined),
      );
      assert.deepEqual(faultsOf(raw), expected);
    });

  it("take Deployments for services of target kubernetes, whose ports are their own, and no container for its database", () => {
    const deployment = {
      name: "orchestrator",
      deployment: "orchestrator",
      image: "octollm/orchestrator:{version}",
      port: 8000,
    };
    const raw = {
      version: "1.0.0",
      target: "kubernetes",
      services: [deployment, { ...deployment, name: "a", deployment: "a" }],
    };
    const settings = parseSettings(handedOver(raw));
    assert.equal(siteOf(settings).kubernetes?.namespace, "octollm");
    assert.deepEqual(faultsOf({ ...raw, services: [deployment, { ...deployment, name: "a" }] }), [
      "octollm:services[1].deployment: 'orchestrator' stands twice",
    ]);
    assert.deepEqual(faultsOf({ ...raw, database: { container: "postgres" } }), [
      "octollm:database.container: there is no such setting",
    ]);
    assert.deepEqual(faultsOf({ version: "1.0.0", target: "kubernetes" }), [
      "octollm:services: names no service to run",
    ]);
  });

  it("show all faults together, each with its path", () => {
    const raw: Raw = {
      version: "1",
      target: "moon",
      surprise: "x",
      installation: "",
      backup: { jobs: 0, extra: 1 },
      services: [service, { ...service, port: 0, log: undefined }],
    };
    const paths = faultsOf(raw).map((fault) => fault.split(": ")[0]);
    const expected = [
      "version",
      "target",
      "surprise",
      "installation",
      "backup.jobs",
      "backup.extra",
      "services[1].port",
      "services[1].log",
      "services[1].name",
    ];
    assert.deepEqual(paths.toSorted(), expected.map((path) => `octollm:${path}`).toSorted());
  });

  it("want the database's URL as a secret, and no other setting as one", () => {
    const databaseUrl = "postgresql://u:pa55@h/d";
    assert.equal(settingsOf({ databaseUrl }, ["databaseUrl"]).databaseUrl, databaseUrl);
    const open = faultsOf({ ...least, databaseUrl }).join();
    assert.match(
      open,
      /^octollm:databaseUrl: holds a password; set it with: octollm config set --secret databaseUrl <url>$/,
    );
    const faults = faultsOf({ ...least, version: "x" }, ["services", "databaseUrl"]);
    assert.deepEqual(
      faults.map((fault) => fault.split(": ")[0]),
      ["octollm:version", "octollm:services"],
    );
  });

  it("never repeat a secret in a refusal", () => {
    const faults = faultsOf({ ...least, databaseUrl: "postgresql://u:pa55@h/d", version: "x" });
    assert.doesNotMatch(faults.join(), /pa55/);
  });
});

interface ConfigKey {
  readonly type: string;
  readonly default?: unknown;
  readonly description?: string;
}

const project = resolve(__dirname, "..", "..");
const read = (file: string) => parse(readFileSync(join(project, file), "utf8")) as { config: Record<string, unknown> };

describe("Pulumi.yaml", () => {
  const { config } = read("Pulumi.yaml") as { config: Record<string, ConfigKey> };
  const defaults = settingDefaults();

  it("declares exactly the keys that the program knows, each with a description", () => {
    assert.deepEqual(Object.keys(config).toSorted(), Object.keys(defaults).toSorted());
    for (const [key, { description = "" }] of Object.entries(config)) assert.match(description, /^[^]{15,}\.$/, key);
  });

  for (const key of Object.keys(defaults))
    it(`gives ${key} the program's default`, () => {
      const declared = config[key]?.default;
      if (declared === undefined) assert.equal(defaults[key], undefined);
      // A group without its keys is the group with the program's defaults.
      else
        assert.deepEqual(
          parseSettings(handedOver({ ...least, [key]: declared, ...pinned(key) })),
          settingsOf(pinned(key)),
        );
    });

  /** Services cannot be left at their default of none; their default itself is compared. */
  function pinned(key: string): Raw {
    if (key === "services") assert.deepEqual(config[key]?.default, defaults[key]);
    return key === "services" ? { services: [service] } : {};
  }
});

describe("the stack files of the project", () => {
  function raw(file: string): Raw {
    const entries = Object.entries(read(file).config);
    assert.ok(
      entries.every(([key]) => key.startsWith("octollm:")),
      Object.keys(read(file).config).join(),
    );
    return Object.fromEntries(entries.map(([key, value]) => [key.slice("octollm:".length), value]));
  }

  for (const [file, target] of [
    ["Pulumi.dev.yaml", "local"],
    ["Pulumi.staging.yaml", "docker"],
    ["Pulumi.prod.yaml", "kubernetes"],
  ] as const)
    it(`${file} can be used as it is`, () => {
      assert.equal(parseSettings(handedOver(raw(file))).target, target);
    });
});
