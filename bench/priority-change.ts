import { rmSync } from "node:fs";

import pg from "pg";

import type { PrivatePostgres } from "../demo/private-postgres";
import { parseDatabaseUrl, withClient } from "../postgres/connection";
import { ensureLedger, openAttempt } from "../postgres/ledger";
import { programVersion } from "../version";
import { median, seconds, table } from "./measure";
import { type Contender, contenders, type Run } from "./priority-contenders";
import { Readers } from "./readers";

const schema = `
  CREATE TABLE tasks (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), description text NOT NULL,
    priority integer NOT NULL DEFAULT 3 CONSTRAINT tasks_priority_check CHECK (priority BETWEEN 1 AND 5),
    status text NOT NULL DEFAULT 'pending', context jsonb NOT NULL DEFAULT '{}', created_at timestamptz NOT NULL DEFAULT now());
  CREATE INDEX idx_tasks_status_priority ON tasks (status, priority DESC);
  CREATE TABLE alembic_version (version_num varchar(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));
  INSERT INTO alembic_version VALUES ('b1c2d3');`;

const readers = 2;

interface Outcome {
  readonly seconds: number;
  /** The table with its indexes, after as a multiple of before. */
  readonly growth: number;
  /** 99th percentile of what readers waited, in milliseconds. */
  readonly p99: number;
  /** Rows that do not have twice their priority. */
  readonly wrong: number;
  /** How far the times left that were told were off: median of error / time the whole took. Null where none were told. */
  readonly estimateError: number | null;
}

/**
 * The priority change by every way there is, with readers beside it: ours, one UPDATE, and the loops that people write.
 *
 * @param sizes - rows
 * @param rounds - of a size, of which the medians are told; the contenders take turns
 */
export async function benchPriorityChange(
  server: PrivatePostgres,
  sizes: readonly number[],
  rounds: (rows: number) => number,
): Promise<string> {
  const rivals = await contenders();
  const results = new Map<string, Map<number, Outcome>>(rivals.map(({ name }) => [name, new Map<number, Outcome>()]));
  for (const size of sizes) {
    const template = `rows_${size}`;
    server.createDatabase(template);
    await fill(server, template, size);
    const measured = new Map(rivals.map(({ name }) => [name, [] as Outcome[]]));
    for (let round = 0; round < rounds(size); round++)
      for (const rival of rivals)
        if (size <= rival.mostRows) measured.get(rival.name)?.push(await measure(server, template, rival));
    for (const [name, outcomes] of measured) if (outcomes.length > 0) results.get(name)?.set(size, middle(outcomes));
    await withDatabase(server, "postgres", (client) => client.query(`DROP DATABASE ${template}`));
  }
  return [describeRates(results, sizes), describeRest(results, sizes)].join("\n\n");
}

async function fill(server: PrivatePostgres, database: string, size: number): Promise<void> {
  await withDatabase(server, database, async (client) => {
    await client.query(schema);
    await client.query(
      `INSERT INTO tasks (description, priority, status, context)
       SELECT 'task number ' || n || repeat(' and more', n % 7), 1 + n % 5, (ARRAY['pending', 'running', 'completed', 'failed'])[1 + n % 4],
              jsonb_build_object('user', 'user' || n % 100, 'tags', jsonb_build_array('a', n % 10)) FROM generate_series(1, $1) AS n`,
      [size],
    );
    await client.query("VACUUM ANALYZE tasks");
  });
  await withClient(parseDatabaseUrl(server.url(database)), { name: "bench" }, async (client) => {
    await ensureLedger(client);
    await openAttempt(client, {
      stack: "bench",
      host: "bench",
      pid: process.pid,
      programVersion,
      planId: "bench",
      reviewedPlan: null,
      fromVersion: "0.2.0",
      toVersion: "1.0.0",
      direction: "up",
    });
  });
}

async function measure(server: PrivatePostgres, template: string, rival: Contender): Promise<Outcome> {
  const name = "measured";
  server.createDatabase(name, template);
  try {
    return await withDatabase(server, name, async (client) => {
      for (const sql of [
        "CREATE TABLE expected AS SELECT id, priority * 2 AS priority FROM tasks",
        "VACUUM ANALYZE expected",
        "CHECKPOINT",
      ])
        await client.query(sql);
      const size = async () =>
        Number(
          (await client.query<{ bytes: string }>("SELECT pg_total_relation_size('tasks') AS bytes")).rows[0]?.bytes,
        );
      const before = await size();
      const run: Run = { server, database: name, client, estimates: [] };
      const reading = await Readers.start(server.url(name), readers);
      const started = Date.now();
      const took = await seconds(() => rival.change(run));
      const p99 = await reading.stop();
      const { rows } = await client.query<{ wrong: number }>(
        "SELECT count(*)::float8 AS wrong FROM tasks JOIN expected USING (id) WHERE tasks.priority <> expected.priority",
      );
      const errors = run.estimates.map(({ at, left }) => Math.abs(left - (started + took * 1000 - at) / 1000) / took);
      return {
        seconds: took,
        growth: (await size()) / before,
        p99,
        wrong: rows[0]?.wrong ?? NaN,
        estimateError: errors.length > 0 ? median(errors) : null,
      };
    });
  } finally {
    await withDatabase(server, "postgres", (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`));
    rmSync(`${server.folder}/bench-alembic`, { recursive: true, force: true });
  }
}

function middle(outcomes: readonly Outcome[]): Outcome {
  const of = (pick: (outcome: Outcome) => number) => median(outcomes.map(pick));
  const errors = outcomes.flatMap(({ estimateError }) => estimateError ?? []);
  return {
    seconds: of((outcome) => outcome.seconds),
    growth: of((outcome) => outcome.growth),
    p99: of((outcome) => outcome.p99),
    wrong: of((outcome) => outcome.wrong),
    estimateError: errors.length > 0 ? median(errors) : null,
  };
}

type Results = ReadonlyMap<string, ReadonlyMap<number, Outcome>>;

const notRun = "-";

/** Rows a second by size; of a plain UPDATE at the largest size; the slowest size against the fastest. */
function describeRates(results: Results, sizes: readonly number[]): string {
  const largest = sizes.at(-1) ?? 0;
  const rate = (outcome: Outcome | undefined, size: number) => (outcome ? size / outcome.seconds : NaN);
  const plain = rate(results.get("one UPDATE")?.get(largest), largest);
  const rows = [...results].map(([name, bySize]) => {
    const rates = sizes.map((size) => rate(bySize.get(size), size));
    const known = rates.filter((value) => !Number.isNaN(value));
    const ratio = (rates.at(-1) ?? NaN) / plain;
    return [
      name,
      ...rates.map((value) => (Number.isNaN(value) ? notRun : `${(value / 1000).toFixed(1)}k`)),
      Number.isNaN(ratio) ? notRun : `${ratio.toFixed(2)}x`,
      `${((100 * Math.min(...known)) / Math.max(...known)).toFixed(0)} %`,
    ];
  });
  return table(
    ["rows/s", ...sizes.map((size) => size.toLocaleString("en")), "of one UPDATE", "slowest of fastest"],
    rows,
  );
}

function describeRest(results: Results, sizes: readonly number[]): string {
  const rows = [...results].map(([name, bySize]) => {
    const size = sizes.findLast((rows) => bySize.has(rows)) ?? 0;
    const outcome = bySize.get(size);
    if (!outcome) return [name, notRun];
    return [
      name,
      size.toLocaleString("en"),
      `${outcome.seconds.toFixed(1)} s`,
      `${outcome.p99.toFixed(0)} ms`,
      `${outcome.growth.toFixed(2)}x`,
      outcome.wrong.toLocaleString("en"),
      outcome.estimateError === null ? notRun : `${(100 * outcome.estimateError).toFixed(0)} %`,
    ];
  });
  return table(["way", "rows", "time", "p99 of readers", "table grows", "wrong rows", "error of time left"], rows);
}

async function withDatabase<T>(
  server: PrivatePostgres,
  database: string,
  use: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client(server.url(database));
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
