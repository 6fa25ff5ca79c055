import { setTimeout as sleep } from "node:timers/promises";

import { withClient } from "../postgres/connection";
import { describeSession, type ForeignSession, foreignSessions, terminateSessions } from "../postgres/sessions";
import { runtime } from "../runtimes/driver";
import { type Activity, type Attempt, PhaseError } from "./attempt";
import { answerMeanwhile } from "./maintenance";
import { beginOutage } from "./outage";
import { logMarks, serviceSpecs } from "./site";
import { stopWaves } from "./stop-order";

/**
 * Stops services, none before those that need it, then waits until no other client is connected to the database.
 *
 * @param services - names; none means that nothing is stopped and nobody waited for
 * @throws ServiceError when a service does not stop, PhaseError that names the clients that stay
 */
export async function quiesce(attempt: Attempt, services: readonly string[], activity: Activity): Promise<void> {
  if (services.length === 0) return;
  const specs = await serviceSpecs(attempt.site, attempt.plan.from);
  attempt.progress.touched = true;
  beginOutage(attempt);
  for (const wave of stopWaves(attempt.site.services, services)) {
    activity.progress(`stopping ${wave.join(", ")}`);
    const leaving = specs.filter(({ name }) => wave.includes(name)).map((spec) => runtime.stop(spec, activity));
    // What one says that does not stop is told once nothing is being stopped any more.
    await Promise.allSettled(leaving);
    await Promise.all(leaving);
  }
  await answerMeanwhile(attempt, activity);
  // What the old release says while it stops is no fault of the new one.
  attempt.progress.logMarks = await logMarks(attempt.site, attempt.plan.from);
  // Nobody is connected to a database that cannot be read; who tries is ended when a restore replaces it.
  if (attempt.progress.ledger === "there") await waitForClients(attempt, activity);
}

async function waitForClients({ address, site }: Attempt, { signal, progress }: Activity): Promise<void> {
  const deadline = Date.now() + site.quiesce.timeout * 1000;
  await withClient(address, { name: "quiesce" }, async (client) => {
    for (;;) {
      const sessions = await foreignSessions(client);
      const [first] = sessions;
      if (!first) return;
      signal.throwIfAborted();
      if (site.quiesce.terminate) {
        progress(`ending ${sessions.length} sessions of other clients, as quiesce.terminate says`);
        await terminateSessions(
          client,
          sessions.map((session) => session.pid),
        );
      } else if (Date.now() > deadline) {
        throw clientsStay(sessions, site.quiesce.timeout);
      }
      progress(`waiting for ${sessions.length} other clients of the database: ${describeSession(first)}`);
      await sleep(500, undefined, { signal });
    }
  });
}

function clientsStay(sessions: readonly ForeignSession[], timeout: number): PhaseError {
  return new PhaseError(
    `After ${timeout} s other clients are still connected to the database, and what they write now could be lost:\n` +
      sessions.map((session) => `  ${describeSession(session)}\n`).join("") +
      "Stop them, or let this program end their sessions: octollm config set --path quiesce.terminate true",
  );
}
