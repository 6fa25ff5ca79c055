import assert from "node:assert/strict";

import { parseDatabaseUrl } from "../../postgres/connection";
import { blockedBy, lockModes } from "../../postgres/statement-locks";
import { loadParser, parseScript, SqlSyntaxError } from "../../postgres/statements";
import { testDatabase, understoodBy } from "../support/postgres";
import { outsider } from "./installation";

const locksOf = (sql: string) =>
  parseScript(sql).flatMap(({ locks }) =>
    locks.map((lock) => `${lock.relation}: ${lock.mode}${lock.rewrites ? ", rewrites" : ""}`),
  );

describe("a script of SQL", () => {
  before(loadParser);

  it("is split where PostgreSQL splits it, with the right lines and without comments before", () => {
    const sql = [
      "-- é ✓ 😀; a comment",
      "SELECT 'é;';  /* ; */",
      "",
      "-- another",
      "DO $tag$ BEGIN PERFORM 1; END $tag$;",
      "UPDATE t SET a = '✓;' -- tail",
      "  WHERE b;",
      "SELECT 2",
    ].join("\n");
    assert.deepEqual(
      parseScript(sql, { firstLine: 11 }).map((statement) => [statement.line, statement.sql]),
      [
        [12, "SELECT 'é;'"],
        [15, "DO $tag$ BEGIN PERFORM 1; END $tag$"],
        [16, "UPDATE t SET a = '✓;' -- tail\n  WHERE b"],
        [18, "SELECT 2"],
      ],
    );
  });

  it("may be empty", () => {
    for (const sql of ["", "  \n", "-- nothing\n", ";"]) assert.deepEqual(parseScript(sql), []);
  });

  it("is refused with file, line, column and a caret under the fault", () => {
    const sql = "SELECT 1;\n-- ✓\nSELECT 'é😀' from from x;";
    assert.throws(
      () => parseScript(sql, { file: "1.0.0/migrations/x.sql", firstLine: 21 }),
      (error: Error) => {
        assert.ok(error instanceof SqlSyntaxError);
        assert.deepEqual([error.file, error.line, error.column], ["1.0.0/migrations/x.sql", 23, 18]);
        const caret = `  23 | SELECT 'é😀' from from x;\n${" ".repeat(7 + 17)}^`;
        assert.equal(error.message, `1.0.0/migrations/x.sql:23:18: syntax error at or near "from"\n${caret}`);
        return true;
      },
    );
  });

  it("shows the locks of concurrent builds, which no transaction can show", () => {
    assert.deepEqual(locksOf("CREATE INDEX CONCURRENTLY i ON t (a)"), ["t: SHARE UPDATE EXCLUSIVE"]);
    assert.deepEqual(locksOf("DROP INDEX CONCURRENTLY IF EXISTS s.i"), ["s.i: SHARE UPDATE EXCLUSIVE"]);
    assert.deepEqual(locksOf("REINDEX TABLE CONCURRENTLY t"), ["t: SHARE UPDATE EXCLUSIVE"]);
    assert.deepEqual(locksOf("VACUUM t"), ["t: SHARE UPDATE EXCLUSIVE"]);
    assert.deepEqual(locksOf("VACUUM (FULL) t"), ["t: ACCESS EXCLUSIVE, rewrites"]);
    assert.deepEqual(locksOf("VACUUM (FULL off) t"), ["t: SHARE UPDATE EXCLUSIVE"]);
  });

  it("names each relation once, with its strongest lock", () => {
    const sql =
      "WITH gone AS (DELETE FROM a RETURNING *) INSERT INTO b SELECT * FROM gone JOIN a USING (id) JOIN c.d USING (id)";
    assert.deepEqual(locksOf(sql), ["b: ROW EXCLUSIVE", "a: ROW EXCLUSIVE", "c.d: ACCESS SHARE"]);
  });
});

const schema = `
  CREATE TABLE t (id int PRIMARY KEY, a int, b text, c timestamptz);
  CREATE TABLE other (id int PRIMARY KEY, t_id int);
  CREATE TABLE part (id int) PARTITION BY RANGE (id);
  CREATE TABLE part1 (id int);
  CREATE INDEX t_a ON t (a);
  CREATE VIEW v AS SELECT 1 AS one;
  CREATE MATERIALIZED VIEW m AS SELECT 1 AS one;
  CREATE UNIQUE INDEX m_one ON m (one);
  CREATE SEQUENCE s;
  ALTER TABLE t ADD CONSTRAINT t_check CHECK (a < 100) NOT VALID;
  CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
  CREATE TRIGGER existing BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
  CREATE POLICY existing ON t;
  INSERT INTO t SELECT n, n, 'x', now() FROM generate_series(1, 50) n;`;

/** Each runs in a transaction that is rolled back; the relations it names are compared with pg_locks and relfilenode. */
const judged = [
  "SELECT * FROM t",
  "SELECT * FROM t FOR UPDATE",
  "UPDATE t SET a = 1 WHERE id = 1",
  "INSERT INTO other SELECT id, a FROM t",
  "DELETE FROM other USING t WHERE other.t_id = t.id",
  "MERGE INTO other o USING t ON o.id = t.id WHEN MATCHED THEN DELETE",
  "WITH gone AS (DELETE FROM t RETURNING id) INSERT INTO other SELECT id, id FROM gone",
  "CREATE INDEX i ON t (b)",
  "DROP INDEX t_a",
  "ALTER INDEX t_a RENAME TO t_aa",
  "REINDEX INDEX t_a",
  "REINDEX TABLE t",
  "DROP TABLE other",
  "TRUNCATE other",
  "LOCK TABLE t IN SHARE ROW EXCLUSIVE MODE",
  "LOCK TABLE t",
  "ANALYZE t",
  "CLUSTER t USING t_a",
  "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
  "DROP TRIGGER existing ON t",
  "CREATE POLICY p ON t",
  "ALTER POLICY existing ON t USING (true)",
  "DROP POLICY existing ON t",
  "CREATE RULE r AS ON DELETE TO t DO INSTEAD NOTHING",
  "CREATE STATISTICS st ON a, b FROM t",
  "COMMENT ON TABLE t IS 'x'",
  "COMMENT ON COLUMN t.a IS 'x'",
  "COMMENT ON CONSTRAINT t_check ON t IS 'x'",
  "GRANT SELECT ON t TO PUBLIC",
  "CREATE TABLE new (id int)",
  "CREATE TABLE new (id int REFERENCES t, o int, FOREIGN KEY (o) REFERENCES other (id))",
  "CREATE TABLE new (LIKE t)",
  "CREATE TABLE new () INHERITS (t)",
  "CREATE TABLE new PARTITION OF part FOR VALUES FROM (1) TO (2)",
  "CREATE TABLE new AS SELECT * FROM t",
  "CREATE VIEW w AS SELECT * FROM t",
  "CREATE OR REPLACE VIEW v AS SELECT 2 AS one",
  "REFRESH MATERIALIZED VIEW m",
  "REFRESH MATERIALIZED VIEW CONCURRENTLY m",
  "ALTER SEQUENCE s INCREMENT 2",
  "ALTER TABLE t RENAME COLUMN a TO z",
  "ALTER TABLE t RENAME TO z",
  "ALTER TABLE t ADD COLUMN n int",
  "ALTER TABLE t ADD COLUMN n int DEFAULT 3",
  "ALTER TABLE t ADD COLUMN n timestamptz DEFAULT now()",
  "ALTER TABLE t ADD COLUMN n text DEFAULT lower('X') || 'y'",
  "ALTER TABLE t ADD COLUMN n timestamptz DEFAULT clock_timestamp()",
  "ALTER TABLE t ADD COLUMN n uuid DEFAULT gen_random_uuid()",
  "ALTER TABLE t ADD COLUMN n serial",
  "ALTER TABLE t ADD COLUMN n int GENERATED ALWAYS AS (a * 2) STORED",
  "ALTER TABLE t ADD COLUMN n int GENERATED ALWAYS AS IDENTITY",
  "ALTER TABLE t ADD COLUMN n int REFERENCES other",
  "ALTER TABLE t DROP COLUMN b",
  "ALTER TABLE t ALTER COLUMN a TYPE bigint",
  "ALTER TABLE t ALTER COLUMN a TYPE integer USING a * 2",
  "ALTER TABLE t ALTER COLUMN a SET DEFAULT 6, ALTER COLUMN a SET STATISTICS 10",
  "ALTER TABLE t ALTER COLUMN a SET STATISTICS 10",
  "ALTER TABLE t ALTER COLUMN a SET NOT NULL",
  "ALTER TABLE t ADD CONSTRAINT x CHECK (a > 0)",
  "ALTER TABLE t ADD CONSTRAINT x CHECK (a > 0) NOT VALID",
  "ALTER TABLE t VALIDATE CONSTRAINT t_check",
  "ALTER TABLE t DROP CONSTRAINT t_check",
  "ALTER TABLE t ADD UNIQUE (a)",
  "ALTER TABLE other ADD FOREIGN KEY (t_id) REFERENCES t",
  "ALTER TABLE other ADD FOREIGN KEY (t_id) REFERENCES t NOT VALID",
  "ALTER TABLE t SET UNLOGGED",
  "ALTER TABLE t SET (fillfactor = 70)",
  "ALTER TABLE t SET (autovacuum_enabled = false, fillfactor = 70)",
  "ALTER TABLE t DISABLE TRIGGER existing",
  "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
  "ALTER TABLE t OWNER TO CURRENT_USER",
  "ALTER TABLE t CLUSTER ON t_a",
  "ALTER TABLE part ATTACH PARTITION part1 FOR VALUES FROM (1) TO (2)",
];

/** Statements that name an index of `t`: what they take of that is judged by itself. */
const byIndex = /^(DROP INDEX|REINDEX INDEX)/;

/** From 18 on it takes ACCESS SHARE, which keeps nobody waiting. */
const looking = /^GRANT/;

/** Statements that make a new file for other reasons than rewriting a table's rows. */
const newFile = /^(TRUNCATE|REINDEX|ALTER SEQUENCE)/;

interface Held {
  relation: string;
  mode: string;
}

describe("the locks of a statement, judged by a live server", () => {
  const order = [
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
  ];
  const spell = (mode: string) =>
    mode
      .replace(/Lock$/, "")
      .replace(/(?<=[a-z])(?=[A-Z])/g, " ")
      .toUpperCase();
  let url: string;

  before(async () => {
    await loadParser();
    url = await testDatabase();
    await outsider(parseDatabaseUrl(url), (client) => client.query(schema));
  });

  it("are those that the server takes, and it rewrites what is said to be rewritten", async () => {
    const wrong: string[] = [];
    await outsider(parseDatabaseUrl(url), async (client) => {
      const nodes = async () =>
        new Map(
          (
            await client.query<{ name: string; node: number }>(
              "SELECT relname AS name, relfilenode AS node FROM pg_class WHERE relnamespace = 'public'::regnamespace",
            )
          ).rows.map(({ name, node }) => [name, node] as const),
        );
      for (const sql of judged.filter(await understoodBy(client))) {
        const said = parseScript(sql).flatMap(({ locks }) => locks);
        const names = [
          ...new Set([...said.map(({ relation }) => relation), "t", "other", "part", "part1", "m", "v", "s", "t_a"]),
        ];
        await client.query("BEGIN");
        const before = await nodes();
        const oids = new Map(
          (
            await client.query<{ oid: number; name: string }>(
              "SELECT oid, relname AS name FROM pg_class WHERE relname = ANY ($1)",
              [names],
            )
          ).rows.map(({ oid, name }) => [oid, name] as const),
        );
        await client.query(sql);
        const { rows } = await client.query<{ oid: number; mode: string }>(
          "SELECT relation AS oid, mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation' AND relation = ANY ($1)",
          [[...oids.keys()]],
        );
        const after = await nodes();
        await client.query("ROLLBACK");
        const held: Held[] = rows.map(({ oid, mode }) => ({ relation: oids.get(oid) ?? "", mode }));
        const ofIndexes = said.flatMap((lock) =>
          lock.ofTable ? [{ ...lock, relation: "t", mode: lock.ofTable }] : [],
        );
        for (const { relation, mode, rewrites } of [...said, ...ofIndexes]) {
          const modes = held.filter((lock) => lock.relation === relation).map((lock) => lock.mode);
          const strongest = modes.sort((a, b) => order.indexOf(b) - order.indexOf(a))[0];
          if (spell(strongest ?? "") !== mode)
            wrong.push(`${sql}: ${relation} has ${strongest ?? "none"}, said ${mode}`);
          const rewritten = after.has(relation) && before.get(relation) !== after.get(relation);
          if (rewritten !== rewrites && !newFile.test(sql))
            wrong.push(`${sql}: ${relation} rewritten: ${rewritten}, said ${rewrites}`);
        }
        for (const table of byIndex.test(sql) || looking.test(sql) ? [] : ["t", "other", "part", "part1", "m"])
          if (held.some((lock) => lock.relation === table) && !said.some(({ relation }) => relation === table))
            wrong.push(
              `${sql}: ${table} is locked (${held
                .filter((lock) => lock.relation === table)
                .map((lock) => lock.mode)
                .join()}), nothing said`,
            );
      }
    });
    assert.deepEqual(wrong, []);
  });

  it("keep those waiting who are said to wait, and nobody else", async () => {
    const wrong: string[] = [];
    await outsider(parseDatabaseUrl(url), (client) =>
      outsider(parseDatabaseUrl(url), async (other) => {
        const waits = async (mode: string) => {
          try {
            await other.query(`BEGIN; LOCK TABLE t IN ${mode} MODE NOWAIT`);
            return false;
          } catch (error) {
            if ((error as { code?: string }).code !== "55P03") throw error;
            return true;
          } finally {
            await other.query("ROLLBACK");
          }
        };
        for (const mode of lockModes) {
          await client.query(`BEGIN; LOCK TABLE t IN ${mode} MODE`);
          // The locks that SELECT and UPDATE take.
          const found = { reads: await waits("ACCESS SHARE"), writes: await waits("ROW EXCLUSIVE") };
          await client.query("ROLLBACK");
          const said = blockedBy(mode);
          if (found.reads !== said.reads || found.writes !== said.writes)
            wrong.push(`${mode} blocks ${JSON.stringify(found)}, said ${JSON.stringify(said)}`);
        }
      }),
    );
    assert.deepEqual(wrong, []);
  });
});
