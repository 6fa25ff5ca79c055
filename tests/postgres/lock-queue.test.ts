import assert from "node:assert/strict";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";

import { stepUp } from "../../planner/chain";
import type { RevisionStep } from "../../planner/plan";
import { inThisWay } from "../../planner/ways";
import { type DatabaseAddress, withClient } from "../../postgres/connection";
import { loadParser } from "../../postgres/statements";
import { loadCatalogue } from "../../releases/catalogue";
import { inBatches } from "./batch-cases";
import { apply, createIndex, installation, outsider, query } from "./installation";

const lockTimeoutMs = 800;
/** What a busy machine adds; far less than the long reader would make everybody wait. */
const marginMs = 1_700;
const readerMs = 5_000;

/** Twenty clients that read and write single tasks. @returns the longest that any of them waited for an answer */
class Clients {
  longestMs = 0;
  statements = 0;
  #over = false;
  readonly #running: Promise<void>[];

  constructor(address: DatabaseAddress, ids: readonly string[]) {
    this.#running = Array.from({ length: 20 }, (_, index) =>
      withClient(address, { name: "client" }, async (client) => {
        const sql =
          index % 2 === 0
            ? "SELECT priority FROM tasks WHERE id = $1"
            : "UPDATE tasks SET created_at = created_at + interval '1 s' WHERE id = $1";
        for (let next = index; !this.#over; next += 20) {
          const started = performance.now();
          await client.query(sql, [ids[next % ids.length]]);
          this.longestMs = Math.max(this.longestMs, performance.now() - started);
          this.statements++;
          await sleep(20);
        }
      }),
    );
  }

  async stop(): Promise<void> {
    this.#over = true;
    await Promise.all(this.#running);
  }
}

describe("twenty clients that read and write, and a long reader in the way", function () {
  this.timeout(60_000);
  let kinds: ReadonlyMap<string, RevisionStep>;

  before(async () => {
    await loadParser();
    const own = (await loadCatalogue()).chain.find(({ revision }) => revision === "e4f5a6");
    assert.ok(own);
    const migration = { ...own, downRevision: "def456" };
    kinds = new Map([
      ["a rewrite", stepUp(migration)],
      ["batches", inThisWay(stepUp(migration), migration, inBatches)],
      ["an index that is built CONCURRENTLY", createIndex],
    ]);
  });

  for (const kind of ["a rewrite", "batches", "an index that is built CONCURRENTLY"])
    it(`never wait longer than lock_timeout for ${kind}`, async () => {
      const step = kinds.get(kind);
      assert.ok(step);
      const address = await installation();
      const ids = (await query<{ id: string }>(address, "SELECT id FROM tasks")).map(({ id }) => id);
      await outsider(address, async (reader) => {
        await reader.query("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM tasks");
        const clients = new Clients(address, ids);
        try {
          const started = Date.now();
          const applying = apply({ address, steps: [step], lockTimeoutMs, retries: 30 });
          await sleep(readerMs);
          await reader.query("ROLLBACK");
          const { results, lines } = await applying;
          assert.equal(results[0]?.outcome, "applied");
          assert.ok(Date.now() - started >= readerMs, "the long reader was in nobody's way");
          const held = lines.some((line) => /blocked by .*some service|waits for .*some service/.test(line));
          assert.ok(held, lines.join("\n"));
        } finally {
          await clients.stop();
        }
        assert.ok(clients.statements > 200, `only ${clients.statements} statements`);
        assert.ok(
          clients.longestMs <= lockTimeoutMs + marginMs,
          `a client waited ${Math.round(clients.longestMs)} ms of ${lockTimeoutMs} ms`,
        );
      });
    });
});
