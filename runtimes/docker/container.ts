import { setTimeout as sleep } from "node:timers/promises";

import type { ContainerInspectInfo } from "dockerode";

import { type LogScan, scanLines } from "../log-scan";
import { type Activity, type ContainerSpec, type Runtime, ServiceError, type ServiceState } from "../runtime";
import { withoutSecrets } from "../secrets";
import { policyOf } from "./definition";
import { tell } from "./engine";
import { retiredName } from "./labels";
import { logLines } from "./log";
import { attemptOf, type ContainerLook, inspectContainer, lookAt, releaseOf } from "./look";
import { forgetPolicies, keepPolicy, readPolicies } from "./record";

const pollMilliseconds = 100;
/** A container that has crashed so often since it was made does not get well. */
const mostCrashes = 3;

/** Services as containers of a Docker engine. Containers are made by the deployment's resources alone. */
export const containerRuntime: Runtime<ContainerSpec> = {
  inspect: async (spec) => (await lookAt(spec)).state,
  start,
  stop,
  markLog: () => Promise.resolve(Date.now()),
  scanLog,
};

/**
 * Makes sure that the service serves its release: a container that does is waited for, one that is stopped is started.
 *
 * @throws ServiceError when there is no container of the release, or it does not become healthy
 * @throws EngineError
 */
async function start(spec: ContainerSpec, activity: Activity = {}): Promise<ServiceState> {
  const { present } = await lookAt(spec);
  if (!isOf(spec, present)) throw noContainer(spec, present);
  await setGoing(spec, present, activity);
  return awaitHealth(spec, activity);
}

function isOf({ release }: ContainerSpec, container: ContainerInspectInfo | null): container is ContainerInspectInfo {
  // One whose image has no version for a tag is taken for what the caller says it is.
  return container !== null && (releaseOf(container) ?? release) === release;
}

function noContainer(spec: ContainerSpec, present: ContainerInspectInfo | null): ServiceError {
  const there = present ? `'${spec.container}' is of ${releaseOf(present) ?? "another release"}` : "there is none";
  return new ServiceError(
    spec.name,
    `no container of ${spec.release} is left to be started: ${there}. 'npx octollm up' makes one from ${spec.image}.`,
  );
}

async function setGoing(spec: ContainerSpec, container: ContainerInspectInfo, { progress }: Activity): Promise<void> {
  const { Id, State } = container;
  if (State.Paused) await tell(spec.engine, (docker) => docker.getContainer(Id).unpause());
  const policy = readPolicies(spec)[Id];
  if (policy)
    await tell(spec.engine, (docker) =>
      docker.getContainer(Id).update({ RestartPolicy: { Name: policy.name, MaximumRetryCount: policy.retries } }),
    );
  if (!State.Running) {
    progress?.(`${spec.name}: starting container '${container.Name.slice(1)}'`);
    await tell(spec.engine, (docker) => docker.getContainer(Id).start(), [304]);
  }
  forgetPolicies(spec);
}

/**
 * Makes sure that the service does not run, nor the container of the release before: the restart policy is remembered and
 * set to `no`, then it gets SIGTERM, and SIGKILL after the stop timeout.
 *
 * @throws EngineError
 */
async function stop(spec: ContainerSpec, activity: Activity = {}): Promise<ServiceState> {
  const { present, retired } = await lookAt(spec);
  for (const container of [retired, present]) if (container) await stopContainer(spec, container, activity);
  return (await lookAt(spec)).state;
}

async function stopContainer(
  spec: ContainerSpec,
  container: ContainerInspectInfo,
  { progress }: Activity,
): Promise<void> {
  const { Id, State, Name } = container;
  const policy = policyOf(container);
  if (policy.name !== "no") {
    keepPolicy(spec, Id, policy);
    await tell(spec.engine, (docker) => docker.getContainer(Id).update({ RestartPolicy: { Name: "no" } }));
  }
  if (!State.Running) return;
  progress?.(`${spec.name}: stopping container '${Name.slice(1)}'`);
  await tell(spec.engine, (docker) => docker.getContainer(Id).stop({ t: spec.stopTimeoutSeconds }), [304, 404]);
}

async function removeContainer(
  spec: ContainerSpec,
  container: ContainerInspectInfo,
  activity: Activity,
): Promise<void> {
  await stopContainer(spec, container, activity);
  activity.progress?.(
    `${spec.name}: removing container '${container.Name.slice(1)}' of ${releaseOf(container) ?? "?"}`,
  );
  await tell(spec.engine, (docker) => docker.getContainer(container.Id).remove({ force: true }), [404]);
}

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
  const { present, retired } = await lookAt(spec);
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
 * removed, and what was wanted of it is in the error that it caused. Where nothing waits, nothing happens.
 *
 * @throws EngineError
 */
export async function returnRetired(spec: ContainerSpec, activity: Activity): Promise<void> {
  const { present, retired } = await lookAt(spec);
  if (!isOf(spec, retired)) return;
  if (present) await removeContainer(spec, present, activity);
  activity.progress?.(`${spec.name}: '${retired.Name.slice(1)}' becomes '${spec.container}' again`);
  await tell(spec.engine, (docker) => docker.getContainer(retired.Id).rename({ name: spec.container }));
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

async function awaitHealth(spec: ContainerSpec, { signal, progress }: Activity): Promise<ServiceState> {
  const deadline = Date.now() + spec.startTimeoutSeconds * 1_000;
  for (;;) {
    const look = await lookAt(spec);
    if (look.state.healthy) return confirmed(spec, look, progress);
    const crashes = look.present?.RestartCount ?? 0;
    const isDown = look.present !== null && !look.present.State.Running && !look.present.State.Restarting;
    if (look.present === null || isDown || crashes >= mostCrashes) throw await notServing(spec, look, "ended early");
    if (Date.now() > deadline)
      throw await notServing(spec, look, `did not become healthy within ${spec.startTimeoutSeconds} s`);
    if (signal?.aborted)
      throw new ServiceError(
        spec.name,
        "interrupted while it was starting; it goes on starting. Run it again to wait.",
      );
    await sleep(pollMilliseconds);
  }
}

function confirmed(spec: ContainerSpec, { state }: ContainerLook, progress: Activity["progress"]): ServiceState {
  if (state.release === null || state.release === spec.release) {
    progress?.(`${spec.name}: ${spec.release} is healthy`);
    return { ...state, release: spec.release };
  }
  throw new ServiceError(
    spec.name,
    `container '${spec.container}' was to serve ${spec.release}, but says that it is ${state.release}. It runs. Look at ` +
      `what image ${spec.image} holds, then run it again.`,
  );
}

/** Why it does not serve, with its own last words. */
async function notServing(spec: ContainerSpec, { state }: ContainerLook, what: string): Promise<ServiceError> {
  const last = await logLines(spec, spec.container, 0, 10);
  const words =
    last.length === 0
      ? " It has logged nothing."
      : ` The last lines of its log:${last.map((line) => `\n  ${withoutSecrets(line, spec.environment)}`).join("")}`;
  return new ServiceError(
    spec.name,
    `${spec.release} ${what}: ${state.detail}.${words}\nCorrect the cause, then run it again.`,
  );
}

async function scanLog(spec: ContainerSpec, since: number, options: Parameters<typeof scanLines>[1]): Promise<LogScan> {
  return scanLines(await logLines(spec, spec.container, since), options);
}
