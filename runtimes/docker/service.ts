import { setTimeout as sleep } from "node:timers/promises";

import type { ContainerInspectInfo } from "dockerode";

import { type LogScan, scanLines } from "../log-scan";
import {
  type Activity,
  type ContainerSpec,
  type LogMark,
  type Runtime,
  ServiceError,
  type ServiceState,
} from "../runtime";
import { withoutSecrets } from "../secrets";
import { tell } from "./engine";
import { hostSeenBy } from "./host";
import { logLines } from "./log";
import { type ContainerLook, inspectBoth, isOfRelease, lookAt, releaseOf } from "./look";
import { containerUrl } from "./reach";
import { forgetPolicy, readPolicies } from "./record";
import { setRestartPolicy, stopContainer } from "./stop";

const pollMilliseconds = 100;
/** A container that has crashed so often since it was made does not get well. */
const mostCrashes = 3;

/** Services as containers of a Docker engine. Containers are made by the deployment's resources alone. */
export const containerRuntime: Runtime<ContainerSpec> = {
  inspect: async (spec) => (await lookAt(spec)).state,
  start,
  stop,
  urlOf: containerUrl,
  hostSeenBy,
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
  const { present } = await inspectBoth(spec);
  if (!isOfRelease(spec, present)) throw noContainer(spec, present);
  await setGoing(spec, present, activity);
  return awaitHealth(spec, activity);
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
  if (policy) await setRestartPolicy(spec.engine, Id, policy);
  if (!State.Running) {
    progress?.(`${spec.name}: starting container '${container.Name.slice(1)}'`);
    await tell(spec.engine, (docker) => docker.getContainer(Id).start(), [304]);
  }
  forgetPolicy(spec, Id);
}

/**
 * Makes sure that the service does not run, nor the container of the release before: the restart policy is remembered and
 * set to `no`, then it gets SIGTERM, and SIGKILL after the stop timeout.
 *
 * @throws EngineError
 */
async function stop(spec: ContainerSpec, activity: Activity = {}): Promise<ServiceState> {
  const { present, retired } = await inspectBoth(spec);
  for (const container of [retired, present]) if (container) await stopContainer(spec, container, activity);
  return (await lookAt(spec)).state;
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

/** The engine knows when each line was written, whether it says so or not. */
async function scanLog(
  spec: ContainerSpec,
  since: LogMark | Date,
  options: Parameters<typeof scanLines>[1],
): Promise<LogScan> {
  return scanLines(await logLines(spec, spec.container, Number(since)), options);
}
