import assert from "node:assert/strict";

import type { Plan } from "../../planner/plan";
import { type Client, parseDatabaseUrl } from "../../postgres/connection";
import { readDatabaseFacts } from "../../postgres/facts";
import { loadParser } from "../../postgres/statements";
import { withAdopted } from "../support/adopted";
import { Installed, preflight } from "../support/installed";
import { ProviderProcess } from "../support/provider-client";
import { CatalogueCopy } from "../unit/catalogue-cases";
import { outsider } from "./installation";

/** Ten schemas of a hundred tables, some of whose names need quotes, and the extensions that the server has. */
const crowd = `
  DO $$
  DECLARE extension text; place text;
  BEGIN
    FOR extension IN SELECT name FROM pg_available_extensions WHERE name IN ('pg_trgm', 'pgcrypto', 'citext') LOOP
      EXECUTE format('CREATE EXTENSION %I', extension);
    END LOOP;
    FOREACH place IN ARRAY ARRAY['crm', 'Team "A"', 'a.b', 'ümläut', 'Select', 's5', 's6', 's7', 's8', 's9'] LOOP
      EXECUTE format('CREATE SCHEMA %I', place);
      FOR number IN 1..100 LOOP
        EXECUTE format('CREATE TABLE %I.%I (id int PRIMARY KEY, short varchar(10), note text)', place, 'Odd.Name ' || number);
      END LOOP;
    END LOOP;
  END $$;
  INSERT INTO "Team ""A"""."Odd.Name 7" SELECT n, 'x', 'y' FROM generate_series(1, 50) n;
  INSERT INTO "a.b"."Odd.Name 7" SELECT n, 'x', 'y' FROM generate_series(1, 60) n;
  ANALYZE "Team ""A"""."Odd.Name 7";
  ANALYZE "a.b"."Odd.Name 7";`;

const up = `ALTER TABLE "Team ""A"""."Odd.Name 7" ALTER COLUMN short TYPE varchar(20), ALTER COLUMN id TYPE bigint;
ALTER TABLE "a.b"."Odd.Name 7" ALTER COLUMN short TYPE varchar(20);
ALTER TABLE "Select"."Odd.Name 100" DROP COLUMN note;
CREATE INDEX "an index" ON crm."Odd.Name 1" (note);`;

describe("a database with a thousand tables in several schemas, and extensions", function () {
  this.timeout(120_000);
  let installed: Installed;
  let provider: ProviderProcess;
  const copy = new CatalogueCopy();
  const file = "0.2.0/migrations/d1d1d1_x.sql";

  withAdopted(async (there) => {
    ({ installed, provider } = there);
    await loadParser();
    copy.addRevision(file, "d1d1d1", "b1c2d3");
    copy.editAll(file, (text) =>
      text
        .replace("transaction: none", "transaction: transactional")
        .replace("-- down: exact", "-- down: lossy\n-- down_loss: what it drops")
        .replace(/-- up[^]*/, `-- up\n${up}\n\n-- down\nSELECT 1;\n`),
    );
    copy.edit("0.2.0/release.yaml", "revision: b1c2d3", "revision: d1d1d1");
    copy.edit("1.0.0/migrations/e4f5a6_task_priority_scale.sql", "down_revision: b1c2d3", "down_revision: d1d1d1");
  });
  after(() => copy.remove());

  /** How many queries reading all facts takes, and how many relations it finds. */
  async function reading(): Promise<{ queries: number; relations: number }> {
    return outsider(parseDatabaseUrl(installed.databaseUrl), async (client) => {
      let queries = 0;
      const counting = { query: (...args: Parameters<Client["query"]>) => (queries++, client.query(...args)) };
      const { relations } = await readDatabaseFacts(counting as unknown as Client);
      return { queries, relations: relations.length };
    });
  }

  it("is looked at with as many queries as a small one, and previewed by name with its hazards and sizes", async () => {
    const small = await reading();
    await installed.sql(crowd);
    const big = await reading();
    assert.deepEqual([big.queries, big.relations], [small.queries, small.relations + 1000]);

    const adopted = (await provider.check(preflight, installed.inputs("0.1.0"))).inputs;
    const inputs = { ...installed.inputs("0.2.0"), settings: { ...installed.site, catalogue: copy.folder } };
    const { failures } = await provider.check(preflight, inputs, adopted);
    assert.deepEqual(failures, []);
    const { plan } = (await provider.apply(preflight, inputs, { old: adopted, preview: true })) as { plan: Plan };
    const step = plan.revisions.pre.at(-1);
    assert.deepEqual(step?.facts, [
      'line 12: "Team ""A"""."Odd.Name 7" ACCESS EXCLUSIVE: blocks reads and writes, rewrites the table',
      'line 13: "a.b"."Odd.Name 7" ACCESS EXCLUSIVE: blocks reads and writes',
      'line 14: "Select"."Odd.Name 100" ACCESS EXCLUSIVE: blocks reads and writes',
      'line 15: crm."Odd.Name 1" SHARE: blocks writes, builds an index',
    ]);
    assert.deepEqual(
      step?.hazards.map(({ place, hazard, relation }) => [place.split(":")[1], hazard, relation]),
      [
        ["12", "changing-column-type", '"Team ""A"""."Odd.Name 7"'],
        ["14", "ban-drop-column", '"Select"."Odd.Name 100"'],
        ["15", "require-concurrent-index-creation", 'crm."Odd.Name 1"'],
      ],
    );
    const touched = provider.lines().filter((line) => line.startsWith("touches"));
    assert.deepEqual(
      touched.slice(2, 4).map((line) => line.split(" rows")[0]),
      ['touches   "Team ""A"""."Odd.Name 7": ~50', 'touches   "a.b"."Odd.Name 7": ~60'],
    );
  });
});
