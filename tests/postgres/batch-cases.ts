import assert from "node:assert/strict";

import { stepDown, stepUp } from "../../planner/chain";
import type { RevisionStep } from "../../planner/plan";
import { inThisWay, type Way } from "../../planner/ways";
import type { DatabaseAddress } from "../../postgres/connection";
import type { ApplyOptions } from "../../postgres/runner";
import { parseMigrationFile } from "../../releases/migration-file";
import type { Migration } from "../../releases/release";
import { applyFailing, query } from "./installation";

export const inBatches: Way = { name: "batched", why: [], fault: null };

/** A migration of a file that a test writes. */
export function migrationOf(sections: string, header: Readonly<Record<string, string>> = {}): Migration {
  const values = {
    revision: "bbb111",
    down_revision: "def456",
    title: "a change of data",
    transaction: "transactional",
    phase: "pre",
    previous_code: "breaks",
    writers: "stopped",
    down: "exact",
    ...header,
  };
  const head = Object.entries(values).map(([key, value]) => `-- ${key}: ${value}\n`);
  return parseMigrationFile(`${head.join("")}\n${sections}`, `1.0.0/migrations/${values.revision}_x.sql`, "1.0.0");
}

/** Both directions of a migration in batches. */
export function batchedSteps(migration: Migration): { up: RevisionStep; down: RevisionStep } {
  return {
    up: inThisWay(stepUp(migration), migration, inBatches),
    down: inThisWay(stepDown(migration), migration, inBatches),
  };
}

/** The steps that undo what the other direction has left half-done. */
export function backOut({ up, down }: { up: RevisionStep; down: RevisionStep }) {
  return {
    up: { ...up, before: up.after, after: up.after },
    down: { ...down, before: up.before, after: up.before },
  };
}

/** Every row of a table, in a form that can be compared. */
export async function fingerprint(address: DatabaseAddress, table = "tasks"): Promise<string[]> {
  const rows = await query<{ row: string }>(address, `SELECT t::text AS row FROM ${table} t ORDER BY t::text`);
  return rows.map(({ row }) => row);
}

/** Runs a step until it has told of its first rows, and cancels it there. */
export async function stopHalfWay(
  address: DatabaseAddress,
  step: RevisionStep,
  batch: ApplyOptions["batch"],
): Promise<void> {
  const cancel = new AbortController();
  const stop = (line: string) => /rows (done|still)/.test(line) && cancel.abort(new Error("interrupted"));
  const { error } = await applyFailing({
    address,
    steps: [step],
    batch: { ...batch, reportMs: 0 },
    signal: cancel.signal,
    onLine: stop,
  });
  assert.equal(error.cancelled, true, error.message);
  assert.equal((await query(address, "SELECT FROM octollm_upgrade.batches")).length, 1);
}
