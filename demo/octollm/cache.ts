import type { Task } from "./tasks";

/** The first-level cache of 0.2.0: the tasks that were read last, for a short time, in this process's memory. */
export class TaskCache {
  readonly #size: number;
  readonly #ttlSeconds: number;
  readonly #entries = new Map<string, { task: Task; expires: number }>();

  constructor({ size, ttlSeconds }: { readonly size: number; readonly ttlSeconds: number }) {
    this.#size = size;
    this.#ttlSeconds = ttlSeconds;
  }

  get(id: string): Task | undefined {
    const entry = this.#entries.get(id);
    return entry && entry.expires > Date.now() ? entry.task : undefined;
  }

  put(task: Task): void {
    this.#entries.delete(task.id);
    this.#entries.set(task.id, { task, expires: Date.now() + this.#ttlSeconds * 1_000 });
    // A Map keeps its order: the first key was put in longest ago.
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > this.#size && oldest !== undefined) this.#entries.delete(oldest);
  }

  forget(id: string): void {
    this.#entries.delete(id);
  }
}
