import type { ContainerInspectInfo } from "dockerode";

import type { Activity, ContainerSpec } from "../runtime";
import { policyOf } from "./definition";
import { tell } from "./engine";
import { releaseOf } from "./look";
import { keepPolicy } from "./record";

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
    await tell(spec.engine, (docker) => docker.getContainer(Id).update({ RestartPolicy: { Name: "no" } }));
  }
  if (!State.Running) return;
  progress?.(`${spec.name}: stopping container '${Name.slice(1)}'`);
  await tell(spec.engine, (docker) => docker.getContainer(Id).stop({ t: spec.stopTimeoutSeconds }), [304, 404]);
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
