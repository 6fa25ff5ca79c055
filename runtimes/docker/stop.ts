import { setTimeout as sleep } from "node:timers/promises";

import type { ContainerInspectInfo } from "dockerode";

import type { Activity, ContainerSpec } from "../runtime";
import { policyOf } from "./definition";
import { EngineError, tell } from "./engine";
import { releaseOf } from "./look";
import { keepPolicy, type RestartPolicy } from "./record";

/**
 * Stops a container: its restart policy is remembered and set to `no`, then it gets SIGTERM, and SIGKILL after the stop
 * timeout.
 *
 * @throws EngineError
 */
export async function stopContainer(
  spec: ContainerSpec,
  container: ContainerInspectInfo,
  { progress }: Activity,
): Promise<void> {
  const { Id, State, Name } = container;
  const policy = policyOf(container);
  if (policy.name !== "no") {
    keepPolicy(spec, Id, policy);
    await setRestartPolicy(spec.engine, Id, { name: "no", retries: 0 });
  }
  if (!State.Running) return;
  progress?.(`${spec.name}: stopping container '${Name.slice(1)}'`);
  await tell(spec.engine, (docker) => docker.getContainer(Id).stop({ t: spec.stopTimeoutSeconds }), [304, 404]);
}

const tries = 50;
const pauseMilliseconds = 100;

/**
 * Sets how the engine restarts a container. The engine refuses that in the moment in which one has ended and it does not
 * know yet, which for one that crashes again and again is often.
 *
 * @throws EngineError
 */
export async function setRestartPolicy(engine: string, id: string, { name, retries }: RestartPolicy): Promise<void> {
  const policy = { RestartPolicy: { Name: name, MaximumRetryCount: retries } };
  for (let turn = 1; ; turn++) {
    try {
      return await tell(engine, (docker) => docker.getContainer(id).update(policy));
    } catch (error) {
      const isEnding = error instanceof EngineError && /stopped container|not running/i.test(error.message);
      if (!isEnding || turn === tries) throw error;
      await sleep(pauseMilliseconds);
    }
  }
}

/** Stops and removes a container; its volumes stay. @throws EngineError */
export async function removeContainer(
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
