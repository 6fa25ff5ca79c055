import { environmentDigest } from "../planner/installation";
import { withClient } from "../postgres/connection";
import { readAlembicVersion } from "../postgres/facts";
import { closeSucceeded, readLedger } from "../postgres/ledger";
import { type Activity, type Attempt, withLedger } from "./attempt";
import { removeRetiredContainers } from "./containers";
import { forgetDeployments } from "./deployments";
import { dropAbandoned } from "./restore";
import { judgeBackups, pruneBackups, referredBackups } from "./retention";
import { readEnvironment } from "./site";

/**
 * Closes an attempt whose every phase is done: from now on its release is the installation's. What it leaves behind is
 * noted: by that, later previews tell what somebody else has changed since. Then goes what is no longer needed: backups
 * that retention lets go, and what a restore that was given up has left. That it cannot is told, and fails nothing.
 */
export async function complete(attempt: Attempt, activity: Activity): Promise<void> {
  const { progress } = activity;
  // Before the attempt is closed: while it is open, the next run knows that what waits is of the release before.
  await removeRetiredContainers(attempt, activity);
  await forgetDeployments(attempt);
  const [revision = null] = (await withClient(attempt.address, { name: "complete" }, readAlembicVersion)) ?? [];
  const { file } = await readEnvironment(attempt.site);
  const outcome = { revision, environmentDigest: environmentDigest(file.toBuffer()) };
  const ledger = await withLedger(attempt, async (client) => {
    await closeSucceeded(client, { attempt: attempt.number, ...outcome });
    return readLedger(client);
  });
  try {
    await dropAbandoned(attempt, progress);
    await pruneBackups(await judgeBackups(attempt.site, referredBackups(ledger)), { progress });
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    progress(`what is no longer needed could not all be removed: ${said}`);
  }
}
