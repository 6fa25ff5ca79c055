import type { Pool, PoolClient } from "pg";

/** A task as the API shows it. */
export interface Task {
  readonly id: string;
  readonly description: string;
  readonly priority: number;
  readonly status: "pending" | "running" | "completed" | "failed";
  readonly context: unknown;
  readonly result: unknown;
  readonly created_at: Date;
  readonly updated_at: Date;
}

/** What a client sends to create one. */
export interface NewTask {
  readonly description: string;
  readonly priority: number;
  readonly context: Readonly<Record<string, unknown>>;
  /** Called when the task is done, in place of the service's webhook; not kept. */
  readonly webhook_url: string | null;
}

const columns = "id, description, priority, status, context, result, created_at, updated_at";

/** Tasks in the database; every change also writes a line of their history. */
export class TaskStore {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** The schema revision that the database says it has; null without one. */
  async revision(): Promise<string | null> {
    const { rows } = await this.#pool.query<{ version_num: string }>("SELECT version_num FROM alembic_version");
    return rows[0]?.version_num ?? null;
  }

  async create({ description, priority, context }: Omit<NewTask, "webhook_url">): Promise<Task> {
    return this.#change("created", { priority }, (client) =>
      client.query<Task>(
        `INSERT INTO tasks (description, priority, context) VALUES ($1, $2, $3) RETURNING ${columns}`,
        [description, priority, JSON.stringify(context)],
      ),
    );
  }

  /** Moves a task on; `result` stays as it is when none is given. */
  async move(id: string, status: "running" | "completed" | "failed", result: unknown = null): Promise<Task> {
    const event = status === "running" ? "started" : status;
    return this.#change(event, {}, (client) =>
      client.query<Task>(
        `UPDATE tasks SET status = $2, result = coalesce($3::jsonb, result), updated_at = now()
           WHERE id = $1 RETURNING ${columns}`,
        [id, status, result === null ? null : JSON.stringify(result)],
      ),
    );
  }

  /** Removes a task that is done, and its history. @returns whether it was removed */
  async remove(id: string): Promise<boolean> {
    const { rowCount } = await this.#pool.query(
      "DELETE FROM tasks WHERE id = $1 AND status IN ('completed', 'failed')",
      [id],
    );
    return rowCount === 1;
  }

  async find(id: string): Promise<Task | null> {
    const { rows } = await this.#pool.query<Task>(`SELECT ${columns} FROM tasks WHERE id = $1`, [id]);
    return rows[0] ?? null;
  }

  /** The newest tasks first. */
  async list({ limit, status }: { readonly limit: number; readonly status: string | null }): Promise<Task[]> {
    const { rows } = await this.#pool.query<Task>(
      `SELECT ${columns} FROM tasks WHERE $2::text IS NULL OR status = $2 ORDER BY created_at DESC, id LIMIT $1`,
      [limit, status],
    );
    return rows;
  }

  async #change(
    event: string,
    detail: Readonly<Record<string, unknown>>,
    change: (client: PoolClient) => Promise<{ rows: Task[] }>,
  ): Promise<Task> {
    const client = await this.#pool.connect();
    try {
      await client.query("BEGIN");
      const [task] = (await change(client)).rows;
      if (!task) throw new Error("the task is gone");
      await client.query("INSERT INTO task_history (task_id, event, detail) VALUES ($1, $2, $3)", [
        task.id,
        event,
        JSON.stringify(detail),
      ]);
      await client.query("COMMIT");
      return task;
    } catch (fault) {
      await client.query("ROLLBACK").catch(() => undefined);
      throw fault;
    } finally {
      client.release();
    }
  }
}
