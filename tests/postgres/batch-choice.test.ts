import assert from "node:assert/strict";

import { stepDown, stepUp } from "../../planner/chain";
import { chooseWay, inThisWay } from "../../planner/ways";
import { type DatabaseAddress, withClient } from "../../postgres/connection";
import { loadParser } from "../../postgres/statements";
import { readTableFacts } from "../../postgres/table-facts";
import { loadCatalogue } from "../../releases/catalogue";
import type { Migration } from "../../releases/release";
import { inBatches, migrationOf } from "./batch-cases";
import { apply, applyFailing, installation, query } from "./installation";

interface Case {
  readonly title: string;
  /** Made before the change. */
  readonly sql: string;
  readonly way: "whole" | "batched";
  readonly why: RegExp;
  /** PostgreSQL's words when a rewrite is tried all the same; absent where it would go through. */
  readonly rewriteFails?: RegExp;
  /** A query that must be true after the change. */
  readonly then?: string;
}

const audited = `
  CREATE TABLE audit (task_id uuid, was integer, is_now integer);
  CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO audit VALUES (new.id, old.priority, new.priority); RETURN NULL; END';`;

const cases: readonly Case[] = [
  {
    title: "nothing that depends on it",
    sql: "SELECT",
    way: "whole",
    why: /^one go: nothing depends on tasks\.priority, and no bloat is left$/,
  },
  {
    title: "a view that reads it",
    sql: "CREATE VIEW urgent AS SELECT id, priority FROM tasks WHERE priority > 3",
    way: "batched",
    why: /^batched: view urgent reads tasks\.priority$/m,
    rewriteFails: /used by a view or rule/,
    then: "SELECT (SELECT count(*) FROM urgent) = 1000 - (SELECT count(*) FROM tasks WHERE priority <= 3) AS yes",
  },
  {
    title: "a view of other columns",
    sql: "CREATE VIEW names AS SELECT id, description FROM tasks",
    way: "whole",
    why: /nothing depends/,
  },
  {
    title: "a materialized view",
    sql: "CREATE MATERIALIZED VIEW urgent AS SELECT id, priority FROM tasks WHERE priority > 3",
    way: "batched",
    why: /materialized view urgent reads/,
    rewriteFails: /used by a view or rule/,
  },
  {
    title: "a policy",
    sql: "ALTER TABLE tasks ENABLE ROW LEVEL SECURITY; CREATE POLICY low ON tasks USING (priority < 3)",
    way: "batched",
    why: /policy low of tasks reads tasks\.priority/,
    rewriteFails: /used in a policy definition/,
  },
  {
    title: "a generated column",
    sql: "ALTER TABLE tasks ADD COLUMN rank integer GENERATED ALWAYS AS (100 - priority) STORED",
    way: "batched",
    why: /generated column tasks\.rank is made from priority/,
    rewriteFails: /used by a generated column/,
    then: "SELECT bool_and(rank = 100 - priority) AS yes FROM tasks",
  },
  {
    title: "a trigger that notes each change",
    sql: `${audited} CREATE TRIGGER noting AFTER UPDATE ON tasks FOR EACH ROW EXECUTE FUNCTION note()`,
    way: "batched",
    why: /trigger noting of tasks would not see a rewrite/,
    then: "SELECT count(*) = 1000 AND bool_and(is_now = was * 2) AS yes FROM audit",
  },
  {
    title: "a trigger of that column",
    sql: `${audited} CREATE TRIGGER noting AFTER UPDATE OF priority ON tasks FOR EACH ROW EXECUTE FUNCTION note()`,
    way: "batched",
    why: /trigger noting of tasks names tasks\.priority/,
    rewriteFails: /used in a trigger definition/,
    then: "SELECT count(*) = 1000 AS yes FROM audit",
  },
  {
    title: "a trigger that is switched off, and one for INSERT",
    sql: `${audited} CREATE TRIGGER noting AFTER UPDATE ON tasks FOR EACH ROW EXECUTE FUNCTION note();
          ALTER TABLE tasks DISABLE TRIGGER noting; CREATE TRIGGER made AFTER INSERT ON tasks EXECUTE FUNCTION note()`,
    way: "whole",
    why: /nothing depends/,
  },
  {
    title: "a foreign key of another column",
    sql: "SELECT",
    way: "whole",
    why: /nothing depends/,
    then: "SELECT count(*) = 1000 AS yes FROM task_history JOIN tasks ON task_id = tasks.id",
  },
  {
    title: "a partial index",
    sql: "CREATE INDEX urgent ON tasks (created_at) WHERE priority > 3",
    way: "whole",
    why: /nothing depends/,
    then: `SELECT indisvalid AND pg_relation_size('urgent') > 0 AND
             (SELECT count(*) FROM tasks WHERE priority > 3 AND created_at > '2000-01-01') = (SELECT count(*) FROM tasks WHERE priority > 3) AS yes
           FROM pg_index WHERE indexrelid = 'urgent'::regclass`,
  },
  {
    title: "a publication",
    sql: "CREATE PUBLICATION everything FOR TABLE tasks",
    way: "batched",
    why: /publication everything does not pass a rewrite on/,
  },
  {
    title: "a publication that filters by it",
    sql: "ALTER TABLE tasks REPLICA IDENTITY FULL; CREATE PUBLICATION urgent FOR TABLE tasks WHERE (priority > 3)",
    way: "batched",
    why: /publication urgent filters by tasks\.priority/,
    rewriteFails: /used by a publication WHERE clause/,
  },
  {
    title: "no key to go by",
    sql: `ALTER TABLE task_history DROP CONSTRAINT task_history_task_id_fkey; ALTER TABLE tasks DROP CONSTRAINT tasks_pkey;
          ${audited} CREATE TRIGGER noting AFTER UPDATE ON tasks FOR EACH ROW EXECUTE FUNCTION note()`,
    way: "whole",
    why: /one go, although trigger noting .*\nno batches: tasks has no primary key and no unique index without nulls/,
  },
];

describe("the way in which OctoLLM's priorities are changed, by what a live database has", function () {
  this.timeout(60_000);
  let migration: Migration;

  before(async () => {
    await loadParser();
    const own = (await loadCatalogue()).chain.find(({ revision }) => revision === "e4f5a6");
    assert.ok(own);
    migration = { ...own, downRevision: "def456" };
  });

  const wayIn = async (address: DatabaseAddress, direction: "up" | "down" = "up") =>
    chooseWay(
      migration,
      direction,
      await withClient(address, { name: "test", readOnly: true }, (client) => readTableFacts(client, ["tasks"])),
    );
  const priorities = (address: DatabaseAddress) =>
    query<{ id: string; priority: number }>(address, "SELECT id, priority FROM tasks ORDER BY id");

  for (const { title, sql, way, why, rewriteFails, then } of cases)
    it(`${way === "whole" ? "one go" : "batches"} with ${title}; and the result is right`, async () => {
      const address = await installation();
      await query(address, sql);
      const before = await priorities(address);
      const chosen = await wayIn(address);
      assert.equal(chosen.name, way, chosen.why.join("\n"));
      assert.match(chosen.why.join("\n"), why);
      assert.equal(chosen.fault, null);
      if (rewriteFails) {
        const { error } = await applyFailing({ address, steps: [stepUp(migration)] });
        assert.match(error.message, rewriteFails);
      }
      const batch = { firstRows: 200, targetMs: 20 };
      await apply({ address, steps: [inThisWay(stepUp(migration), migration, chosen)], batch });
      const doubled = before.map(({ id, priority }) => ({ id, priority: priority * 2 }));
      assert.deepEqual(await priorities(address), doubled);
      if (then) assert.deepEqual(await query(address, then), [{ yes: true }]);
      const back = await wayIn(address, "down");
      assert.equal(back.name, way);
      await apply({ address, steps: [inThisWay(stepDown(migration), migration, back)], batch });
      assert.deepEqual(await priorities(address), before);
    });

  it("refuses when neither way can be gone: a view, and no key", async () => {
    const address = await installation();
    await query(
      address,
      `ALTER TABLE task_history DROP CONSTRAINT task_history_task_id_fkey; ALTER TABLE tasks DROP CONSTRAINT tasks_pkey;
       CREATE VIEW urgent AS SELECT id, priority FROM tasks`,
    );
    const chosen = await wayIn(address);
    assert.match(
      chosen.fault ?? "",
      /cannot be done in one go \(view urgent reads tasks\.priority\), nor in batches \(tasks has no primary key/,
    );
  });

  it("takes a unique index without nulls where there is no primary key", async () => {
    const address = await installation();
    await query(
      address,
      `ALTER TABLE task_history DROP CONSTRAINT task_history_task_id_fkey; ALTER TABLE tasks DROP CONSTRAINT tasks_pkey;
       CREATE UNIQUE INDEX by_id ON tasks (id DESC); CREATE VIEW urgent AS SELECT id, priority FROM tasks`,
    );
    assert.equal((await wayIn(address)).name, "batched");
    await apply({ address, steps: [inThisWay(stepUp(migration), migration, inBatches)], batch: { firstRows: 100 } });
    assert.deepEqual(await query(address, "SELECT DISTINCT priority FROM tasks ORDER BY 1"), [
      { priority: 2 },
      { priority: 4 },
      { priority: 6 },
      { priority: 8 },
      { priority: 10 },
    ]);
  });

  it("does not go by batches where policies would hide rows from them, or a rule changes what an UPDATE does", async () => {
    const address = await installation();
    await query(
      address,
      "CREATE RULE nothing AS ON UPDATE TO tasks DO INSTEAD NOTHING; CREATE VIEW urgent AS SELECT priority FROM tasks",
    );
    assert.match((await wayIn(address)).fault ?? "", /rule nothing of tasks changes what an UPDATE does/);
    const other = await installation();
    await query(
      other,
      `CREATE ROLE keeper_of_${other.database} LOGIN PASSWORD 'x'; ALTER TABLE tasks OWNER TO keeper_of_${other.database};
       ALTER TABLE tasks ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY own ON tasks USING (status = 'x')`,
    );
    const asKeeper = { ...other, user: `keeper_of_${other.database}`, password: "x" };
    const [facts] = await withClient(asKeeper, { name: "test", readOnly: true }, (client) =>
      readTableFacts(client, ["tasks"]),
    );
    assert.ok(facts);
    assert.ok(facts.dependents.some(({ effect }) => effect === "forbids-batches"));
    assert.match(chooseWay(migration, "up", [facts]).why.join(), /nothing depends/);
  });

  it("goes by batches where a foreign key follows the column, which a rewrite would break", async () => {
    const address = await installation();
    await query(
      address,
      `CREATE TABLE levels (id integer PRIMARY KEY, rank integer UNIQUE);
       INSERT INTO levels SELECT n, n FROM generate_series(1, 100) AS n;
       CREATE TABLE boosts (rank integer REFERENCES levels (rank) ON UPDATE CASCADE);
       INSERT INTO boosts SELECT rank FROM levels WHERE rank % 3 = 0`,
    );
    const shift = migrationOf(`-- up
ALTER TABLE levels ALTER COLUMN rank TYPE integer USING rank + 1000;
-- up batched
-- batch
UPDATE levels SET rank = rank + 1000 WHERE in_batch(levels);
-- down
ALTER TABLE levels ALTER COLUMN rank TYPE integer USING rank - 1000;
-- down batched
-- batch
UPDATE levels SET rank = rank - 1000 WHERE in_batch(levels);`);
    const facts = await withClient(address, { name: "test", readOnly: true }, (client) =>
      readTableFacts(client, ["levels"]),
    );
    const chosen = chooseWay(shift, "up", facts);
    assert.deepEqual(chosen.why, [
      "batched: foreign key boosts_rank_fkey of boosts follows levels.rank only in an UPDATE",
    ]);
    assert.match(
      (await applyFailing({ address, steps: [stepUp(shift)] })).error.message,
      /violates foreign key constraint/,
    );
    await apply({ address, steps: [inThisWay(stepUp(shift), shift, chosen)], batch: { firstRows: 10, targetMs: 1 } });
    assert.deepEqual(await query(address, "SELECT min(rank), max(rank), count(*)::int FROM boosts"), [
      { min: 1003, max: 1099, count: 33 },
    ]);
  });

  it("knows partitions: one go where the column is theirs alone, no way at all where they are cut by it", async () => {
    const address = await installation();
    const cut = (by: string) => `
      CREATE TABLE events (id bigint, day date, level integer, PRIMARY KEY (id, ${by})) PARTITION BY RANGE (${by});`;
    await query(
      address,
      `${cut("day")} CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
       CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
       INSERT INTO events SELECT n, '2026-01-01'::date + n % 59, n FROM generate_series(1, 500) AS n`,
    );
    const shift = migrationOf(`-- up
ALTER TABLE events ALTER COLUMN level TYPE integer USING level * 10;
-- up batched
-- batch
UPDATE events SET level = level * 10 WHERE in_batch(events);
-- down
ALTER TABLE events ALTER COLUMN level TYPE integer USING level / 10;
-- down batched
-- batch
UPDATE events SET level = level / 10 WHERE in_batch(events);`);
    const wayOf = async () =>
      chooseWay(
        shift,
        "up",
        await withClient(address, { name: "test", readOnly: true }, (client) => readTableFacts(client, ["events"])),
      );
    const chosen = await wayOf();
    assert.equal(chosen.name, "whole");
    const right = "SELECT count(*) = 500 AND bool_and(level = id * 10) AS yes FROM events";
    await apply({ address, steps: [stepUp(shift)] });
    assert.deepEqual(await query(address, right), [{ yes: true }]);
    await apply({
      address,
      steps: [inThisWay(stepDown(shift), shift, inBatches)],
      batch: { firstRows: 20, targetMs: 1 },
    });
    await query(address, "CREATE VIEW levels AS SELECT level FROM events");
    assert.equal((await wayOf()).name, "batched");
    await apply({
      address,
      steps: [inThisWay(stepUp(shift), shift, inBatches)],
      batch: { firstRows: 20, targetMs: 1 },
    });
    assert.deepEqual(await query(address, right), [{ yes: true }]);
    await query(address, `DROP TABLE events CASCADE; ${cut("level")}`);
    assert.match(
      (await wayOf()).fault ?? "",
      /in one go \(events is partitioned by level\), nor in batches \(events\.level, which they change, belongs to the key/,
    );
  });
});
