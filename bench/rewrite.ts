import pg from "pg";

import type { PrivatePostgres } from "../demo/private-postgres";
import { loadCatalogue } from "../releases/catalogue";
import { median, seconds, table } from "./measure";

const schema = `
  CREATE TABLE tasks (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), description text NOT NULL,
    priority integer NOT NULL DEFAULT 3 CONSTRAINT tasks_priority_check CHECK (priority BETWEEN 1 AND 5),
    status text NOT NULL DEFAULT 'pending', context jsonb NOT NULL DEFAULT '{}', created_at timestamptz NOT NULL DEFAULT now());
  CREATE INDEX idx_tasks_status_priority ON tasks (status, priority DESC);
  CREATE SCHEMA octollm_upgrade;
  CREATE TABLE octollm_upgrade.kept_values (revision text, relation text, column_name text, row_key text, value text,
    PRIMARY KEY (revision, relation, column_name, row_key));`;

const plainUpdate = `
  ALTER TABLE tasks DROP CONSTRAINT tasks_priority_check;
  UPDATE tasks SET priority = priority * 2;
  ALTER TABLE tasks ALTER COLUMN priority SET DEFAULT 6, ADD CONSTRAINT tasks_priority_check CHECK (priority BETWEEN 1 AND 10);
  ANALYZE tasks;`;

interface Outcome {
  readonly seconds: number;
  readonly megabytes: number;
}

/** The priority change as revision e4f5a6 makes it (one rewrite), against one UPDATE of the whole table. */
export async function benchRewrite(server: PrivatePostgres, sizes: readonly number[]): Promise<string> {
  const { chain } = await loadCatalogue();
  const rewrite = chain.find(({ revision }) => revision === "e4f5a6")?.up.sql.join("\n") ?? "";
  const rows: string[][] = [];
  for (const size of sizes) {
    const template = `rows_${size}`;
    server.createDatabase(template);
    await withDatabase(server, template, (client) => fill(client, size));
    const results = { rewrite: [] as Outcome[], update: [] as Outcome[] };
    for (let round = 0; round < 3; round++) {
      results.rewrite.push(await measure(server, template, rewrite));
      results.update.push(await measure(server, template, plainUpdate));
    }
    rows.push(describe(size, results.rewrite, results.update));
  }
  return table(["rows", "rewrite", "UPDATE", "UPDATE / rewrite", "table after rewrite", "table after UPDATE"], rows);
}

async function fill(client: pg.Client, size: number): Promise<void> {
  await client.query(schema);
  await client.query(
    `INSERT INTO tasks (description, priority, status, context)
     SELECT 'task number ' || n || repeat(' and more', n % 7), 1 + n % 5, (ARRAY['pending', 'running', 'completed', 'failed'])[1 + n % 4],
            jsonb_build_object('user', 'user' || n % 100, 'tags', jsonb_build_array('a', n % 10)) FROM generate_series(1, $1) AS n`,
    [size],
  );
  await client.query("VACUUM ANALYZE tasks");
}

async function measure(server: PrivatePostgres, template: string, sql: string): Promise<Outcome> {
  const name = "measured";
  server.createDatabase(name, template);
  try {
    return await withDatabase(server, name, async (client) => {
      const took = await seconds(() => client.query(`BEGIN; ${sql} COMMIT;`));
      const { rows } = await client.query<{ bytes: string }>("SELECT pg_total_relation_size('tasks') AS bytes");
      return { seconds: took, megabytes: Number(rows[0]?.bytes) / 1e6 };
    });
  } finally {
    await withDatabase(server, "postgres", (client) => client.query(`DROP DATABASE ${name}`));
  }
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

function describe(size: number, rewrite: readonly Outcome[], update: readonly Outcome[]): string[] {
  const time = (list: readonly Outcome[]) => median(list.map((outcome) => outcome.seconds));
  const space = (list: readonly Outcome[]) => median(list.map((outcome) => outcome.megabytes));
  return [
    size.toLocaleString("en"),
    `${time(rewrite).toFixed(2)} s`,
    `${time(update).toFixed(2)} s`,
    `${(time(update) / time(rewrite)).toFixed(1)}x`,
    `${space(rewrite).toFixed(1)} MB`,
    `${space(update).toFixed(1)} MB`,
  ];
}
