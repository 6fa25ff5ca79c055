import { closeAttempt } from "../postgres/ledger";
import { type Attempt, withLedger } from "./attempt";

/** Closes an attempt whose every phase is done: from now on its release is the installation's. */
export async function complete(attempt: Attempt): Promise<void> {
  await withLedger(attempt, (client) => closeAttempt(client, { attempt: attempt.number, status: "succeeded" }));
}
