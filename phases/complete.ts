import { closeAttempt, readLedger } from "../postgres/ledger";
import { type Activity, type Attempt, withLedger } from "./attempt";
import { dropAbandoned } from "./restore";
import { judgeBackups, pruneBackups, referredBackups } from "./retention";

/**
 * Closes an attempt whose every phase is done: from now on its release is the installation's. Then goes what is no longer
 * needed: backups that retention lets go, and what a restore that was given up has left. That it cannot is told, and fails
 * nothing.
 */
export async function complete(attempt: Attempt, { progress }: Pick<Activity, "progress">): Promise<void> {
  const ledger = await withLedger(attempt, async (client) => {
    await closeAttempt(client, { attempt: attempt.number, status: "succeeded" });
    return readLedger(client);
  });
  try {
    await dropAbandoned(attempt, progress);
    await pruneBackups(await judgeBackups(attempt.site, referredBackups(ledger)), { progress });
  } catch (error) {
    progress(
      `what is no longer needed could not all be removed: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
