import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";

import pg from "pg";

const pauseMs = 10;

/** Clients that read single tasks, one after the other, and note how long each answer took. */
export class Readers {
  readonly #times: number[] = [];
  readonly #over = new AbortController();
  #reading: Promise<void>[] = [];

  /** @param url - the database @param count - how many clients */
  static async start(url: string, count: number): Promise<Readers> {
    const readers = new Readers();
    const clients = await Promise.all(
      Array.from({ length: count }, async () => {
        const client = new pg.Client(url);
        await client.connect();
        return client;
      }),
    );
    const { rows } = await clients[0]!.query<{ id: string }>("SELECT id FROM tasks LIMIT 1000");
    readers.#reading = clients.map((client) =>
      readers.#read(
        client,
        rows.map(({ id }) => id),
      ),
    );
    return readers;
  }

  async #read(client: pg.Client, ids: readonly string[]): Promise<void> {
    for (let next = 0; !this.#over.signal.aborted; next++) {
      const started = performance.now();
      await client.query("SELECT priority FROM tasks WHERE id = $1", [ids[next % ids.length]]);
      this.#times.push(performance.now() - started);
      await sleep(pauseMs);
    }
    await client.end();
  }

  /** Ends them. @returns the 99th percentile of what they waited, in milliseconds */
  async stop(): Promise<number> {
    this.#over.abort();
    await Promise.all(this.#reading);
    const sorted = this.#times.toSorted((a, b) => a - b);
    return sorted[Math.floor(sorted.length * 0.99)] ?? NaN;
  }
}
