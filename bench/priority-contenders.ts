import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

import type pg from "pg";

import { libpqEnvironment } from "../backup/libpq-environment";
import type { PrivatePostgres } from "../demo/private-postgres";
import { stepUp } from "../planner/chain";
import type { RevisionStep } from "../planner/plan";
import { inThisWay } from "../planner/ways";
import { parseDatabaseUrl } from "../postgres/connection";
import { applyRevisions } from "../postgres/runner";
import { loadCatalogue } from "../releases/catalogue";
import { findAlembic, writeAlembicProject } from "./alembic-project";

const execute = promisify(execFile);

/** One measurement under way. */
export interface Run {
  readonly server: PrivatePostgres;
  readonly database: string;
  readonly client: pg.Client;
  /** The times left that a contender has told: when, and how many seconds. */
  readonly estimates: { at: number; left: number }[];
}

/** A way to double every priority. */
export interface Contender {
  readonly name: string;
  /** Beyond that it takes longer than anybody would wait for a bench. */
  readonly mostRows: number;
  readonly change: (run: Run) => Promise<unknown>;
}

const drop = "ALTER TABLE tasks DROP CONSTRAINT tasks_priority_check;";
const finish = `ALTER TABLE tasks ALTER COLUMN priority SET DEFAULT 6, ADD CONSTRAINT tasks_priority_check CHECK (priority BETWEEN 1 AND 10);
  ANALYZE tasks;`;

/** As people write it: a procedure that keeps the last key and commits every batch. */
const keysetLoop = (rows: number) => `
  DO $$
  DECLARE last uuid := '00000000-0000-0000-0000-000000000000'; taken uuid[];
  BEGIN
    LOOP
      SELECT array_agg(id ORDER BY id) INTO taken FROM (SELECT id FROM tasks WHERE id > last ORDER BY id LIMIT ${rows}) AS batch;
      EXIT WHEN taken IS NULL;
      UPDATE tasks SET priority = priority * 2 WHERE id = ANY (taken);
      last := taken[array_length(taken, 1)];
      COMMIT;
    END LOOP;
  END $$;`;

/** All contenders, ours first. */
export async function contenders(): Promise<Contender[]> {
  const alembic = await findAlembic();
  const { chain } = await loadCatalogue();
  const scale = chain.find(({ revision }) => revision === "e4f5a6");
  if (!scale) throw new Error("the catalogue has no revision e4f5a6");
  const ours = (name: "whole" | "batched") => inThisWay(stepUp(scale), scale, { name, why: [], fault: null });
  const everySize = Number.POSITIVE_INFINITY;
  return [
    { name: "ours: rewrite", mostRows: everySize, change: (run) => applyOurs(run, ours("whole")) },
    { name: "ours: batched", mostRows: everySize, change: (run) => applyOurs(run, ours("batched")) },
    {
      name: "one UPDATE",
      mostRows: everySize,
      change: ({ client }) =>
        client.query(`BEGIN; ${drop} UPDATE tasks SET priority = priority * 2; ${finish} COMMIT;`),
    },
    { name: "keyset loop in psql, 1,000 rows", mostRows: everySize, change: (run) => loopInPsql(run, 1_000) },
    { name: "keyset loop in psql, 10,000 rows", mostRows: 1_000_000, change: (run) => loopInPsql(run, 10_000) },
    alembic === null
      ? { name: "the guide's loop", mostRows: 100_000, change: loopOfTheGuide }
      : {
          name: "the guide's loop, Alembic",
          mostRows: 100_000,
          change: (run: Run) => upgradeWithAlembic(run, alembic),
        },
  ];
}

async function applyOurs({ server, database, estimates }: Run, step: RevisionStep): Promise<void> {
  await applyRevisions({
    address: parseDatabaseUrl(server.url(database)),
    steps: [step],
    attempt: 1,
    batch: { reportMs: 250 },
    progress: (line) => {
      const left = / about (\d+) s left/.exec(line)?.[1];
      if (left) estimates.push({ at: Date.now(), left: Number(left) });
    },
    signal: new AbortController().signal,
  });
}

async function loopInPsql({ server, database }: Run, rows: number): Promise<void> {
  const env = libpqEnvironment(parseDatabaseUrl(server.url(database)));
  const run = (sql: string) => execute("psql", ["-qX", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", sql], { env });
  await run(drop);
  await run(keysetLoop(rows));
  await run(finish);
}

const guidesUpdate = `UPDATE tasks SET priority = priority * 2
  WHERE id IN (SELECT id FROM tasks WHERE priority < 6 LIMIT $1 OFFSET $2)`;

/** The guide's statements as they stand there, in one transaction as Alembic has them. */
async function loopOfTheGuide({ client }: Run): Promise<void> {
  await client.query(`BEGIN; ${drop}`);
  for (let offset = 0; ; offset += 1000) if ((await client.query(guidesUpdate, [1000, offset])).rowCount === 0) break;
  await client.query(`ALTER TABLE tasks ALTER COLUMN priority SET DEFAULT 6; ANALYZE tasks; COMMIT`);
}

const revisionFile = `from alembic import op
import sqlalchemy as sa

revision = 'e4f5a6'
down_revision = 'b1c2d3'
branch_labels = None
depends_on = None


def upgrade():
    op.execute("ALTER TABLE tasks DROP CONSTRAINT tasks_priority_check")
    connection = op.get_bind()
    batch_size = 1000
    offset = 0
    while True:
        result = connection.execute(
            sa.text("""
                UPDATE tasks
                SET priority = priority * 2
                WHERE id IN (
                    SELECT id FROM tasks
                    WHERE priority < 6  -- Old scale
                    LIMIT :batch_size OFFSET :offset
                )
            """),
            {"batch_size": batch_size, "offset": offset}
        )
        if result.rowcount == 0:
            break
        offset += batch_size
    op.execute("ALTER TABLE tasks ALTER COLUMN priority SET DEFAULT 6")
    op.execute("ANALYZE tasks")
`;

const baseFile = `revision = 'b1c2d3'
down_revision = None


def upgrade():
    pass
`;

/** The guide's revision under Alembic itself. */
async function upgradeWithAlembic({ server, database }: Run, alembic: string): Promise<void> {
  const folder = join(server.folder, "bench-alembic");
  writeAlembicProject(folder, { b1c2d3_base: baseFile, e4f5a6_scale: revisionFile });
  await execute(alembic, ["upgrade", "head"], {
    cwd: folder,
    env: { ...process.env, DATABASE_URL: server.url(database) },
  });
}
