import type { Client } from "./connection";
import { textLiteral } from "./identifiers";
import type { NewAttempt } from "./ledger-records";
import { ledgerMigrations, ledgerSchema } from "./ledger-schema";
import { inTransaction } from "./transaction";

/** The attempts and events of a ledger, as rows: they tell what was done, and outlive the data of a restore. */
export interface LedgerHistory {
  readonly attempts: readonly object[];
  readonly events: readonly object[];
}

/** Reads a ledger's history, in one snapshot. */
export async function readHistory(client: Client): Promise<LedgerHistory> {
  return inTransaction(client, "ISOLATION LEVEL REPEATABLE READ READ ONLY", async () => {
    const read = async (table: string, order: string) =>
      (
        await client.query<{ row: object }>(
          `SELECT to_jsonb(t) AS row FROM ${ledgerSchema}.${table} t ORDER BY ${order}`,
        )
      ).rows.map(({ row }) => row);
    return { attempts: await read("attempts", "attempt"), events: await read("events", "id") };
  });
}

/** The attempt that restores, as the restored database is to know it. */
export interface RestoringAttempt {
  readonly number: number;
  readonly opened: NewAttempt;
  readonly backup: string;
  readonly wish: string | null;
}

/**
 * The statements that give a restored ledger the history of the database that it replaces, and the attempt that restores.
 * What the ledger says of revisions stays that of the backup, as the schema does.
 *
 * @param history - null when the replaced database could not be read: then the backup's own history goes on
 */
export function historyStatements(history: LedgerHistory | null, attempt: RestoringAttempt): string[] {
  const { opened, number, wish, backup } = attempt;
  const values = [
    opened.stack,
    opened.host,
    opened.pid,
    opened.programVersion,
    opened.planId,
    opened.reviewedPlan,
    opened.fromVersion,
    opened.toVersion,
    opened.direction,
  ];
  return [
    ...ledgerMigrations.map(migrationStatement),
    `UPDATE ${ledgerSchema}.attempts SET status = 'superseded', finished_at = clock_timestamp() WHERE status = 'open'`,
    ...(history ? replaceStatements(history) : []),
    `INSERT INTO ${ledgerSchema}.attempts (attempt, stack, host, pid, program_version, plan_id, reviewed_plan,
       from_version, to_version, direction) VALUES (${[number, ...values].map(constant).join(", ")})
     ON CONFLICT (attempt) DO NOTHING`,
    `UPDATE ${ledgerSchema}.attempts SET restore_wish = ${constant(wish)}, restored_backup = ${constant(backup)},
       phase = 'Restore' WHERE attempt = ${number}`,
  ];
}

/** Runs them in one transaction. */
export async function carryHistory(
  client: Client,
  history: LedgerHistory | null,
  attempt: RestoringAttempt,
): Promise<void> {
  await inTransaction(client, "", async () => {
    for (const statement of historyStatements(history, attempt)) await client.query(statement);
  });
}

/** Brings the ledger of an older backup up to date; a newer one is left to be refused. */
function migrationStatement(migration: string, index: number): string {
  const needed = `(SELECT max(version) FROM ${ledgerSchema}.ledger) < ${index + 1}`;
  return `DO ${textLiteral(`BEGIN IF ${needed} THEN EXECUTE ${textLiteral(migration)}; END IF; END`)}`;
}

function replaceStatements({ attempts, events }: LedgerHistory): string[] {
  // One at a time and in order: at most one attempt is open at any moment.
  const rows = attempts.map((row) => {
    const columns = Object.keys(row).map((column) => `${column} = EXCLUDED.${column}`);
    return (
      `INSERT INTO ${ledgerSchema}.attempts SELECT * FROM jsonb_populate_record(NULL::${ledgerSchema}.attempts, ` +
      `${textLiteral(JSON.stringify(row))}) ON CONFLICT (attempt) DO UPDATE SET ${columns.join(", ")}`
    );
  });
  return [
    ...rows,
    `DELETE FROM ${ledgerSchema}.events`,
    `INSERT INTO ${ledgerSchema}.events OVERRIDING SYSTEM VALUE
     SELECT * FROM jsonb_populate_recordset(NULL::${ledgerSchema}.events, ${textLiteral(JSON.stringify(events))})`,
    `SELECT pg_catalog.setval(pg_get_serial_sequence('${ledgerSchema}.events', 'id'), coalesce(max(id), 0) + 1, false)
     FROM ${ledgerSchema}.events`,
  ];
}

function constant(value: string | number | null): string {
  return value === null ? "NULL" : typeof value === "number" ? String(value) : textLiteral(value);
}
