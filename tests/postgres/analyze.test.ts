import assert from "node:assert/strict";

import { analyzeDatabase } from "../../postgres/analyze";
import { installation, query } from "./installation";

describe("taking the planner's statistics", () => {
  it("leaves out no table: of any name, in any schema, partitioned, materialized", async () => {
    const address = await installation();
    await query(
      address,
      `CREATE SCHEMA "Odd ""one"""; CREATE TABLE "Odd ""one"""."Name.with.dots" AS SELECT n FROM generate_series(1, 50) n;
       CREATE TABLE parts (n int) PARTITION BY RANGE (n); CREATE TABLE part PARTITION OF parts FOR VALUES FROM (0) TO (100);
       INSERT INTO parts SELECT generate_series(1, 50); CREATE MATERIALIZED VIEW seen AS SELECT n FROM parts`,
    );
    await analyzeDatabase(address, 3);
    const rows = await query<{ table: string }>(
      address,
      `SELECT DISTINCT schemaname || '.' || tablename AS table FROM pg_stats
       WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'octollm_upgrade') ORDER BY 1`,
    );
    const names = ['Odd "one".Name.with.dots', "public.alembic_version", "public.part", "public.parts", "public.seen"];
    assert.deepEqual(
      rows.map(({ table }) => table).toSorted(),
      [...names, "public.task_history", "public.tasks"].toSorted(),
    );
  });
});
