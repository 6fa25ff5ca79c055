import assert from "node:assert/strict";

import { withClient } from "../../postgres/connection";
import { loadParser } from "../../postgres/statements";
import { backOut, batchedSteps, fingerprint, migrationOf, stopHalfWay } from "./batch-cases";
import { apply, applyFailing, installation, query } from "./installation";

/** Keys of any kind: columns, and 300 rows for them. */
const keys: readonly [string, string, string][] = [
  ["uuid", "id uuid PRIMARY KEY", "gen_random_uuid()"],
  ["bigint with gaps and below zero", "id bigint PRIMARY KEY", "n * n * CASE WHEN n % 2 = 0 THEN -1 ELSE 1 END"],
  [
    "text with quotes, backslashes, umlauts, nothing",
    "id text PRIMARY KEY",
    `CASE n % 6 WHEN 0 THEN '' WHEN 1 THEN '''' WHEN 2 THEN E'\\\\' WHEN 3 THEN 'ä✓' WHEN 4 THEN E'line\\n' ELSE ' ' END || coalesce(nullif(n, 300)::text, '')`,
  ],
  ["char(8), padded", "id char(8) PRIMARY KEY", "to_hex(n)"],
  [
    "timestamptz with microseconds",
    "id timestamptz PRIMARY KEY",
    "'2026-03-29 00:30:00.000001+00'::timestamptz + n * interval '17.000003 s'",
  ],
  [
    "double precision",
    "id double precision PRIMARY KEY",
    "CASE n WHEN 1 THEN 'NaN' WHEN 2 THEN '-Infinity' ELSE n / 3.0 END",
  ],
  ["numeric", "id numeric PRIMARY KEY", "n / 7.0"],
  ["bytea", "id bytea PRIMARY KEY", "decode(md5(n::text), 'hex')"],
  ["interval", "id interval PRIMARY KEY", "(n || ' days 3 hours')::interval - interval '1 year'"],
  ["boolean and date", "a boolean, id date, PRIMARY KEY (a, id)", "n % 2 = 0, '2026-01-01'::date + n"],
  [
    "composite of text, uuid and integer",
    "a text, b uuid, id integer, PRIMARY KEY (a, b, id)",
    "(n % 3)::text, md5((n % 5)::text)::uuid, n",
  ],
  ["a unique constraint with an odd name", 'id integer NOT NULL, CONSTRAINT "odd ""name" UNIQUE (id)', "n"],
  ["names that must be quoted", 'id integer, "Order" text, PRIMARY KEY ("Order", id)', "n, (n % 4)::text"],
];

const change = () =>
  migrationOf(`-- up batched
-- batch
UPDATE things SET value = value * 2 WHERE in_batch(things);
-- down batched
-- batch
UPDATE things SET value = value / 2 WHERE in_batch(things);`);

describe("batches: keys of any kind", function () {
  this.timeout(60_000);
  before(loadParser);
  const batch = { firstRows: 40, targetMs: 20, reportMs: 0 };

  for (const [title, columns, values] of keys)
    it(`take each row once, stop, turn back and go on: ${title}`, async () => {
      const address = await installation();
      await query(
        address,
        `SET timezone = 'Europe/Berlin'; CREATE TABLE things (${columns}, value integer NOT NULL);
         INSERT INTO things SELECT ${values}, n FROM generate_series(1, 300) AS n`,
      );
      await query(address, `ALTER DATABASE ${address.database} SET timezone = 'America/St_Johns'`);
      await query(address, `ALTER DATABASE ${address.database} SET DateStyle = 'German'`);
      await query(address, `ALTER DATABASE ${address.database} SET extra_float_digits = -5`);
      const sum = async () =>
        (await query<{ sum: string; most: number }>(address, "SELECT sum(value), count(*) FROM things"))[0];
      const atFirst = await fingerprint(address, "things");
      const steps = batchedSteps(change());
      await stopHalfWay(address, steps.up, batch);
      await stopHalfWay(address, backOut(steps).down, batch);
      await apply({ address, steps: [steps.up], batch });
      assert.deepEqual(await sum(), { sum: String(300 * 301), count: "300" });
      await apply({ address, steps: [steps.down], batch });
      assert.deepEqual(await fingerprint(address, "things"), atFirst);
    });

  it("of a large table are laid out by a sample, and each row is still taken once, there and back", async () => {
    const address = await installation();
    await query(
      address,
      `CREATE TABLE things (id uuid PRIMARY KEY, value integer NOT NULL);
       INSERT INTO things SELECT md5(n::text)::uuid, n FROM generate_series(1, 50000) AS n; ANALYZE things`,
    );
    const wrong = async (factor: number) =>
      (
        await query<{ rows: number }>(
          address,
          `SELECT count(*)::int AS rows FROM things WHERE id <> md5((value / ${factor})::text)::uuid`,
        )
      )[0]?.rows;
    const steps = batchedSteps(change());
    const large = { firstRows: 500, targetMs: 50 };
    await stopHalfWay(address, steps.up, large);
    const [state] = await query<{ done: number }>(
      address,
      "SELECT rows_done::int AS done FROM octollm_upgrade.batches",
    );
    assert.ok(state && state.done > 0 && state.done < 50_000, JSON.stringify(state));
    await stopHalfWay(address, backOut(steps).down, { firstRows: 100, targetMs: 5 });
    await apply({ address, steps: [steps.up], batch: large });
    assert.equal(await wrong(2), 0);
    await stopHalfWay(address, steps.down, large);
    await apply({ address, steps: [backOut(steps).up], batch: { firstRows: 1, targetMs: 50 } });
    assert.equal(await wrong(2), 0);
    await apply({ address, steps: [steps.down], batch: large });
    assert.equal(await wrong(1), 0);
    assert.deepEqual(await query(address, "SELECT count(*)::int FROM things"), [{ count: 50_000 }]);
  });

  it("refuse a table without one, and a batch that sets its own key, with nothing begun", async () => {
    const address = await installation();
    await query(
      address,
      "CREATE TABLE things (id integer, value integer); CREATE UNIQUE INDEX ON things (id) WHERE value > 0",
    );
    const { up } = batchedSteps(change());
    const { error } = await applyFailing({ address, steps: [up] });
    assert.match(error.message, /was not begun\. Table things has no primary key and no unique index without nulls/);
    await query(address, "ALTER TABLE things ADD PRIMARY KEY (value)");
    assert.match(
      (await applyFailing({ address, steps: [up] })).error.message,
      /Its batches set value, by which the rows/,
    );
    assert.deepEqual(await query(address, "SELECT FROM octollm_upgrade.batches"), []);
  });

  it("go by the key that they began with, and refuse to go on without it", async () => {
    const address = await installation();
    await query(
      address,
      "CREATE TABLE things (id integer PRIMARY KEY, value integer); INSERT INTO things SELECT n, n FROM generate_series(1, 300) n",
    );
    const { up } = batchedSteps(change());
    await stopHalfWay(address, up, batch);
    await query(
      address,
      "ALTER TABLE things ADD COLUMN other integer GENERATED ALWAYS AS IDENTITY; ALTER TABLE things DROP CONSTRAINT things_pkey, ADD PRIMARY KEY (other)",
    );
    const { error } = await applyFailing({ address, steps: [up] });
    assert.match(error.message, /has lost the unique index on id, by which its first rows were taken/);
    await query(address, "ALTER TABLE things ADD UNIQUE (id), ALTER COLUMN id SET NOT NULL");
    await apply({ address, steps: [up], batch });
    assert.deepEqual(await query(address, "SELECT bool_and(value = id * 2) AS yes FROM things"), [{ yes: true }]);
  });

  it("refuse to go on by another file than the one that began", async () => {
    const address = await installation();
    await query(
      address,
      "CREATE TABLE things (id integer PRIMARY KEY, value integer); INSERT INTO things SELECT n, n FROM generate_series(1, 300) n",
    );
    const { up } = batchedSteps(change());
    await stopHalfWay(address, up, batch);
    const { error } = await applyFailing({ address, steps: [{ ...up, checksum: "f".repeat(64) }] });
    assert.match(
      error.message,
      /rows were done by a file with SHA-256 \w{12}, and the file now has ffffffffffff: bring the old file back/,
    );
    const other = { ...up, revision: "ccc222", after: "ccc222" };
    assert.match(
      (await applyFailing({ address, steps: [other] })).error.message,
      /The batches of revision bbb111 stopped half-way/,
    );
    const plain = { ...other, transaction: "transactional" as const, sql: ["SELECT 1;"] };
    assert.match(
      (await applyFailing({ address, steps: [plain] })).error.message,
      /stopped half-way, after \d+ rows: they have to be ended/,
    );
  });
});

describe("the guide's OFFSET loop beside ours, on the same rows", function () {
  this.timeout(60_000);
  before(loadParser);

  /** The guide's statement as it stands there, until it finds no row. */
  async function loopOfTheGuide(address: Parameters<typeof query>[0], batchSize: number): Promise<void> {
    await withClient(address, { name: "guide" }, async (client) => {
      for (let offset = 0; ; offset += batchSize) {
        const { rowCount } = await client.query(
          `UPDATE tasks SET priority = priority * 2
           WHERE id IN (SELECT id FROM tasks WHERE priority < 6 LIMIT $1 OFFSET $2)`,
          [batchSize, offset],
        );
        if (rowCount === 0) return;
      }
    });
  }

  it("skips rows and doubles others twice and three times, where ours doubles each once", async () => {
    const prepared = async () => {
      const address = await installation();
      await query(
        address,
        "ALTER TABLE tasks DROP CONSTRAINT tasks_priority_check; CREATE TABLE was AS SELECT id, priority FROM tasks",
      );
      return address;
    };
    const factors = async (address: Parameters<typeof query>[0]) =>
      query<{ factor: number; rows: number }>(
        address,
        `SELECT tasks.priority / was.priority AS factor, count(*)::int AS rows FROM tasks JOIN was USING (id) GROUP BY 1 ORDER BY 1`,
      );
    const theirs = await prepared();
    await loopOfTheGuide(theirs, 100);
    const found = new Map((await factors(theirs)).map(({ factor, rows }) => [factor, rows]));
    assert.ok((found.get(1) ?? 0) > 0, `skipped: ${JSON.stringify([...found])}`);
    assert.ok((found.get(4) ?? 0) > 0, `doubled twice: ${JSON.stringify([...found])}`);
    assert.ok((found.get(2) ?? 0) < 1000);
    const ours = await prepared();
    const scale = migrationOf(`-- up batched
-- batch
UPDATE tasks SET priority = priority * 2 WHERE in_batch(tasks);
-- down batched
-- batch
UPDATE tasks SET priority = priority / 2 WHERE in_batch(tasks);`);
    await apply({ address: ours, steps: [batchedSteps(scale).up], batch: { firstRows: 100, targetMs: 1 } });
    assert.deepEqual(await factors(ours), [{ factor: 2, rows: 1000 }]);
  });
});
