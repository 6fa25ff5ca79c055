import { environmentDigest } from "../planner/installation";
import { withClient } from "../postgres/connection";
import { readAlembicVersion } from "../postgres/facts";
import { closeSucceeded } from "../postgres/ledger";
import { type Attempt, withLedger } from "./attempt";
import { readEnvironment } from "./site";

/**
 * Closes an attempt whose every phase is done: from now on its release is the installation's. What it leaves behind is
 * noted: by that, later previews tell what somebody else has changed since.
 */
export async function complete(attempt: Attempt): Promise<void> {
  const [revision = null] = (await withClient(attempt.address, { name: "complete" }, readAlembicVersion)) ?? [];
  const { file } = await readEnvironment(attempt.site);
  const outcome = { revision, environmentDigest: environmentDigest(file.toBuffer()) };
  await withLedger(attempt, (client) => closeSucceeded(client, { attempt: attempt.number, ...outcome }));
}
