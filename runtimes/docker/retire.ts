import { type Activity, type ContainerSpec } from "../runtime";
import { tell } from "./engine";
import { retiredName } from "./labels";
import { attemptOf, inspectBoth, inspectContainer, isOfRelease } from "./look";
import { forgetPolicies } from "./record";
import { removeContainer, stopContainer } from "./stop";

/** How a service makes way for a container of the same name. */
export interface Retirement {
  /** The attempt that makes the new container. */
  readonly attempt: number;
  /** Number of the attempt that was complete last: what it made is verified. */
  readonly verified: number;
  /** Whether the old container goes on until the new one is ready; never while a published port is needed. */
  readonly rolls: boolean;
}

/**
 * Makes way for a new container: the one that has the name is renamed, and kept until the new one is verified. One that
 * an attempt has made which did not succeed is removed.
 *
 * @throws EngineError
 */
export async function retire(spec: ContainerSpec, how: Retirement, activity: Activity): Promise<void> {
  const { present, retired } = await inspectBoth(spec);
  const made = present ? attemptOf(present) : null;
  if (made === how.attempt) return;
  const isVerified = made === null || made <= how.verified;
  if (present && retired && !isVerified) await removeContainer(spec, present, activity);
  if (present && retired && isVerified) await removeContainer(spec, retired, activity);
  const old = present && (isVerified || !retired) ? present : retired;
  if (old === null) return;
  if (!how.rolls || spec.port !== 0) await stopContainer(spec, old, activity);
  if (old !== present) return;
  activity.progress?.(`${spec.name}: '${spec.container}' is kept as '${retiredName(spec.container)}'`);
  await tell(spec.engine, (docker) => docker.getContainer(old.Id).rename({ name: retiredName(spec.container) }));
}

/**
 * Gives the container of the release before its name again, after the one that was to follow it did not serve: that one is
 * removed, and what was wanted of it is in the error that it caused. Where nothing waits, nothing happens; nor where
 * somebody else has made a container of the name.
 *
 * @throws EngineError
 */
export async function returnRetired(spec: ContainerSpec, activity: Activity): Promise<void> {
  const { present, retired } = await inspectBoth(spec);
  if (!isOfRelease(spec, retired)) return;
  if (present && attemptOf(present) === null) return;
  if (present) await removeContainer(spec, present, activity);
  activity.progress?.(`${spec.name}: '${retired.Name.slice(1)}' becomes '${spec.container}' again`);
  await tell(spec.engine, (docker) => docker.getContainer(retired.Id).rename({ name: spec.container }));
}

/** Whether another release's container has the name, and none of this release waits any more. @throws EngineError */
export async function isReplacedForGood(spec: ContainerSpec): Promise<boolean> {
  const { present, retired } = await inspectBoth(spec);
  return present !== null && !isOfRelease(spec, present) && !isOfRelease(spec, retired);
}

/** Stops the container of the release before, once the new one serves. @throws EngineError */
export async function stopRetired(spec: ContainerSpec, activity: Activity): Promise<void> {
  const retired = await inspectContainer(spec.engine, retiredName(spec.container));
  if (retired) await stopContainer(spec, retired, activity);
}

/** Removes the container of the release before: nobody goes back to it any more. @throws EngineError */
export async function removeRetired(spec: ContainerSpec, activity: Activity): Promise<void> {
  const retired = await inspectContainer(spec.engine, retiredName(spec.container));
  if (retired) await removeContainer(spec, retired, activity);
  forgetPolicies(spec);
}
