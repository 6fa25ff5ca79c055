import { isContainer, isDeployment } from "../runtimes/driver";
import { type Activity, type Attempt, PhaseError } from "./attempt";
import { awaitContainer } from "./containers";
import { awaitDeployment } from "./deployments";
import { serviceSpecs } from "./site";

/**
 * Waits until a service serves the release that it was just given.
 *
 * @throws ServiceError with the reason and the service's last words
 */
export async function awaitService(attempt: Attempt, service: string, activity: Activity): Promise<void> {
  const spec = (await serviceSpecs(attempt.site, attempt.plan.to)).find(({ name }) => name === service);
  if (!spec) throw new PhaseError(`The settings have no service '${service}'.`);
  if (isContainer(spec)) await awaitContainer(spec, activity);
  if (isDeployment(spec)) await awaitDeployment(attempt, spec, activity);
}
