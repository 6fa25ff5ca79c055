import { runtime } from "../runtimes/driver";
import type { Activity, Attempt } from "./attempt";
import { returnContainers } from "./containers";
import { returnDeployments } from "./deployments";
import { endAnswers } from "./maintenance";
import { endOutage } from "./outage";
import { serviceSpecs } from "./site";
import { startStores } from "./volumes";

/**
 * Makes sure that every service serves a release, in starting order: those that do are left alone, the others are
 * started and waited for.
 *
 * @throws ServiceError of the first service that does not become healthy
 */
export async function resume(attempt: Attempt, release: string, activity: Activity): Promise<void> {
  await endAnswers(attempt);
  // A run that was killed may have left some stopped, and services need them.
  await startStores(attempt.site, activity);
  // A run that was killed may have put containers away that this one does not replace.
  const { deploy } = attempt.plan;
  if (!deploy.containers) await returnContainers(attempt, release, activity);
  if (!deploy.deployments) await returnDeployments(attempt, release, activity);
  for (const spec of await serviceSpecs(attempt.site, release)) {
    const state = await runtime.inspect(spec);
    if (!state.healthy || state.release !== release) {
      attempt.progress.touched = true;
      activity.progress(`waiting for ${spec.name} ${release} to answer ${spec.health}`);
    }
    await runtime.start(spec, activity);
  }
  endOutage(attempt);
}
