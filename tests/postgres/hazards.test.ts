import assert from "node:assert/strict";

import { type Client, parseDatabaseUrl } from "../../postgres/connection";
import { isProven, workOf } from "../../postgres/hazards/proven";
import { withTransactionHazards } from "../../postgres/hazards/script";
import { type HazardName, hazards } from "../../postgres/hazards/table";
import { loadParser, parseScript } from "../../postgres/statements";
import { readTableColumns, type TableColumns } from "../../postgres/table-columns";
import { testDatabase, understoodBy } from "../support/postgres";
import { outsider } from "./installation";

const schema = `
  CREATE TYPE mood AS ENUM ('sad', 'ok');
  CREATE DOMAIN positive AS int;
  CREATE TABLE t (
    id int PRIMARY KEY, a int, b text, c timestamptz, short varchar(10), price numeric(8, 2), day timestamp(3),
    filled int, strict int NOT NULL, checked varchar(10) CHECK (checked <> 'x'), flags bit(3), net cidr, words varchar(5)[],
    fixed char(5), p positive, m mood);
  ALTER TABLE t ADD CONSTRAINT t_filled CHECK (filled IS NOT NULL), ADD CONSTRAINT t_later CHECK (a < 100) NOT VALID,
    ADD CONSTRAINT t_maybe CHECK (a IS NOT NULL) NOT VALID;
  CREATE INDEX t_a ON t (a);
  CREATE INDEX t_short ON t (short);
  CREATE UNIQUE INDEX t_strict ON t (strict);
  CREATE UNIQUE INDEX t_filled_key ON t (filled);
  CREATE UNIQUE INDEX t_b ON t (b);
  CREATE TABLE bare (x int, y int NOT NULL, z int);
  CREATE UNIQUE INDEX bare_y ON bare (y);
  CREATE UNIQUE INDEX bare_x ON bare (x);
  CREATE TABLE generated (a int, g int GENERATED ALWAYS AS (a * 2) STORED);
  CREATE TABLE other (id int PRIMARY KEY, t_id int);
  ALTER TABLE other ADD CONSTRAINT other_later FOREIGN KEY (t_id) REFERENCES t NOT VALID;
  CREATE TABLE part (id int) PARTITION BY RANGE (id);
  CREATE TABLE part1 (id int);
  CREATE TABLE part2 PARTITION OF part FOR VALUES FROM (10) TO (20);
  CREATE DOMAIN percent AS int CHECK (VALUE <= 100);
  CREATE TABLE gaps (id int) PARTITION BY RANGE (id);
  CREATE TABLE gaps_rest PARTITION OF gaps DEFAULT;
  INSERT INTO gaps VALUES (1);
  CREATE VIEW v AS SELECT 1 AS one;
  CREATE MATERIALIZED VIEW mv AS SELECT 1 AS one;
  CREATE UNIQUE INDEX mv_one ON mv (one);
  GRANT SELECT ON v TO PUBLIC;
  CREATE SCHEMA elsewhere;
  CREATE VIEW elsewhere.x AS SELECT 1 AS one;
  CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
  CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
  INSERT INTO t (id, a, b, short, filled, strict, p) SELECT n, n, 'b' || n, 'x', n, n, 1 FROM generate_series(1, 50) n;
  INSERT INTO bare SELECT n, n, n FROM generate_series(1, 50) n;
  INSERT INTO other SELECT n, n FROM generate_series(1, 50) n;
  INSERT INTO part1 SELECT 1;
  ANALYZE;`;

/** Roles that every server has: one that may read all tables, and one that has no rights of its own. */
const asReader = "SET LOCAL ROLE pg_read_all_data";
const asOther = "SET LOCAL ROLE pg_monitor";

/** Each statement with the hazards that it has on this schema; those that look alike and have none stand beside them. */
const judged: readonly [sql: string, ...hazards: string[]][] = [
  ["CREATE INDEX i ON t (b)", "require-concurrent-index-creation"],
  ["CREATE TABLE n (id int); CREATE INDEX i ON n (id)"],
  ["DROP INDEX t_a", "require-concurrent-index-deletion"],
  ["REINDEX INDEX t_a", "require-concurrent-reindex"],
  ["REINDEX TABLE t", "require-concurrent-reindex"],
  ["ALTER TABLE part DETACH PARTITION part2", "require-concurrent-partition-detach"],
  ["ALTER TABLE part ATTACH PARTITION part1 FOR VALUES FROM (1) TO (2)", "attaching-partition"],
  ["CREATE TABLE n PARTITION OF part FOR VALUES FROM (1) TO (2)"],
  ["REFRESH MATERIALIZED VIEW mv", "require-concurrent-refresh"],
  ["REFRESH MATERIALIZED VIEW CONCURRENTLY mv"],
  ["CLUSTER t USING t_a", "prefer-repack"],
  ["ALTER TABLE t ADD COLUMN n timestamptz DEFAULT clock_timestamp()", "adding-field-with-default"],
  ["ALTER TABLE t ADD COLUMN n uuid DEFAULT gen_random_uuid()", "adding-field-with-default"],
  ["ALTER TABLE t ADD COLUMN n timestamptz DEFAULT now()"],
  ["ALTER TABLE t ADD COLUMN n int NOT NULL DEFAULT 3"],
  ["ALTER TABLE t ADD COLUMN n int"],
  ["ALTER TABLE t ADD COLUMN n int GENERATED ALWAYS AS (a * 2) STORED", "adding-stored-generated-field"],
  ["ALTER TABLE t ADD COLUMN n serial", "adding-auto-incrementing-field"],
  ["ALTER TABLE t ADD COLUMN n int GENERATED ALWAYS AS IDENTITY", "adding-auto-incrementing-field"],
  ["ALTER TABLE t ADD COLUMN n json", "prefer-jsonb"],
  ["ALTER TABLE t ADD COLUMN n jsonb"],
  ["ALTER TABLE t ADD COLUMN n int CHECK (n > 0)", "constraint-missing-not-valid"],
  ["ALTER TABLE t ADD COLUMN n int UNIQUE", "disallowed-unique-constraint"],
  ["ALTER TABLE t ADD COLUMN n int REFERENCES other"],
  ["ALTER TABLE t ADD COLUMN n int DEFAULT 1 REFERENCES other", "adding-foreign-key-constraint"],
  [
    "ALTER TABLE bare ADD COLUMN n serial PRIMARY KEY",
    "adding-auto-incrementing-field",
    "adding-primary-key-constraint",
  ],
  ["ALTER TABLE t ADD COLUMN n positive"],
  ["ALTER TABLE t ADD COLUMN n percent", "adding-constrained-domain-field"],
  ["ALTER TABLE t ADD COLUMN n mood"],
  ["CREATE TABLE n PARTITION OF gaps FOR VALUES FROM (20) TO (30)", "attaching-partition"],
  ["ALTER TABLE t ALTER COLUMN a TYPE bigint", "changing-column-type"],
  ["ALTER TABLE t ALTER COLUMN strict TYPE int USING strict * 2", "changing-column-type"],
  ["ALTER TABLE t ALTER COLUMN strict TYPE int"],
  ["ALTER TABLE t ALTER COLUMN short TYPE varchar(20)"],
  ["ALTER TABLE t ALTER COLUMN short TYPE varchar(20) USING short::varchar(20)"],
  ["ALTER TABLE t ALTER COLUMN short TYPE varchar"],
  ["ALTER TABLE t ALTER COLUMN short TYPE text"],
  ["ALTER TABLE t ALTER COLUMN short TYPE varchar(5)", "changing-column-type"],
  ["ALTER TABLE t ALTER COLUMN b TYPE varchar"],
  ["ALTER TABLE t ALTER COLUMN b TYPE varchar(50)", "changing-column-type"],
  ["ALTER TABLE t ALTER COLUMN checked TYPE varchar(20)", "changing-column-type"],
  ["ALTER TABLE t ALTER COLUMN price TYPE numeric(10, 2)"],
  ["ALTER TABLE t ALTER COLUMN price TYPE numeric"],
  ["ALTER TABLE t ALTER COLUMN price TYPE numeric(10, 3)", "changing-column-type"],
  ["ALTER TABLE t ALTER COLUMN day TYPE timestamp(6)"],
  ["ALTER TABLE t ALTER COLUMN day TYPE timestamp"],
  ["ALTER TABLE t ALTER COLUMN day TYPE timestamp(1)", "changing-column-type"],
  ["ALTER TABLE t ALTER COLUMN net TYPE inet"],
  ["ALTER TABLE t ALTER COLUMN fixed TYPE char(8)", "changing-column-type"],
  ["ALTER TABLE t ALTER COLUMN fixed TYPE text", "changing-column-type"],
  ["ALTER TABLE t ALTER COLUMN flags TYPE bit(3)"],
  ["ALTER TABLE t ALTER COLUMN words TYPE varchar(5)[]"],
  ["ALTER TABLE bare SET UNLOGGED", "changing-table-storage"],
  ["ALTER TABLE t SET (fillfactor = 70)"],
  ["ALTER TABLE bare ALTER COLUMN x SET NOT NULL", "adding-not-nullable-field"],
  ["ALTER TABLE t ALTER COLUMN a SET NOT NULL", "adding-not-nullable-field"],
  ["ALTER TABLE t ALTER COLUMN filled SET NOT NULL"],
  ["ALTER TABLE t ALTER COLUMN strict SET NOT NULL"],
  ["ALTER TABLE other ADD FOREIGN KEY (t_id) REFERENCES t", "adding-foreign-key-constraint"],
  ["ALTER TABLE other ADD FOREIGN KEY (t_id) REFERENCES t NOT VALID"],
  ["ALTER TABLE t ADD CHECK (id > 0)", "constraint-missing-not-valid"],
  ["ALTER TABLE t ADD CHECK (id > 0) NOT VALID"],
  ["ALTER TABLE t VALIDATE CONSTRAINT t_later"],
  ["ALTER TABLE other VALIDATE CONSTRAINT other_later"],
  ["ALTER TABLE t ADD UNIQUE (a)", "disallowed-unique-constraint"],
  ["ALTER TABLE t ADD UNIQUE USING INDEX t_strict"],
  ["ALTER TABLE bare ADD PRIMARY KEY (x)", "adding-primary-key-constraint"],
  ["ALTER TABLE bare ADD PRIMARY KEY (y)", "adding-primary-key-constraint"],
  ["ALTER TABLE bare ADD PRIMARY KEY USING INDEX bare_x", "adding-primary-key-constraint"],
  ["ALTER TABLE bare ADD PRIMARY KEY USING INDEX bare_y"],
  ["ALTER TABLE t ADD EXCLUDE (a WITH =)", "adding-exclusion-constraint"],
  ["ALTER DOMAIN positive ADD CHECK (VALUE > 0)", "ban-alter-domain-with-add-constraint"],
  ["ALTER DOMAIN positive SET NOT NULL", "ban-alter-domain-with-add-constraint"],
  ["ALTER DOMAIN positive ADD CHECK (VALUE > 0) NOT VALID"],
  ["LOCK TABLE t IN EXCLUSIVE MODE", "locking-table"],
  ["LOCK TABLE t IN ROW SHARE MODE"],
  ["UPDATE t SET a = a", "backfilling-without-batches"],
  ["DELETE FROM other", "backfilling-without-batches"],
  ["MERGE INTO other o USING t ON o.id = t.id WHEN MATCHED THEN DELETE", "backfilling-without-batches"],
  ["INSERT INTO other (id) VALUES (1000)"],
  ["INSERT INTO other (id) SELECT id + 1000 FROM t"],
  ["ALTER TABLE t RENAME COLUMN a TO z", "renaming-column"],
  ["ALTER TABLE t RENAME TO z", "renaming-table"],
  ["ALTER VIEW v RENAME TO z", "renaming-table"],
  ["ALTER INDEX t_a RENAME TO z"],
  ["ALTER TABLE t RENAME CONSTRAINT t_later TO z"],
  ["ALTER SCHEMA elsewhere RENAME TO z", "renaming-schema"],
  ["ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'", "renaming-enum-value"],
  ["ALTER TYPE mood ADD VALUE 'glad'", "ban-add-enum-value"],
  ["ALTER TABLE t SET SCHEMA elsewhere", "ban-set-schema"],
  ["ALTER TABLE t DROP COLUMN b", "ban-drop-column"],
  ["ALTER TABLE t DROP CONSTRAINT t_later"],
  ["DROP TABLE other", "ban-drop-table"],
  ["CREATE TABLE n (id int); DROP TABLE n"],
  ["DROP TABLE t CASCADE", "ban-drop-cascade", "ban-drop-table"],
  ["DROP SCHEMA elsewhere CASCADE", "ban-drop-cascade", "ban-drop-schema"],
  ["DROP VIEW v", "ban-drop-view"],
  ["DROP MATERIALIZED VIEW mv", "ban-drop-view"],
  ["ALTER TABLE t ALTER COLUMN strict DROP NOT NULL", "ban-drop-not-null"],
  ["TRUNCATE bare", "ban-truncate"],
  ["TRUNCATE t CASCADE", "ban-truncate", "ban-truncate-cascade"],
  ["ALTER TABLE t ENABLE ROW LEVEL SECURITY", "enabling-row-security"],
  ["ALTER TABLE t DISABLE TRIGGER g", "ban-disable-trigger"],
  ["ALTER TABLE t ENABLE TRIGGER g"],
  ["REVOKE SELECT ON v FROM PUBLIC", "ban-revoke"],
  ["GRANT SELECT ON v TO PUBLIC"],
  ["DO $$ BEGIN PERFORM 1; END $$", "ban-unseen-code"],
  ["ALTER TABLE generated ALTER COLUMN g SET EXPRESSION AS (a * 3)", "ban-alter-generated-expression"],
  ["ALTER TABLE bare ADD COLUMN n int GENERATED ALWAYS AS (x * 2) VIRTUAL"],
  ["ALTER TABLE bare ADD CONSTRAINT n NOT NULL x", "adding-not-nullable-field"],
  ["ALTER TABLE bare ADD CONSTRAINT n NOT NULL x NOT VALID"],
];

/** What a running release did before: after the statement it fails, or sees less. */
const broken: readonly [sql: string, hazard: HazardName, probe: string][] = [
  ["ALTER TABLE t RENAME COLUMN a TO z", "renaming-column", "SELECT a FROM t"],
  ["ALTER TABLE t RENAME TO z", "renaming-table", "SELECT FROM t"],
  ["ALTER SCHEMA elsewhere RENAME TO z", "renaming-schema", "SELECT FROM elsewhere.x"],
  ["ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'", "renaming-enum-value", "SELECT 'ok'::mood"],
  ["ALTER TABLE t SET SCHEMA elsewhere", "ban-set-schema", "SELECT FROM t"],
  ["ALTER TABLE t DROP COLUMN b", "ban-drop-column", "SELECT b FROM t"],
  ["DROP TABLE other", "ban-drop-table", "SELECT FROM other"],
  ["DROP SCHEMA elsewhere CASCADE", "ban-drop-schema", "SELECT FROM elsewhere.x"],
  ["DROP VIEW v", "ban-drop-view", "SELECT FROM v"],
  ["DROP TABLE t CASCADE", "ban-drop-cascade", "SELECT 1 / count(*) FROM pg_constraint WHERE conname = 'other_later'"],
  ["TRUNCATE bare", "ban-truncate", "SELECT 1 / count(*) FROM bare"],
  ["TRUNCATE t CASCADE", "ban-truncate-cascade", "SELECT 1 / count(*) FROM other"],
  ["ALTER TABLE bare ADD COLUMN n json", "prefer-jsonb", "SELECT DISTINCT * FROM bare"],
  ["ALTER TABLE t ENABLE ROW LEVEL SECURITY", "enabling-row-security", `${asReader}; SELECT 1 / count(*) FROM t`],
  ["REVOKE SELECT ON v FROM PUBLIC", "ban-revoke", `${asOther}; SELECT FROM v`],
  [
    "ALTER TABLE t DISABLE TRIGGER g",
    "ban-disable-trigger",
    "SELECT 1 / count(*) FROM pg_trigger WHERE tgname = 'g' AND tgenabled = 'O'",
  ],
  [
    "ALTER TABLE bare ALTER COLUMN y DROP NOT NULL",
    "ban-drop-not-null",
    "SELECT 1 / count(*) FROM pg_attribute WHERE attrelid = 'bare'::regclass AND attname = 'y' AND attnotnull",
  ],
  ["ALTER TABLE bare ADD COLUMN n int NOT NULL", "adding-required-field", "SELECT 1"],
];

/** Statements that make a new file, or build an index, for another reason than that rows have to be written anew. */
const otherFile = /^(TRUNCATE|REINDEX)/;

/** What a statement was seen to do to the tables. */
interface Seen {
  /** As `workOf` says it, and the tables that others cannot write meanwhile. */
  readonly work: ReadonlySet<string>;
  readonly keptFromWriters: ReadonlySet<string>;
}

describe("the hazards of a statement, judged by a live server", function () {
  this.timeout(120_000);
  let url: string;
  let tables: TableColumns[];
  let understood: (sql: string) => boolean;

  before(async () => {
    await loadParser();
    url = await testDatabase();
    await outsider(parseDatabaseUrl(url), async (client) => {
      await client.query(schema);
      understood = await understoodBy(client);
      tables = await readTableColumns(
        client,
        ["t", "bare", "other", "part", "part1", "gaps"].map((name) => ({ schema: "public", name })),
      );
    });
  });

  const tableOf = (relation: string | null) => tables.find(({ name }) => name === relation);

  function hazardsOf(sql: string): string[] {
    const fresh = new Set(parseScript(sql).flatMap((statement) => statement.fresh));
    const found = parseScript(sql).flatMap((statement) => statement.hazards);
    const real = found.filter(
      ({ relation, unless }) => !fresh.has(relation ?? "") && !isProven(unless, tableOf(relation)),
    );
    return [...new Set(real.map(({ hazard }) => hazard))].toSorted();
  }

  function workSaid(sql: string): string[] {
    const found = parseScript(sql).flatMap((statement) => workOf(statement, tableOf));
    return [...new Set(found.map(({ kind, relation }) => `${kind} ${relation}`))].toSorted();
  }

  /** Runs a statement, undoes it, and tells what the server itself said and counted meanwhile. */
  async function run(client: Client, sql: string): Promise<Seen> {
    const notices: string[] = [];
    const listen = ({ message }: { message?: string }) => void notices.push(message ?? "");
    await client.query("BEGIN");
    try {
      const [before, changedBefore] = [await filesOf(client), await changesOf(client)];
      client.on("notice", listen);
      await client.query(`SET LOCAL client_min_messages = debug1; ${sql}`);
      client.off("notice", listen);
      const work = new Set(notices.flatMap((notice) => workIn(notice, sql)));
      for (const [name, file] of await filesOf(client))
        if (before.has(name) && before.get(name) !== file && !otherFile.test(sql)) work.add(`rewrites ${name}`);
      for (const [oid, { name, rows, scans }] of await changesOf(client)) {
        const known = changedBefore.get(oid) ?? { rows: 0, scans: 0 };
        if (rows > known.rows + 1) work.add(`changes ${name}`);
        // No message tells that the rows of a default partition were looked at; it is said of its table.
        if (name.endsWith("_rest") && scans > known.scans) work.add(`scans ${name.replace("_rest", "")}`);
      }
      return { work, keptFromWriters: await keptFromWriters(client, before) };
    } finally {
      client.off("notice", listen);
      await client.query("ROLLBACK");
    }
  }

  it("are named, and those that look alike and are safe have none", () => {
    const wrong = judged.flatMap(([sql, ...expected]) => {
      const [found, wanted] = [hazardsOf(sql).join(), expected.toSorted().join()];
      return found === wanted ? [] : [`${sql}: ${found || "none"}, not ${wanted || "none"}`];
    });
    assert.deepEqual(wrong, []);
  });

  it("are all judged here, but for those that a single statement cannot have", () => {
    const shown = new Set<string>([...judged.flatMap(([, ...names]) => names), ...broken.map(([, name]) => name)]);
    assert.deepEqual(
      Object.keys(hazards)
        .filter((name) => !shown.has(name))
        .toSorted(),
      ["backfilling-under-lock", "validating-under-lock"],
    );
  });

  it("rest on work that the server really does, and where none is said it does none", async () => {
    const wrong: string[] = [];
    await outsider(parseDatabaseUrl(url), async (client) => {
      // What is compared there is a table of its own, of which no message speaks.
      for (const [sql] of judged.filter(([text]) => understood(text) && !/^REFRESH.*CONCURRENTLY/.test(text))) {
        const { work } = await run(client, sql);
        // A table written anew has its indexes built and its rows changed as well.
        const rewritten = (line: string) => work.has(`rewrites ${line.split(" ")[1]}`);
        const seen = [...work].filter((line) => line.startsWith("rewrites") || !rewritten(line)).toSorted();
        const said = workSaid(sql).filter((line) => line.startsWith("rewrites") || !rewritten(line));
        if (seen.join() !== said.join())
          wrong.push(`${sql}: ${seen.join() || "nothing"}, said ${said.join() || "nothing"}`);
      }
    });
    assert.deepEqual(wrong, []);
  });

  it("that block others lock a table against writers, and no statement without one does both that and long work", async () => {
    const wrong: string[] = [];
    await outsider(parseDatabaseUrl(url), async (client) => {
      for (const [sql, ...names] of judged.filter(([text]) => understood(text))) {
        const blocking = names.filter(
          (name) => hazards[name as HazardName].effect === "blocks" && !/^backfilling/.test(name),
        );
        const { work, keptFromWriters } = await run(client, sql);
        if (blocking.length > 0 && keptFromWriters.size === 0)
          wrong.push(`${sql}: ${blocking.join()}, but nobody is blocked`);
        const long = [...work].some((line) => keptFromWriters.has(line.split(" ")[1] ?? ""));
        if (blocking.length === 0 && long && names.length === 0)
          wrong.push(`${sql}: ${[...work].join()} while writers wait`);
      }
    });
    assert.deepEqual(wrong, []);
  });

  for (const [sql, name, probe] of broken)
    it(`that are called ${name} break what works before: ${probe.split("; ").at(-1)}`, async () => {
      assert.ok(hazardsOf(sql).includes(name), hazardsOf(sql).join());
      await outsider(parseDatabaseUrl(url), async (client) => {
        await client.query("BEGIN");
        await client.query(probe);
        await client.query("ROLLBACK; BEGIN");
        await assert.rejects(async () => {
          await client.query(sql);
          await client.query(probe);
        });
        await client.query("ROLLBACK");
      });
    });

  it("that only two statements of one transaction have together are seen in it", async () => {
    const script = (sql: string) =>
      withTransactionHazards(parseScript(sql)).flatMap(({ hazards: own }) => own.map(({ hazard }) => hazard));
    const add = "ALTER TABLE t ADD CHECK (id > 0) NOT VALID";
    assert.deepEqual(script(`${add}; ALTER TABLE t VALIDATE CONSTRAINT t_later`), ["validating-under-lock"]);
    assert.deepEqual(script("ALTER TABLE t VALIDATE CONSTRAINT t_later"), []);
    assert.deepEqual(script(`${add}; ALTER TABLE other VALIDATE CONSTRAINT other_later`), []);
    assert.deepEqual(script(`${add}; UPDATE t SET a = 1`), ["backfilling-without-batches", "backfilling-under-lock"]);
    await outsider(parseDatabaseUrl(url), async (client) => {
      const both = await run(client, `${add}; ALTER TABLE t VALIDATE CONSTRAINT t_later`);
      assert.deepEqual([both.work.has("scans t"), both.keptFromWriters.has("t")], [true, true]);
      const alone = await run(client, "ALTER TABLE t VALIDATE CONSTRAINT t_later");
      assert.deepEqual([alone.work.has("scans t"), alone.keptFromWriters.has("t")], [true, false]);
    });
  });
});

async function filesOf(client: Client): Promise<Map<string, number>> {
  const { rows } = await client.query<{ name: string; file: number }>(
    "SELECT relname AS name, relfilenode AS file FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'm')",
  );
  return new Map(rows.map(({ name, file }) => [name, file]));
}

interface Changes {
  readonly name: string;
  readonly rows: number;
  readonly scans: number;
}

/** How often this session has changed rows of each table, and read it whole; PostgreSQL adds that up over transactions. */
async function changesOf(client: Client): Promise<Map<number, Changes>> {
  const { rows } = await client.query<Changes & { oid: number }>(
    `SELECT relid AS oid, relname AS name, (n_tup_ins + n_tup_upd + n_tup_del)::int AS rows, seq_scan::int AS scans
     FROM pg_stat_xact_user_tables`,
  );
  return new Map(rows.map(({ oid, ...table }) => [oid, table]));
}

/** The tables of before that this session has locked so that nobody else can write a row of them. */
async function keptFromWriters(client: Client, before: ReadonlyMap<string, number>): Promise<Set<string>> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
     WHERE l.pid = pg_backend_pid() AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
       AND c.relnamespace = 'public'::regnamespace`,
  );
  return new Set(rows.map(({ name }) => name).filter((name) => before.has(name)));
}

/** What one message of level DEBUG1 tells of the work, in the words of `workSaid`. */
function workIn(notice: string, sql: string): string[] {
  const [, kind, index = "", table = ""] =
    /^(rewriting|verifying|building index "(.*?)" on) table "(.*)"/.exec(notice) ?? [];
  if (kind === "rewriting") return [`rewrites ${table}`];
  if (kind === "verifying") return [`scans ${table}`];
  if (/^validating foreign key/.test(notice)) return [`scans ${/ALTER TABLE (\w+)/.exec(sql)?.[1]}`];
  if (!kind || table.startsWith("pg_toast") || /^TRUNCATE/.test(sql)) return [];
  // REINDEX INDEX names the index only.
  return [`builds ${/^REINDEX INDEX/.test(sql) ? index : table}`];
}
