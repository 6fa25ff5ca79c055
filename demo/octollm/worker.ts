import type { TaskCache } from "./cache";
import { log, reasonOf } from "./log";
import type { Task, TaskStore } from "./tasks";

/** Runs the tasks that this process took in, one after the other; tasks that it finds in the database stay as they are. */
export class Worker {
  readonly #store: TaskStore;
  readonly #cache: TaskCache | null;
  readonly #webhookUrl: string | null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(store: TaskStore, cache: TaskCache | null, webhookUrl: string | null) {
    this.#store = store;
    this.#cache = cache;
    this.#webhookUrl = webhookUrl;
  }

  /**
   * Runs a task once those before it are done.
   *
   * @param webhookUrl - what is called when it is done, in place of the service's own webhook
   */
  run(task: Task, webhookUrl = this.#webhookUrl): Promise<Task> {
    const result = this.#last.then(() => this.#work(task, webhookUrl));
    this.#last = result.catch((fault: unknown) =>
      log("error", "task failed", { task: task.id, reason: reasonOf(fault) }),
    );
    return result;
  }

  /** Waits until all tasks taken in so far are done. */
  async drain(): Promise<void> {
    await this.#last;
  }

  async #work(task: Task, webhookUrl: string | null): Promise<Task> {
    await this.#store.move(task.id, "running");
    const done = await this.#store.move(task.id, "completed", { summary: `Done: ${task.description.slice(0, 80)}` });
    this.#cache?.forget(task.id);
    await this.#notify(done, webhookUrl);
    return done;
  }

  /** As OctoLLM does: a receiver that is away costs a log line, never the task. */
  async #notify(task: Task, webhookUrl: string | null): Promise<void> {
    if (!webhookUrl) return;
    try {
      const response = await fetch(webhookUrl, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ event: "task.completed", task }),
        signal: AbortSignal.timeout(2_000),
      });
      await response.body?.cancel();
      log(response.ok ? "info" : "warning", "webhook delivered", { task: task.id, status: response.status });
    } catch (fault) {
      log("warning", "webhook not delivered", { task: task.id, reason: reasonOf(fault) });
    }
  }
}
