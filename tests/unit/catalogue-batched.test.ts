import assert from "node:assert/strict";

import { loadParser } from "../../postgres/statements";
import { loadCatalogue } from "../../releases/catalogue";
import { CatalogueError } from "../../releases/errors";
import { parseMigrationFile } from "../../releases/migration-file";

const file = "1.0.0/migrations/aaa111_x.sql";

/** A file whose sections begin in line 10. */
function parse(sections: string, changes: Readonly<Record<string, string>> = {}) {
  const header = {
    revision: "aaa111",
    down_revision: "none",
    title: "a change",
    transaction: "transactional",
    phase: "pre",
    previous_code: "runs",
    writers: "stopped",
    down: "exact",
    ...changes,
  };
  const lines = Object.entries(header).map(([key, value]) => `-- ${key}: ${value}`);
  return parseMigrationFile(`${[...lines, ""].join("\n")}\n${sections}`, file, "1.0.0");
}

/** `line: reason` of each fault. */
function faultsOf(sections: string, changes: Readonly<Record<string, string>> = {}): string[] {
  try {
    parse(sections, changes);
  } catch (error) {
    if (error instanceof CatalogueError)
      return error.faults.map(({ line, reason }) => `${line}: ${reason.split(":")[0]}`);
    throw error;
  }
  return [];
}

const batch = "-- batch\nUPDATE tasks SET priority = 1 WHERE in_batch(tasks);\n";
const back = `-- down batched\n${batch}`;

/** A section that goes up in batches, the way back beside it, and the fault that must be found. */
const broken: readonly [string, string, string][] = [
  ["no part '-- batch'", `-- up batched\nSELECT 1;\n${back}`, "11: has no part '-- batch'"],
  [
    "SQL outside of its parts",
    `-- up batched\nSELECT 1;\n${batch}${back}`,
    "11: SQL of a batched section must stand in one of its parts",
  ],
  [
    "parts in another order",
    `-- up batched\n${batch}-- before\nSELECT 1;\n${back}`,
    "11: the parts must be in the order '-- before', '-- batch', '-- after'",
  ],
  ["a part twice", `-- up batched\n${batch}${batch}${back}`, "13: the part '-- batch' stands twice"],
  [
    "an empty batch",
    `-- up batched\n-- batch\n-- after\nSELECT 1;\n${back}`,
    "11: the part '-- batch' has no statement",
  ],
  [
    "a statement that does not say which rows",
    `-- up batched\n${batch}\nUPDATE tasks SET priority = 2;\n${back}`,
    "14: a statement of a batch picks its rows with one in_batch(table), and this one has 0",
  ],
  [
    "a statement that says it twice",
    `-- up batched\n-- batch\nUPDATE tasks SET priority = 2 WHERE in_batch(tasks) OR in_batch(tasks);\n${back}`,
    "12: a statement of a batch picks its rows with one in_batch(table), and this one has 2",
  ],
  [
    "an alias that is none",
    `-- up batched\n-- batch\nUPDATE tasks AS task SET priority = 2 WHERE in_batch(tasks);\n${back}`,
    "12: in_batch(tasks)",
  ],
  [
    "something else than an alias",
    `-- up batched\n-- batch\nUPDATE tasks SET priority = 2 WHERE in_batch(tasks.id + 1);\n${back}`,
    "12: in_batch takes the name or the alias of a table",
  ],
  [
    "rows of two tables",
    `-- up batched\n-- batch\nUPDATE tasks SET priority = 2 WHERE in_batch(tasks);\nDELETE FROM entities WHERE in_batch(entities);\n${back}`,
    "13: all statements of a batch take rows of one table",
  ],
  [
    "a constraint that must be there to be dropped",
    `-- up batched\n-- before\nALTER TABLE tasks DROP CONSTRAINT x;\n${batch}${back}`,
    "12: what '-- before' drops it drops IF EXISTS",
  ],
  ["a syntax error", `-- up batched\n-- batch\nUPDATE tasks SETT a = 1 WHERE in_batch(tasks);\n${back}`, "12"],
  [
    "a predicate that is none",
    `-- up batched\n-- predicate: priority <\n${batch}${back}`,
    "11: the predicate must be one condition on a row of the table",
  ],
  [
    "an empty predicate",
    `-- up batched\n-- predicate:\n${batch}${back}`,
    "11: the predicate must be one condition on a row of the table",
  ],
  [
    "no way back in batches",
    `-- up batched\n${batch}-- down\nSELECT 1;\n`,
    "10: needs a section '-- down batched' too",
  ],
  ["only a way back in batches", `-- up\nSELECT 1;\n${back}`, "12: needs a section '-- up batched' too"],
  [
    "CONCURRENTLY",
    `-- up batched\n${batch}-- after\nREINDEX TABLE CONCURRENTLY tasks;\n${back}`,
    "14: CONCURRENTLY cannot run in a transaction",
  ],
];

/** Sections with `writers: online`, and the lines that are refused. */
const online: readonly [string, string, readonly number[]][] = [
  ["columns and tables that are added", "-- up\nALTER TABLE tasks ADD COLUMN a int;\nCREATE TABLE b (id int);\n", []],
  ["an UPDATE in one go", "-- up\nALTER TABLE tasks ADD COLUMN a int;\nUPDATE tasks SET a = 1;\n", [12]],
  [
    "an UPDATE within WITH",
    "-- up\nWITH done AS (UPDATE tasks SET a = 1 RETURNING 1) SELECT count(*) FROM done;\n",
    [11],
  ],
  ["a conversion of a column", "-- up\nALTER TABLE tasks ALTER COLUMN a TYPE int USING a * 2;\n", [11]],
  ["a DO block, which may do anything", "-- up\nDO $$ BEGIN NULL; END $$;\n", [11]],
  ["a query", "-- up\nSELECT count(*) FROM tasks;\n", []],
  ["CREATE TABLE AS", "-- up\nCREATE TABLE b AS SELECT 1;\n", []],
  ["batches without a predicate", `-- up batched\n${batch}`, [12]],
  ["batches with one", `-- up batched\n-- predicate: priority <> 1\n${batch}`, []],
  [
    "batches with one, and data around them",
    `-- up batched\n-- predicate: priority <> 1\n-- before\nDELETE FROM tasks;\n${batch}`,
    [13],
  ],
  [
    "a column of its own without a trigger",
    "-- up batched\n-- before\nALTER TABLE tasks ADD COLUMN a int;\n-- batch\nUPDATE tasks SET a = priority * 2 WHERE in_batch(tasks);\n",
    [14],
  ],
  [
    "a column of its own that a trigger fills in new rows",
    "-- up batched\n-- before\nALTER TABLE tasks ADD COLUMN a int;\n" +
      "CREATE TRIGGER fill BEFORE INSERT OR UPDATE ON tasks FOR EACH ROW EXECUTE FUNCTION fill();\n" +
      "-- batch\nUPDATE tasks SET a = priority * 2 WHERE in_batch(tasks);\n",
    [],
  ],
  [
    "a column of its own that is made from itself",
    "-- up batched\n-- before\nALTER TABLE tasks ADD COLUMN a int DEFAULT 1;\n" +
      "CREATE TRIGGER fill BEFORE INSERT OR UPDATE ON tasks FOR EACH ROW EXECUTE FUNCTION fill();\n" +
      "-- batch\nUPDATE tasks SET a = a * 2 WHERE in_batch(tasks);\n",
    [15],
  ],
  [
    "a trigger that comes after the row, or only for INSERT",
    "-- up batched\n-- before\nALTER TABLE tasks ADD COLUMN a int;\n" +
      "CREATE TRIGGER fill AFTER INSERT OR UPDATE ON tasks FOR EACH ROW EXECUTE FUNCTION fill();\n" +
      "CREATE TRIGGER fill2 BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION fill();\n" +
      "-- batch\nUPDATE tasks SET a = priority WHERE in_batch(tasks);\n",
    [16],
  ],
];

describe("a migration file with batched sections", () => {
  before(loadParser);

  it("knows table, columns, predicate and whether there is another way", () => {
    const { up, upBatched, downBatched, down } = parse(
      `-- up\nSELECT 1;\n-- up batched\n-- predicate: priority < 6 -- old\n-- before\nSELECT 2;\n-- batch\n` +
        `UPDATE public.tasks AS "Task" SET priority = 1, status = 'x' FROM entities AS e WHERE in_batch("Task") AND e.id = "Task".id;\n` +
        back,
    );
    assert.equal(up.statements.length, 1);
    assert.deepEqual(
      [upBatched?.relation, upBatched?.columns, upBatched?.predicate, upBatched?.only],
      ["public.tasks", ["priority", "status"], "priority < 6 -- old", false],
    );
    assert.deepEqual([downBatched?.only, down?.sql], [true, downBatched?.sql]);
  });

  it("of OctoLLM's own has both ways, of one table and column", async () => {
    const { chain } = await loadCatalogue();
    const scale = chain.find(({ revision }) => revision === "e4f5a6");
    for (const section of [scale?.upBatched, scale?.downBatched])
      assert.deepEqual([section?.relation, section?.columns, section?.only], ["tasks", ["priority"], false]);
  });

  for (const [name, sections, expected] of broken)
    it(`is refused with its line: ${name}`, () => {
      let found: string[];
      try {
        found = faultsOf(sections);
      } catch (error) {
        found = [String((error as { line: number }).line)];
      }
      assert.deepEqual(found, [expected]);
    });

  it("is refused with 'transaction: none', which batches are not", () => {
    assert.deepEqual(faultsOf(`-- up batched\n${batch}${back}`, { transaction: "none" }), [
      "10: section '-- up batched' needs 'transaction",
    ]);
  });

  for (const [name, sections, lines] of online)
    it(`with 'writers: online' ${lines.length > 0 ? "is refused" : "is accepted"}: ${name}`, () => {
      const plain = sections.includes("batched") ? back : "-- down\nSELECT 1;\n";
      const found = faultsOf(sections + plain, { writers: "online" });
      assert.deepEqual(
        found.map((fault) => Number(fault.split(":")[0])),
        lines,
        found.join("\n"),
      );
      assert.ok(
        found.every((fault) => fault.includes("nobody could tell") || fault.includes("writers")),
        found.join("\n"),
      );
      assert.deepEqual(faultsOf(sections + plain), []);
    });
});
