import type { Activity } from "../../phases/attempt";
import { serviceSpecs, type Site } from "../../phases/site";
import { runtime } from "../../runtimes/driver";

/** Stops the services of staging, the last one first: nobody may write while its database is replaced. */
export async function stopServices(site: Site, release: string, activity: Activity): Promise<void> {
  for (const spec of (await serviceSpecs(site, release)).toReversed()) {
    activity.progress(`clone: stopping ${spec.name}`);
    await runtime.stop(spec, activity);
  }
}

/** Starts them again, in order, and waits until each is well. @throws ServiceError of the first that is not */
export async function startServices(site: Site, release: string, activity: Activity): Promise<void> {
  for (const spec of await serviceSpecs(site, release)) {
    activity.progress(`clone: starting ${spec.name} ${release}`);
    await runtime.start(spec, activity);
  }
}
