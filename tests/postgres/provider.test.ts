import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { DotenvFile } from "../../environment/dotenv-file";
import type { Plan } from "../../planner/plan";
import type { Properties } from "../../provider/codec";
import { withAdopted } from "../support/adopted";
import { type Installed, preflight } from "../support/installed";
import { ProviderProcess } from "../support/provider-client";
import { CatalogueCopy } from "../unit/catalogue-cases";

const quiesce = { type: "Quiesce", name: "quiesce" };

describe("the provider, as a process of its own, before it touches anything", function () {
  this.timeout(60_000);
  let installed: Installed;
  let provider: ProviderProcess;
  /** Inputs and outputs of an adopted 0.1.0, as a state would have them. */
  let adopted: Properties;

  withAdopted((there) => void ({ installed, provider, adopted } = there));

  /** Check and Diff of an adopted installation, as the engine runs them. */
  async function asked(
    version: string,
    gates: Properties = {},
  ): Promise<{ inputs: Properties; changes: string[] | null }> {
    const { inputs, failures } = await provider.check(preflight, installed.inputs(version, gates), adopted);
    assert.deepEqual(failures, []);
    return { inputs, changes: await provider.diff(preflight, adopted, inputs) };
  }

  it("refuses in Check, and all faults at once", async () => {
    await installed.sql("UPDATE alembic_version SET version_num = 'fff000'");
    try {
      const { failures } = await provider.check(preflight, installed.inputs("9.9.9"), {
        ...adopted,
        pin: { systemIdentifier: "1", database: "elsewhere" },
      });
      assert.deepEqual(failures.map((failure) => failure.split(": ")[0]).toSorted(), [
        "alembic_version",
        "database",
        "octollm:version",
      ]);
      assert.match(failures.join("\n"), /there is no release '9\.9\.9'; the catalogue has 0\.1\.0, 0\.2\.0, 1\.0\.0/);
      assert.match(
        failures.join("\n"),
        /this stack belongs to database 'elsewhere' of cluster 1, but the settings lead to/,
      );
    } finally {
      await installed.sql("UPDATE alembic_version SET version_num = 'def456'");
    }
  });

  it("refuses an empty stack that asks for an upgrade, with the commands to type", async () => {
    const { failures } = await provider.check(preflight, installed.inputs("1.0.0"));
    assert.equal(failures.length, 1);
    assert.match(
      failures[0] ?? "",
      /OctoLLM 0\.1\.0 runs, and this stack has not adopted it yet\. First:\n.*config set version 0\.1\.0/,
    );
  });

  it("says in Check that a database does not answer, without its password", async () => {
    const unreachable = { ...installed.site, database: { key: "DATABASE_URL", host: "127.0.0.1", port: 1 } };
    const { failures } = await provider.check(
      preflight,
      { ...installed.inputs("0.1.0"), settings: unreachable },
      adopted,
    );
    assert.equal(failures.length, 1);
    assert.match(failures[0] ?? "", /127\.0\.0\.1/);
  });

  it("asks nothing of a world that is not known yet", async () => {
    const inputs = { ...installed.inputs("1.0.0"), version: "04da6b54-80e4-46f7-96ec-b56ff0331ba9" };
    assert.deepEqual((await provider.check(preflight, inputs)).failures, []);
  });

  it("sees no change where goal and world agree, whatever the gates say", async () => {
    assert.equal((await asked("0.1.0")).changes, null);
    assert.equal((await asked("0.1.0", { acceptBreaking: "1.0.0", reviewedPlan: "x", acceptLoss: "y" })).changes, null);
  });

  it("sees the version and the plan change when another version is wanted", async () => {
    const { changes } = await asked("1.0.0");
    assert.deepEqual(changes, [
      "~installation.environment",
      "~installation.release",
      "~installation.revision",
      "~installation.services[0]",
      "~plan",
      "~version",
    ]);
  });

  it("names a changed setting by its path", async () => {
    const inputs = {
      ...adopted,
      settings: { ...installed.site, backup: { ...installed.site.backup, folder: "elsewhere" } },
    };
    assert.deepEqual(await provider.diff(preflight, adopted, inputs), ["~plan", "~settings.backup.folder"]);
  });

  it("names each changed line of a phase's slice", async () => {
    const old = { attempt: 1, phase: "pre", revisions: [{ sql: ["a", "b"] }] };
    const now = { attempt: 2, phase: "pre", revisions: [{ sql: ["a", "c", "d"] }] };
    const changes = await provider.diff({ type: "SchemaMigration", name: "pre" }, old, now);
    assert.deepEqual(changes, ["+revisions[0].sql[2]", "~attempt", "~revisions[0].sql[1]"]);
    assert.equal(await provider.diff({ type: "SchemaMigration", name: "pre" }, now, now), null);
  });

  it("previews a known plan, tells it in some lines, warns of closed gates, and writes nothing", async () => {
    const before = await installed.everything();
    provider.logs.length = 0;
    const { inputs } = await asked("1.0.0", { reviewedPlan: "000000000000" });
    const outputs = await provider.apply(preflight, inputs, { old: adopted, preview: true });
    const plan = outputs.plan as Plan;
    assert.deepEqual([plan.from, plan.to, plan.direction, plan.attempt], ["0.1.0", "1.0.0", "up", 1]);
    assert.deepEqual(
      plan.revisions.pre.map(({ revision }) => revision),
      ["abc123", "b1c2d3", "e4f5a6"],
    );
    const lines = provider.lines();
    assert.ok(lines.length >= 10 && lines.length <= 20, lines.join("\n"));
    for (const line of [
      /^path +0\.1\.0 -> 1\.0\.0/,
      /^stops +orchestrator/,
      /^revisions \+abc123/,
      /^way back +schema-down/,
      /^touches +tasks: ~200 rows/,
    ])
      assert.match(lines.join("\n"), new RegExp(line.source, "m"));
    assert.ok(lines.some((line) => line.includes(plan.id)));
    assert.deepEqual(
      provider.lines("warning").map((line) => line.split(/: /)[0]),
      ["'up' will refuse this. octollm:acceptBreaking", "'up' will refuse this. octollm:reviewedPlan"],
    );
    assert.deepEqual(await provider.apply(quiesce, { attempt: 1, ...plan.stops }, { preview: true }), {
      attempt: 1,
      ...plan.stops,
    });
    assert.deepEqual(await installed.everything(), before);
  });

  const refusals: readonly [string, Properties, RegExp][] = [
    [
      "acceptBreaking",
      {},
      /^octollm:acceptBreaking: 1\.0\.0 breaks clients \(.*\)\. When they are ready for it: octollm config set acceptBreaking 1\.0\.0$/,
    ],
    [
      "reviewedPlan",
      { acceptBreaking: "1.0.0", reviewedPlan: "000000000000" },
      /^octollm:reviewedPlan: the plan is [0-9a-f]{12}, but 000000000000 was reviewed: .* octollm config set reviewedPlan [0-9a-f]{12}$/,
    ],
  ];
  for (const [gate, gates, text] of refusals)
    it(`refuses a real update while ${gate} is closed, and touches nothing`, async () => {
      const before = await installed.everything();
      const another = await ProviderProcess.start();
      try {
        await assert.rejects(
          another.apply(preflight, installed.inputs("1.0.0", gates), { old: adopted }),
          ({ message }: Error) => {
            const [first, ...rest] = message.split("\n");
            assert.equal(first, "The upgrade was not started, nothing was touched. Still to be accepted:");
            assert.equal(rest.length, 1);
            assert.match(rest[0] ?? "", text);
            return true;
          },
        );
      } finally {
        await another.stop();
      }
      assert.deepEqual(await installed.everything(), before);
    });

  it("refuses a hazard that neither its file nor the settings allow, and touches nothing", async () => {
    const copy = new CatalogueCopy();
    const file = "0.2.0/migrations/d1d1d1_x.sql";
    try {
      copy.addRevision(file, "d1d1d1", "b1c2d3");
      copy.editAll(file, (text) =>
        text
          .replace("transaction: none", "transaction: transactional")
          .replace("-- down: exact", "-- down: lossy\n-- down_loss: what it drops")
          .replace(
            /-- up[^]*/,
            "-- up\nALTER TABLE tasks\n  ALTER COLUMN status SET NOT NULL, DROP COLUMN result;\nALTER TABLE task_history ALTER COLUMN id TYPE numeric;\nDROP INDEX idx_tasks_created_at;\n\n-- down\nSELECT 1;\n",
          ),
      );
      copy.edit("0.2.0/release.yaml", "revision: b1c2d3", "revision: d1d1d1");
      copy.edit("1.0.0/migrations/e4f5a6_task_priority_scale.sql", "down_revision: b1c2d3", "down_revision: d1d1d1");
      const settings = { ...installed.site, catalogue: copy.folder };
      const inputs = (allowHazards: string[] = []) => ({ ...installed.inputs("0.2.0", { allowHazards }), settings });
      const before = await installed.everything();
      // SET NOT NULL is none: the column is so already.
      const refused = [
        `${file}:12: ban-drop-column (tasks)`,
        `${file}:14: changing-column-type (task_history)`,
        `${file}:15: require-concurrent-index-deletion (idx_tasks_created_at)`,
      ];
      const named = (text: string) => text.split("\n").flatMap((line) => /\S+\.sql:\d+: \S+ \(\w+\)/.exec(line) ?? []);

      provider.logs.length = 0;
      const { failures } = await provider.check(preflight, inputs(), adopted);
      assert.deepEqual(failures, []);
      const { plan } = (await provider.apply(preflight, inputs(), { old: adopted, preview: true })) as { plan: Plan };
      assert.deepEqual(provider.lines("warning").flatMap(named), refused);
      assert.deepEqual(plan.revisions.pre.at(-1)?.facts, [
        "line 12: tasks ACCESS EXCLUSIVE: blocks reads and writes",
        "line 14: task_history ACCESS EXCLUSIVE: blocks reads and writes, rewrites the table",
        "line 15: idx_tasks_created_at ACCESS EXCLUSIVE: blocks reads and writes",
        "line 15: tasks ACCESS EXCLUSIVE: blocks reads and writes",
      ]);
      const another = await ProviderProcess.start();
      try {
        await assert.rejects(another.apply(preflight, inputs(), { old: adopted }), ({ message }: Error) => {
          assert.match(message, /^The upgrade was not started, nothing was touched\. Still to be accepted:\n/);
          assert.deepEqual(named(message), refused);
          return true;
        });
      } finally {
        await another.stop();
      }
      assert.deepEqual(await installed.everything(), before);

      provider.logs.length = 0;
      const allowed = inputs(["ban-drop-column", "changing-column-type", "require-concurrent-index-deletion"]);
      await provider.check(preflight, allowed, adopted);
      await provider.apply(preflight, allowed, { old: adopted, preview: true });
      assert.deepEqual(provider.lines("warning"), []);
    } finally {
      copy.remove();
    }
  });

  it("refuses a phase that no Preflight of this run has opened", async () => {
    const before = await installed.everything();
    for (const type of ["Quiesce", "Backup", "SchemaMigration", "Environment", "Resume", "Verification", "Completion"])
      await assert.rejects(
        provider.apply({ type, name: type }, { attempt: 7, services: ["orchestrator"], required: true, revisions: [] }),
        {
          message:
            "Attempt 7 is not under way: a phase runs only after Preflight in the same run. Nothing was touched. " +
            "Run the whole stack, without --target and --replace: npx octollm up",
        },
      );
    assert.deepEqual(await installed.everything(), before);
  });

  it("refuses a resource type that it does not have", async () => {
    await assert.rejects(
      provider.check({ type: "Nothing", name: "x" }, {}),
      /The provider 'upgrade' has no resource type 'upgrade:index:Nothing'/,
    );
  });

  it("has told no secret to anybody in any of this", () => {
    const { password } = new URL(installed.databaseUrl);
    const env = DotenvFile.parse(readFileSync(installed.installation.env));
    const secrets = env.lines.flatMap(({ assignment }) => {
      const value =
        assignment && /KEY|SECRET|PASSWORD|TOKEN/.test(assignment.key) ? (env.get(assignment.key) ?? "") : "";
      return value.length >= 8 ? [value] : [];
    });
    assert.ok(secrets.length >= 2, "the operator's .env has secrets");
    const told = [...provider.said, ...provider.logs.map(({ text }) => text)].join("\n");
    assert.ok(told.includes("CACHE_L1_ENABLED"), "the lines of .env were shown");
    for (const secret of [password, ...secrets]) assert.ok(!told.includes(secret), "a secret was told");
  });
});
