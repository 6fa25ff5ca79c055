import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";

import { closedGates } from "../../planner/gates";
import type { Plan } from "../../planner/plan";
import { summarise } from "../../planner/summary";
import type { ServerFacts, World } from "../../planner/world";
import { hazards } from "../../postgres/hazards/table";
import { loadParser } from "../../postgres/statements";
import { CatalogueError } from "../../releases/errors";
import { parseMigrationFile } from "../../releases/migration-file";
import type { Catalogue, Migration } from "../../releases/release";
import { goal, invent, planned, quiet, server, table, world } from "./planner-cases";

interface Written {
  readonly up: string;
  readonly down?: string;
  readonly transaction?: string;
  readonly phase?: string;
  readonly writers?: string;
  readonly previousCode?: string;
  readonly downClass?: string;
}

/** A migration file's text; the up section begins in line 11. */
function written({ up, down = "SELECT 1;", ...rest }: Written): string {
  const { transaction = "transactional", phase = "pre", writers = "online", previousCode = "runs" } = rest;
  const { downClass = "lossy" } = rest;
  return [
    "-- revision: b1",
    "-- down_revision: a1",
    "-- title: invented",
    `-- transaction: ${transaction}`,
    `-- phase: ${phase}`,
    `-- previous_code: ${previousCode}`,
    `-- writers: ${writers}`,
    `-- down: ${downClass}`,
    ...(downClass === "lossy" ? ["-- down_loss: something"] : [""]),
    "-- up",
    up,
    "-- down",
    down,
  ].join("\n");
}

function parsed(file: Written): Migration {
  return parseMigrationFile(written(file), "2.0.0/migrations/b1_x.sql", "2.0.0");
}

/** `line: reason` of each fault of the file. */
function faultsOf(file: Written): string[] {
  try {
    parsed(file);
  } catch (error) {
    if (error instanceof CatalogueError) return error.faults.map(({ line, reason }) => `${line}: ${reason}`);
    throw error;
  }
  return [];
}

function catalogueWith(migration: Migration): Catalogue {
  const invented = invent([{ revisions: [{ revision: "a1" }] }, { revisions: [{ revision: "b1" }] }]);
  return {
    ...invented,
    chain: invented.chain.map((known) => (known.revision === "b1" ? migration : known)),
  };
}

function planOf(file: Written, changes: Partial<ServerFacts> = {}, more: Partial<World> = {}): Plan {
  const from = world("1.0.0", "a1", { server: { ...server, ...changes }, ...more });
  return planned(from, goal("2.0.0"), catalogueWith(parsed(file)));
}

/** `place hazard` of each that is neither waived nor allowed. */
function refusedIn(plan: Plan, allowHazards: readonly string[] = []): string[] {
  const accepted = { acceptBreaking: "", reviewedPlan: "", acceptLoss: "", allowHazards };
  return closedGates(plan, accepted, quiet).map(({ path, text }) => `${path} ${text.split(/[ :]/)[0]}`);
}

const index = "CREATE INDEX i ON tasks (id);";
const refusedIndex = "2.0.0/migrations/b1_x.sql:11 require-concurrent-index-creation";

describe("a hazard in a pending revision", () => {
  before(loadParser);

  it("is refused with file, line, why, what to do instead, and both ways to allow it", () => {
    const accepted = { acceptBreaking: "", reviewedPlan: "", acceptLoss: "", allowHazards: ["ban-truncate"] };
    assert.deepEqual(closedGates(planOf({ up: index }), accepted, quiet), [
      {
        path: "2.0.0/migrations/b1_x.sql:11",
        text:
          "require-concurrent-index-creation (tasks): nobody can write the table while the index is built\n" +
          "  instead: CREATE INDEX CONCURRENTLY in a revision with 'transaction: none'\n" +
          "  to have it done as it is: write '-- allow: require-concurrent-index-creation: <reason>' before the statement, or\n" +
          "  octollm config set --path 'allowHazards[1]' require-concurrent-index-creation",
      },
    ]);
  });

  it("is allowed by name in the settings, and by no other name", () => {
    assert.deepEqual(refusedIn(planOf({ up: index })), [refusedIndex]);
    assert.deepEqual(refusedIn(planOf({ up: index }), ["require-concurrent-index-deletion"]), [refusedIndex]);
    assert.deepEqual(refusedIn(planOf({ up: index }), ["require-concurrent-index-creation"]), []);
  });

  it("is allowed by its file, for the one statement, with the reason in the plan", () => {
    const plan = planOf({
      up: `-- allow: require-concurrent-index-creation: ten rows\n${index}\nCREATE INDEX j ON tasks (id);`,
    });
    assert.deepEqual(refusedIn(plan), [refusedIndex.replace(":11", ":13")]);
    assert.deepEqual(
      plan.revisions.pre[0]?.hazards.map(({ waived }) => waived),
      ["ten rows", null],
    );
    assert.ok(summarise(planOf({ up: "TRUNCATE tasks;" })).includes("loses     ban-truncate of tasks (b1)"));
    assert.equal(plan.revisions.pre[0]?.sql[0], "-- allow: require-concurrent-index-creation: ten rows");
  });

  it("is shown once for each statement, and those of one statement each by its name", () => {
    assert.deepEqual(refusedIn(planOf({ up: "ALTER TABLE tasks\n  DROP COLUMN a, DROP COLUMN b, ADD UNIQUE (c);" })), [
      "2.0.0/migrations/b1_x.sql:11 ban-drop-column",
      "2.0.0/migrations/b1_x.sql:11 disallowed-unique-constraint",
    ]);
  });

  it("that only blocks is none while the services are stopped; one that breaks or loses is", () => {
    const both = `${index}\nALTER TABLE tasks DROP COLUMN a;`;
    const lost = "2.0.0/migrations/b1_x.sql:12 ban-drop-column";
    assert.deepEqual(refusedIn(planOf({ up: both })), [refusedIndex, lost]);
    assert.deepEqual(refusedIn(planOf({ up: both, writers: "stopped" })), [lost]);
    assert.deepEqual(refusedIn(planOf({ up: both, previousCode: "breaks" })), [lost]);
    assert.deepEqual(refusedIn(planOf({ up: both, phase: "post", writers: "stopped" })), [refusedIndex, lost]);
  });

  it("is none on a table that the upgrade itself has made, unless that table was there already", () => {
    const make = (word: string) => `CREATE TABLE ${word}costs (id int);\nCREATE INDEX i ON costs (id);`;
    assert.deepEqual(refusedIn(planOf({ up: make("") })), []);
    assert.deepEqual(refusedIn(planOf({ up: make("IF NOT EXISTS ") })), []);
    const relations = [...server.relations, table("costs")];
    assert.deepEqual(refusedIn(planOf({ up: make("IF NOT EXISTS ") }, { relations })), [
      refusedIndex.replace(":11", ":12"),
    ]);
    assert.deepEqual(refusedIn(planOf({ up: "ALTER TABLE tasks RENAME TO jobs;\nCREATE INDEX i ON jobs (id);" })), [
      "2.0.0/migrations/b1_x.sql:11 renaming-table",
      refusedIndex.replace(":11", ":12"),
    ]);
  });

  it("is none on a table that may be missing, and is", () => {
    assert.deepEqual(refusedIn(planOf({ up: "DROP TABLE IF EXISTS costs;" })), []);
    assert.deepEqual(refusedIn(planOf({ up: "DROP TABLE IF EXISTS tasks;" })), [
      "2.0.0/migrations/b1_x.sql:11 ban-drop-table",
    ]);
  });

  it("is none where the catalogue proves it, and is one where nothing is known", () => {
    const up = "ALTER TABLE tasks ALTER COLUMN name TYPE varchar(20);";
    const column = { name: "name", type: { name: "varchar", modifiers: [10] }, hasNoNulls: false, isChecked: false };
    const known = (changes: Partial<typeof column>) => {
      return {
        columns: [
          {
            schema: "public",
            name: "tasks",
            columns: [{ ...column, ...changes }],
            indexes: [],
            domains: [],
            defaultPartition: null,
          },
        ],
      };
    };
    const refused = ["2.0.0/migrations/b1_x.sql:11 changing-column-type"];
    assert.deepEqual(refusedIn(planOf({ up }, known({}))), []);
    assert.deepEqual(refusedIn(planOf({ up })), refused);
    assert.deepEqual(refusedIn(planOf({ up }, known({ isChecked: true }))), refused);
    assert.deepEqual(refusedIn(planOf({ up }, known({ type: { name: "varchar", modifiers: [30] } }))), refused);
    assert.match(planOf({ up }).revisions.pre[0]?.facts[0] ?? "", /rewrites the table$/);
    assert.match(
      planOf({ up }, known({})).revisions.pre[0]?.facts[0] ?? "",
      /ACCESS EXCLUSIVE: blocks reads and writes$/,
    );
  });

  it("of an index shows what is locked of its table", () => {
    const indexes = [{ schema: "public", name: "old", table: "tasks" }];
    assert.deepEqual(planOf({ up: "DROP INDEX old;" }, { indexes }).revisions.pre[0]?.facts, [
      "line 11: old ACCESS EXCLUSIVE: blocks reads and writes",
      "line 11: tasks ACCESS EXCLUSIVE: blocks reads and writes",
    ]);
    const online = planOf(
      { up: "REINDEX INDEX CONCURRENTLY old;", transaction: "none", down: "VACUUM tasks;" },
      { indexes },
    );
    assert.deepEqual(online.revisions.pre[0]?.facts, [
      "line 11: old SHARE UPDATE EXCLUSIVE: blocks nobody, builds an index",
      "line 11: tasks SHARE UPDATE EXCLUSIVE: blocks nobody",
    ]);
  });

  it("is looked for on the way up only: the way down is judged by what it loses", () => {
    const catalogue = catalogueWith(
      parsed({
        up: "ALTER TABLE tasks ADD COLUMN a int;",
        downClass: "exact",
        down: "ALTER TABLE tasks DROP COLUMN a;",
      }),
    );
    const plan = planned(world("2.0.0", "b1"), goal("1.0.0"), catalogue);
    assert.deepEqual(refusedIn(plan), []);
    assert.deepEqual(plan.revisions.pre[0]?.facts, ["line 13: tasks ACCESS EXCLUSIVE: blocks reads and writes"]);
  });
});

describe("a waiver in a migration file", () => {
  before(loadParser);

  const waive = (comment: string, statement = index) => faultsOf({ up: `${comment}\n${statement}` });

  it("is refused for a hazard that there is not, without a reason, twice, and for no statement", () => {
    assert.deepEqual(waive("-- allow: all: I know"), [
      "11: there is no hazard 'all' to allow; docs/hazards.md names them all",
    ]);
    assert.deepEqual(waive("-- allow: require-concurrent-index-creation"), [
      "11: says no reason: write '-- allow: require-concurrent-index-creation: <why it is all right here>'",
    ]);
    const good = "-- allow: require-concurrent-index-creation: ten rows";
    assert.deepEqual(waive(good), []);
    assert.deepEqual(waive(`${good}\n${good}`), ["12: allows 'require-concurrent-index-creation' twice"]);
    assert.deepEqual(faultsOf({ up: `SELECT 1;\n${good}` }), [
      "12: allows 'require-concurrent-index-creation' for no statement: write it before the one that it is for",
    ]);
  });

  it("is refused where nothing needs it, with what the statement has", () => {
    assert.deepEqual(waive("-- allow: ban-drop-table: old"), [
      "11: allows 'ban-drop-table', which the statement has not; what it has is require-concurrent-index-creation",
    ]);
    assert.deepEqual(waive("-- allow: ban-drop-table: old", "SELECT 1;"), [
      "11: allows 'ban-drop-table', which the statement has not",
    ]);
    const waived = `-- allow: require-concurrent-index-creation: ten rows\n${index}`;
    assert.deepEqual(faultsOf({ up: waived, writers: "stopped" }), [
      "11: allows 'require-concurrent-index-creation', which the statement has not while the services are stopped",
    ]);
    assert.deepEqual(faultsOf({ up: "SELECT 1;", down: waived }), [
      "13: allows 'require-concurrent-index-creation', but the way down is judged by what it loses, not by its hazards",
    ]);
    assert.deepEqual(faultsOf({ up: `CREATE TABLE t (id int);\n${waived.replace("tasks", "t")}` }), [
      "12: allows 'require-concurrent-index-creation', which the statement has not",
    ]);
  });

  it("is a comment of its own between statements, not text within one", () => {
    const within = "COMMENT ON TABLE tasks IS '\n-- allow: nothing: at all\n';";
    assert.deepEqual(faultsOf({ up: within }), []);
    assert.deepEqual(waive("-- Ten rows.\n--allow : require-concurrent-index-creation : ten: or eleven\n"), []);
  });

  it("is needed for what only two statements of one transaction have together", () => {
    const add = "ALTER TABLE tasks ADD CHECK (id > 0) NOT VALID;";
    const up = `${add}\n-- allow: validating-under-lock: ten rows\nALTER TABLE tasks VALIDATE CONSTRAINT c;`;
    assert.deepEqual(faultsOf({ up }), []);
    assert.deepEqual(faultsOf({ up: up.replace(`${add}\n`, "") }), [
      "11: allows 'validating-under-lock', which the statement has not",
    ]);
  });

  it("does not make a down exact that cannot bring back what is dropped", () => {
    const drop = "-- allow: ban-drop-column: unused\nALTER TABLE tasks DROP COLUMN a;";
    assert.deepEqual(faultsOf({ up: drop }), []);
    assert.deepEqual(faultsOf({ up: drop, downClass: "kept" }), []);
    const fault = "what this drops no down brings back: say 'down: kept', 'lossy' or 'none' instead of 'exact'";
    assert.deepEqual(faultsOf({ up: drop, downClass: "exact" }), [`12: ${fault}`]);
    assert.deepEqual(faultsOf({ up: "TRUNCATE tasks;", downClass: "exact" }), [`11: ${fault}`]);
    assert.deepEqual(faultsOf({ up: "CREATE TABLE t (id int);\nDROP TABLE t;", downClass: "exact" }), []);
  });

  it("does not help a COMMIT in the revision's own transaction", () => {
    for (const sql of ["COMMIT;", "BEGIN;", "ROLLBACK;", "SAVEPOINT a;"])
      assert.deepEqual(faultsOf({ up: `SELECT 1;\n${sql}` }), [
        "12: the revision is one transaction with its stamp: BEGIN, COMMIT and their like may not stand in it",
      ]);
  });
});

describe("docs/hazards.md", () => {
  it("lists exactly the hazards that there are", () => {
    const text = readFileSync(resolve(__dirname, "../../docs/hazards.md"), "utf8");
    const rows = Object.entries(hazards).map(
      ([name, { effect, why, instead }]) => `| \`${name}\` | ${effect} | ${why} | ${instead} |`,
    );
    assert.deepEqual(
      text.split("\n").filter((line) => line.startsWith("| `")),
      rows,
    );
    assert.ok(rows.length >= 20);
  });
});
