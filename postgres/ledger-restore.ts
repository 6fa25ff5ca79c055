import type { Client } from "./connection";
import { textLiteral } from "./identifiers";
import type { NewAttempt } from "./ledger-records";
import { ledgerMigrations, ledgerSchema } from "./ledger-schema";
import { inTransaction } from "./transaction";

/** What of a ledger, as rows, tells what was done and how long it took: that outlives the data of a restore. */
export interface LedgerHistory {
  readonly attempts: readonly object[];
  readonly events: readonly object[];
  /** Empty in a ledger of an older program. */
  readonly measures: readonly object[];
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
    const { rows } = await client.query<{ there: boolean }>(
      `SELECT to_regclass('${ledgerSchema}.measures') IS NOT NULL AS there`,
    );
    return {
      attempts: await read("attempts", "attempt"),
      events: await read("events", "id"),
      measures: rows[0]?.there ? await read("measures", "id") : [],
    };
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

function replaceStatements({ attempts, events, measures }: LedgerHistory): string[] {
  // One at a time and in order: at most one attempt is open at any moment.
  const rows = attempts.map((row) => {
    const columns = Object.keys(row).map((column) => `${column} = EXCLUDED.${column}`);
    return (
      `INSERT INTO ${ledgerSchema}.attempts SELECT * FROM jsonb_populate_record(NULL::${ledgerSchema}.attempts, ` +
      `${textLiteral(JSON.stringify(row))}) ON CONFLICT (attempt) DO UPDATE SET ${columns.join(", ")}`
    );
  });
  return [...rows, ...replaceRows("events", events), ...replaceRows("measures", measures)];
}

/** All rows of a table whose key is `id`. */
function replaceRows(table: string, rows: readonly object[]): string[] {
  return [
    `DELETE FROM ${ledgerSchema}.${table}`,
    `INSERT INTO ${ledgerSchema}.${table} OVERRIDING SYSTEM VALUE
     SELECT * FROM jsonb_populate_recordset(NULL::${ledgerSchema}.${table}, ${textLiteral(JSON.stringify(rows))})`,
    `SELECT pg_catalog.setval(pg_get_serial_sequence('${ledgerSchema}.${table}', 'id'), coalesce(max(id), 0) + 1, false)
     FROM ${ledgerSchema}.${table}`,
  ];
}

function constant(value: string | number | null): string {
  return value === null ? "NULL" : typeof value === "number" ? String(value) : textLiteral(value);
}
