import type { RevisionStep } from "../planner/plan";
import type { Client } from "./connection";
import { ledgerSchema } from "./ledger-schema";

/** How long a revision took in a rehearsal, in one direction. */
export interface RehearsedStep {
  readonly revision: string;
  readonly direction: "up" | "down";
  /** SHA-256 of the migration file that was rehearsed. */
  readonly checksum: string;
  readonly milliseconds: number;
  /** Rows of the whole database. */
  readonly rows: number;
  readonly backupId: string;
  /** When that backup was made. */
  readonly backupAt: string;
}

/** Notes what a rehearsal has measured; the ledger must be there. */
export async function recordRehearsal(client: Client, steps: readonly RehearsedStep[]): Promise<void> {
  for (const { revision, direction, checksum, milliseconds, rows, backupId, backupAt } of steps)
    await client.query(
      `INSERT INTO ${ledgerSchema}.rehearsals (revision, direction, checksum, milliseconds, rows, backup_id, backup_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7)`,
      [revision, direction, checksum, Math.round(milliseconds), rows, backupId, backupAt],
    );
}

/**
 * What the newest rehearsals have measured of these revisions, in both directions; not of files that were edited since.
 * Safe in a READ ONLY session.
 */
export async function measuredSeconds(
  client: Client,
  steps: readonly Pick<RevisionStep, "revision" | "checksum">[],
): Promise<RehearsedStep[]> {
  const { rows: found } = await client.query<{ there: boolean }>("SELECT to_regclass($1) IS NOT NULL AS there", [
    `${ledgerSchema}.rehearsals`,
  ]);
  if (!found[0]?.there) return [];
  const { rows } = await client.query<RehearsedStep>(
    `SELECT DISTINCT ON (revision, direction) revision, direction, checksum, milliseconds::float8 AS milliseconds,
            rows::float8 AS rows, backup_id AS "backupId", backup_at AS "backupAt"
     FROM ${ledgerSchema}.rehearsals JOIN unnest($1::text[], $2::text[]) AS step (name, sum) ON revision = name AND checksum = sum
     ORDER BY revision, direction, id DESC`,
    [steps.map(({ revision }) => revision), steps.map(({ checksum }) => checksum)],
  );
  return rows;
}
