import { closeAttempt, readLedger } from "../postgres/ledger";
import { type Activity, type Attempt, withLedger } from "./attempt";
import { judgeBackups, pruneBackups, referredBackups } from "./retention";

/**
 * Closes an attempt whose every phase is done: from now on its release is the installation's. Then the backups go that
 * retention lets go; that one of them cannot be deleted is told, and fails nothing.
 */
export async function complete(attempt: Attempt, { progress }: Pick<Activity, "progress">): Promise<void> {
  const ledger = await withLedger(attempt, async (client) => {
    await closeAttempt(client, { attempt: attempt.number, status: "succeeded" });
    return readLedger(client);
  });
  try {
    await pruneBackups(await judgeBackups(attempt.site, referredBackups(ledger)), { progress });
  } catch (error) {
    progress(`old backups could not be deleted: ${error instanceof Error ? error.message : String(error)}`);
  }
}
