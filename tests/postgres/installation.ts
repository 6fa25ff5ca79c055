import type { RevisionStep } from "../../planner/plan";
import { type Client, type DatabaseAddress, parseDatabaseUrl, withClient } from "../../postgres/connection";
import { ensureLedger, openAttempt } from "../../postgres/ledger";
import { type ApplyOptions, applyRevisions, type RevisionError } from "../../postgres/runner";
import { testDatabase } from "../support/postgres";

export const newAttempt = {
  stack: "dev",
  host: "test-host",
  pid: 4711,
  programVersion: "0.1.0",
  planId: "0123456789ab",
  reviewedPlan: null,
  fromVersion: "0.1.0",
  toVersion: "1.0.0",
  direction: "up" as const,
};

const schemaOf010 = `
  CREATE TABLE tasks (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), description text NOT NULL, status text NOT NULL DEFAULT 'pending',
    priority integer NOT NULL DEFAULT 3, created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT tasks_priority_check CHECK (priority BETWEEN 1 AND 5));
  CREATE TABLE task_history (id bigserial PRIMARY KEY, task_id uuid REFERENCES tasks, created_at timestamptz DEFAULT now());
  CREATE TABLE alembic_version (version_num varchar(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));
  INSERT INTO alembic_version VALUES ('def456');
  INSERT INTO tasks (description, priority) SELECT 'task ' || n, 1 + n % 5 FROM generate_series(1, 1000) n;
  INSERT INTO task_history (task_id) SELECT id FROM tasks;`;

/** A database of OctoLLM 0.1.0 with 1000 tasks, a ledger and attempt 1 open. */
export async function installation({ revision = "def456" } = {}): Promise<DatabaseAddress> {
  const address = await installOn(parseDatabaseUrl(await testDatabase()));
  await query(address, `UPDATE alembic_version SET version_num = '${revision}'`);
  return address;
}

/** The same in an empty database of a test's own server. */
export async function installOn(address: DatabaseAddress): Promise<DatabaseAddress> {
  await query(address, schemaOf010);
  await withClient(address, { name: "test" }, async (client) => {
    await ensureLedger(client);
    await openAttempt(client, newAttempt);
  });
  return address;
}

/** Rows of one query in a session that is not the program's. */
export async function query<T extends object = Record<string, unknown>>(
  address: DatabaseAddress,
  sql: string,
): Promise<T[]> {
  return outsider(address, async (client) => (await client.query<T>(sql)).rows);
}

/** A session as a service or a DBA would have it. */
export async function outsider<T>(address: DatabaseAddress, use: (client: Client) => Promise<T>): Promise<T> {
  return withClient(address, { name: "outsider" }, async (client) => {
    await client.query("SET application_name = 'some service'");
    return use(client);
  });
}

/** The revision that the database is at. */
export async function revisionOf(address: DatabaseAddress): Promise<string | undefined> {
  return (await query<{ version_num: string }>(address, "SELECT version_num FROM alembic_version"))[0]?.version_num;
}

export function step(part: Partial<RevisionStep> & { sql: readonly string[] }): RevisionStep {
  return {
    revision: "aaa111",
    direction: "up",
    title: "a revision",
    release: "1.0.0",
    before: "def456",
    after: "aaa111",
    transaction: "transactional",
    why: [],
    file: "1.0.0/migrations/aaa111_a_revision.sql",
    line: 1,
    facts: [],
    hazards: [],
    checksum: "0".repeat(64),
    undo: null,
    ...part,
  };
}

export const createIndex = step({
  revision: "abc123",
  after: "abc123",
  title: "add_task_priority_index",
  transaction: "none",
  sql: ["CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_tasks_status_priority", "  ON tasks (status, priority DESC);"],
  undo: ["DROP INDEX CONCURRENTLY IF EXISTS idx_tasks_status_priority;"],
});

export const dropIndex = step({
  ...createIndex,
  direction: "down",
  before: "abc123",
  after: "def456",
  sql: createIndex.undo ?? [],
  undo: createIndex.sql,
});

const scaleUp = `ALTER TABLE tasks
  DROP CONSTRAINT tasks_priority_check,
  ALTER COLUMN priority SET DEFAULT 6,
  ALTER COLUMN priority TYPE integer USING priority * 2,
  ADD CONSTRAINT tasks_priority_check CHECK (priority BETWEEN 1 AND 10);
UPDATE tasks t SET priority = k.value::integer FROM octollm_upgrade.kept_values k
  WHERE k.revision = 'e4f5a6' AND k.relation = 'tasks' AND k.column_name = 'priority'
    AND k.row_key = t.id::text AND t.priority = k.value::integer + 1;
DELETE FROM octollm_upgrade.kept_values WHERE revision = 'e4f5a6';
ANALYZE tasks;`.split("\n");

const scaleDown = `INSERT INTO octollm_upgrade.kept_values (revision, relation, row_key, column_name, value)
  SELECT 'e4f5a6', 'tasks', id::text, 'priority', priority::text FROM tasks WHERE priority % 2 = 1;
ALTER TABLE tasks
  DROP CONSTRAINT tasks_priority_check,
  ALTER COLUMN priority SET DEFAULT 3,
  ALTER COLUMN priority TYPE integer USING (priority + 1) / 2,
  ADD CONSTRAINT tasks_priority_check CHECK (priority BETWEEN 1 AND 5);
ANALYZE tasks;`.split("\n");

const scale = { revision: "e4f5a6", title: "priority scale" };
export const scalePriorities = step({ ...scale, before: "def456", after: "e4f5a6", sql: scaleUp, undo: scaleDown });
export const unscalePriorities = step({
  ...scale,
  direction: "down",
  before: "e4f5a6",
  after: "def456",
  sql: scaleDown,
  undo: scaleUp,
});

export interface Run {
  readonly address: DatabaseAddress;
  readonly steps: readonly RevisionStep[];
  readonly lockTimeoutMs?: number;
  readonly retries?: number;
  readonly concurrentlyTimeoutMs?: number;
  readonly batch?: ApplyOptions["batch"];
  readonly onLine?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** Applies steps in attempt 1; answers the results and all that was said. */
export async function apply({ signal = new AbortController().signal, onLine, ...run }: Run) {
  const lines: string[] = [];
  const progress = (line: string) => {
    lines.push(line);
    onLine?.(line);
  };
  const results = await applyRevisions({ ...run, attempt: 1, progress, signal });
  return { results, lines };
}

/** The error that applying the steps ends with, and all that was said. */
export async function applyFailing({ onLine, ...run }: Run) {
  const lines: string[] = [];
  const note = (line: string) => {
    lines.push(line);
    onLine?.(line);
  };
  try {
    await apply({ ...run, onLine: note });
  } catch (error) {
    return { error: error as RevisionError, lines };
  }
  throw new Error("the steps should have failed");
}

/** Waits until `condition` holds. */
export async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await condition()); tries++) {
    if (tries > 200) throw new Error("waited ten seconds in vain");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
