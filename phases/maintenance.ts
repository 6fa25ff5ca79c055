import { containers, isContainer } from "../runtimes/driver";
import { Maintenance } from "../runtimes/maintenance";
import type { Activity, Attempt } from "./attempt";
import { serviceSpecs } from "./site";

/** What clients are told in Retry-After: they ask again often enough not to miss the end. */
const retryAfterSeconds = 10;

/** Answers 503 on the ports of stopped containers, where the settings ask for it. That it cannot is told, and fails nothing. */
export async function answerMeanwhile(attempt: Attempt, { progress }: Pick<Activity, "progress">): Promise<void> {
  const { site, plan } = attempt;
  if (site.docker?.maintenance !== true) return;
  attempt.progress.maintenance ??= new Maintenance(retryAfterSeconds);
  for (const spec of (await serviceSpecs(site, plan.from)).filter(isContainer)) {
    if (spec.port === 0) continue;
    try {
      const address = await containers().publishedAddress(spec);
      if (address !== null) await attempt.progress.maintenance.open({ address, port: spec.port });
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error);
      progress(`nobody answers on port ${spec.port} meanwhile: ${said}`);
    }
  }
}

/** Gives a port back to the service that needs it; without one, all of them. */
export async function endAnswers({ progress }: Attempt, port?: number): Promise<void> {
  if (port === undefined) await progress.maintenance?.closeAll();
  else await progress.maintenance?.close(port);
}
