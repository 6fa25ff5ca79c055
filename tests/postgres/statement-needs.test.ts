import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";

import { judgeRelations } from "../../planner/obstacles/relations";
import type { Plan } from "../../planner/plan";
import { type DatabaseAddress, withClient } from "../../postgres/connection";
import { readDatabaseFacts } from "../../postgres/facts";
import { loadParser, parseScript } from "../../postgres/statements";
import type { Catalogue } from "../../releases/release";
import { invent, server, world } from "../unit/planner-cases";
import { installation, query } from "./installation";

/** Relations of our own (`mine`), of somebody else (`theirs`, readable), and hidden ones. */
const scene = (role: string) => `
  CREATE ROLE ${role} LOGIN PASSWORD 'x';
  GRANT USAGE, CREATE ON SCHEMA public TO ${role};
  GRANT SELECT ON alembic_version TO ${role};
  CREATE SCHEMA closed;
  GRANT USAGE ON SCHEMA closed TO ${role};
  CREATE TABLE theirs (id int PRIMARY KEY, a int);
  GRANT SELECT, REFERENCES ON theirs TO ${role};
  CREATE TABLE hidden (id int);
  CREATE TABLE closed.shut (id int, a int);
  ALTER TABLE closed.shut OWNER TO ${role};
  SET ROLE ${role};
  CREATE TABLE mine (id int PRIMARY KEY, a int, b text);
  CREATE INDEX mine_a ON mine (a);
  CREATE VIEW sight AS SELECT 1 AS one;
  CREATE MATERIALIZED VIEW stored AS SELECT 1 AS one;
  CREATE SEQUENCE counter;`;

/** Statements, each alone: whether the server takes it from our role is asked of the server. */
const statements = [
  "ALTER TABLE mine ADD COLUMN c int",
  "ALTER TABLE mine ALTER COLUMN a TYPE bigint",
  "ALTER TABLE theirs ADD COLUMN c int",
  "ALTER TABLE absent ADD COLUMN c int",
  "ALTER TABLE IF EXISTS absent ADD COLUMN c int",
  "ALTER TABLE sight ADD COLUMN c int",
  "ALTER TABLE mine ADD FOREIGN KEY (a) REFERENCES theirs",
  "ALTER TABLE mine ADD FOREIGN KEY (a) REFERENCES absent",
  "ALTER TABLE mine RENAME TO yours",
  "ALTER TABLE mine RENAME COLUMN a TO z",
  "ALTER INDEX mine_a RENAME TO mine_z",
  "CREATE INDEX i ON mine (a)",
  "CREATE INDEX i ON theirs (a)",
  "CREATE INDEX i ON absent (a)",
  "CREATE INDEX i ON stored (one)",
  "CREATE INDEX i ON sight (one)",
  "CREATE INDEX i ON closed.shut (a)",
  "CREATE TABLE closed.made (id int)",
  "CREATE TABLE made (id int REFERENCES mine)",
  "CREATE TABLE made (LIKE theirs)",
  "CREATE TABLE made (LIKE absent)",
  "CREATE TABLE made AS SELECT * FROM theirs",
  "CREATE TABLE made AS SELECT * FROM hidden",
  "CREATE VIEW made AS SELECT * FROM absent",
  "CREATE VIEW made AS WITH absent AS (SELECT 1) SELECT * FROM absent",
  "INSERT INTO mine VALUES (1)",
  "INSERT INTO theirs VALUES (1)",
  "INSERT INTO mine (id) SELECT id FROM theirs",
  "INSERT INTO mine (id) SELECT id FROM hidden",
  "UPDATE mine SET a = 1",
  "UPDATE theirs SET a = 1",
  "DELETE FROM absent",
  "WITH x AS (SELECT id FROM theirs) UPDATE mine SET a = 1 FROM x WHERE x.id = mine.id",
  "TRUNCATE mine",
  "TRUNCATE theirs",
  "DROP TABLE mine",
  "DROP TABLE theirs",
  "DROP TABLE IF EXISTS absent",
  "DROP TABLE sight",
  "DROP VIEW sight",
  "DROP VIEW mine",
  "DROP MATERIALIZED VIEW stored",
  "DROP INDEX mine_a",
  "DROP SEQUENCE counter",
  "REFRESH MATERIALIZED VIEW stored",
  "LOCK TABLE mine IN SHARE MODE",
  "LOCK TABLE absent IN SHARE MODE",
  "COMMENT ON COLUMN mine.a IS 'x'",
  "COMMENT ON TABLE theirs IS 'x'",
  "CREATE POLICY p ON mine",
  "CREATE POLICY p ON theirs",
  "ALTER SEQUENCE counter RESTART",
  "ANALYZE mine",
];

describe("what a statement needs, judged by a live server", () => {
  let address: DatabaseAddress;
  let facts: Awaited<ReturnType<typeof readDatabaseFacts>>;

  before(async () => {
    await loadParser();
    const owner = await installation();
    const role = `u_${randomBytes(4).toString("hex")}`;
    await query(owner, scene(role));
    address = { ...owner, user: role, password: "x" };
    facts = await withClient(address, { name: "test", readOnly: true }, readDatabaseFacts);
  });

  function judged(sql: string): string[] {
    const invented = invent([{ revisions: [{ revision: "a1" }] }, { revisions: [{ revision: "b1" }] }]);
    const up = { sql: [sql], firstLine: 1, statements: parseScript(sql) };
    const catalogue: Catalogue = {
      ...invented,
      chain: invented.chain.map((migration) => (migration.revision === "b1" ? { ...migration, up } : migration)),
    };
    const plan = {
      revisions: { pre: [{ revision: "b1", direction: "up" }], post: [] },
      backup: { required: false },
    } as unknown as Plan;
    const { searchPath, relations, role } = facts;
    const seen = { ...server, user: role.user, createsIn: role.createsIn, searchPath, relations };
    return judgeRelations(plan, world("1.0.0", "a1", { server: seen }), catalogue).map(({ text }) => text);
  }

  async function taken(sql: string): Promise<string | null> {
    return withClient(address, { name: "test" }, async (client) => {
      await client.query("BEGIN");
      try {
        await client.query(sql);
        return null;
      } catch (error) {
        return (error as Error).message;
      } finally {
        await client.query("ROLLBACK");
      }
    });
  }

  for (const sql of statements)
    it(`agrees with the server: ${sql}`, async () => {
      const [refusal = null] = judged(sql);
      const fault = await taken(sql);
      assert.equal(refusal !== null, fault !== null, `we say ${refusal ?? "fine"}; the server says ${fault ?? "fine"}`);
    });
});
