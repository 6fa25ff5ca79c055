import type { Load } from "../planner/load";
import type { Client } from "./connection";
import { ledgerSchema } from "./ledger-schema";

/** How the services answered before and after an attempt; either is empty when nothing was measured. */
export interface AttemptLoad {
  readonly before: readonly Load[];
  readonly after: readonly Load[];
}

/** Keeps what was measured; what is not given stays as it is. */
export async function recordLoad(
  client: Client,
  { attempt, ...load }: { readonly attempt: number } & Partial<AttemptLoad>,
): Promise<void> {
  await client.query(
    `UPDATE ${ledgerSchema}.attempts SET load = coalesce(load, '{}') || $2::jsonb WHERE attempt = $1`,
    [attempt, JSON.stringify(load)],
  );
}

/**
 * What was measured before by the newest of the attempts that left a release and did not reach their end since the last one
 * that did; empty when none has measured.
 */
export async function unfinishedLoad(
  client: Client,
  { attempt, release }: { readonly attempt: number; readonly release: string },
): Promise<readonly Load[]> {
  const { rows } = await client.query<{ before: readonly Load[] }>(
    `SELECT load -> 'before' AS before FROM ${ledgerSchema}.attempts
     WHERE attempt < $1 AND from_version = $2 AND scope = 'installation' AND jsonb_array_length(load -> 'before') > 0
       AND attempt > (SELECT coalesce(max(attempt), 0) FROM ${ledgerSchema}.attempts
                      WHERE status = 'succeeded' AND scope = 'installation' AND attempt < $1)
     ORDER BY attempt DESC LIMIT 1`,
    [attempt, release],
  );
  return rows[0]?.before ?? [];
}
