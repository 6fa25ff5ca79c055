import { checkIndexes, checkInvariant, type CheckResult } from "../../postgres/checks";
import type { Client } from "../../postgres/connection";
import { errorText, isConnectionLoss } from "../../postgres/errors";
import { readAlembicVersion } from "../../postgres/facts";
import type { Invariant } from "../../releases/release";
import { about, type Check } from "./check";

/** What the database must be like. */
export interface DatabaseExpectation {
  readonly revision: string;
  readonly indexes: readonly string[];
  readonly invariants: readonly Invariant[];
}

/** Revision, indexes and invariants; a query that fails is a failed check. */
export async function checkDatabase(client: Client, expected: DatabaseExpectation): Promise<Check[]> {
  const results: CheckResult[] = [await checkRevision(client, expected.revision)];
  results.push(...(await checkIndexes(client, expected.indexes)));
  for (const invariant of expected.invariants)
    results.push(
      await checkInvariant(client, invariant).catch((error: unknown) => {
        if (isConnectionLoss(error)) throw error;
        const detail = `the query failed, so nothing is proven: ${errorText(error)}`;
        return { check: `invariant: ${invariant.name}`, passed: false, detail };
      }),
    );
  return about("database", results);
}

async function checkRevision(client: Client, expected: string): Promise<CheckResult> {
  const found = (await readAlembicVersion(client)) ?? [];
  const says = found.length > 0 ? found.join(" and ") : "none";
  const passed = found.length === 1 && says === expected;
  return { check: `alembic_version says ${expected}`, passed, detail: `it says ${says}` };
}
