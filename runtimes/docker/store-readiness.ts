import { setTimeout as sleep } from "node:timers/promises";

import { type Activity, ServiceError } from "../runtime";
import { withoutSecrets } from "../secrets";
import { tell } from "./engine";
import { logLines } from "./log";
import { inspectContainer, isWell } from "./look";
import type { StoreSpec } from "./stores";
import { variablesOf } from "./variables";

const pollMilliseconds = 100;

/**
 * Waits until a store is well; one that is stopped is started.
 *
 * @throws ServiceError with the container's last words
 * @throws EngineError
 */
export async function awaitStore(spec: StoreSpec, { signal, progress }: Activity): Promise<void> {
  const deadline = Date.now() + spec.startTimeoutSeconds * 1_000;
  const first = await inspectContainer(spec.engine, spec.container);
  if (first && !first.State.Running) await tell(spec.engine, (docker) => docker.getContainer(first.Id).start(), [304]);
  for (;;) {
    const found = await inspectContainer(spec.engine, spec.container);
    if (!found)
      throw new ServiceError(spec.name, `there is no container '${spec.container}'. Run 'npx octollm up' again.`);
    const { State, RestartCount } = found;
    if (State.Running && !State.Restarting && isWell(found, null)) break;
    if (!State.Running || State.Restarting || RestartCount > 0)
      throw await notWell(spec, `ended with exit code ${State.ExitCode}`);
    if (Date.now() > deadline) throw await notWell(spec, `did not become healthy within ${spec.startTimeoutSeconds} s`);
    if (signal?.aborted)
      throw new ServiceError(
        spec.name,
        "interrupted while it was starting; it goes on starting. Run 'npx octollm up' again.",
      );
    await sleep(pollMilliseconds);
  }
  progress?.(`${spec.name}: '${spec.container}' is well`);
}

async function notWell(spec: StoreSpec, what: string): Promise<ServiceError> {
  const found = await inspectContainer(spec.engine, spec.container);
  const secrets = variablesOf(found?.Config.Env);
  const last = await logLines(spec, spec.container, 0, 10);
  const words =
    last.length === 0
      ? " It has logged nothing."
      : ` The last lines of its log:${last.map((line) => `\n  ${withoutSecrets(line, secrets)}`).join("")}`;
  const kept = spec.volume === "" ? "" : `, and volume '${spec.volume}' stays as it is`;
  return new ServiceError(
    spec.name,
    `container '${spec.container}' ${what}.${words}\n` +
      `No service was touched. Correct the cause, then run 'npx octollm up': it makes this container anew${kept}.`,
  );
}
