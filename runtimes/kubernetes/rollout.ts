import { setTimeout as sleep } from "node:timers/promises";

import { type Activity, type DeploymentSpec, ServiceError, type ServiceState } from "../runtime";
import { withoutSecrets } from "../secrets";
import { logLines } from "./log";
import { type DeploymentLook, lookAt } from "./look";
import { collections, type EventObject } from "./objects";
import { list, readParts } from "./read";
import { judgeRollout, type Rollout, type Trouble } from "./trouble";

const pollMilliseconds = 500;

/**
 * Waits until a Deployment's rollout is done and its pods answer, and tells meanwhile what is in the way.
 *
 * @throws ServiceError with the reason and the last words of the pod: at the start timeout, or as soon as nothing helps
 * @throws ClusterError
 */
export async function awaitRollout(spec: DeploymentSpec, activity: Activity): Promise<ServiceState> {
  const deadline = Date.now() + spec.startTimeoutSeconds * 1_000;
  const patience = new Patience();
  let told = "";
  for (;;) {
    const parts = await readParts(spec);
    if (parts === null) throw new ServiceError(spec.name, `there is no Deployment '${spec.deployment}' any more.`);
    const rollout = judgeRollout(parts);
    const look = rollout.done ? await lookAt(spec) : null;
    if (look?.state.healthy && look.rollout?.done) return confirmed(spec, look, activity.progress);
    const words = look ? look.state.detail : describe(rollout);
    if (words !== told) activity.progress?.(`${spec.name}: ${words}`);
    told = words;
    if (patience.isOver(rollout.trouble)) throw await notServing(spec, { rollout, words }, "does not get ready");
    if (Date.now() > deadline)
      throw await notServing(spec, { rollout, words }, `did not become ready within ${spec.startTimeoutSeconds} s`);
    if (activity.signal?.aborted)
      throw new ServiceError(
        spec.name,
        `interrupted while it was starting; Deployment '${spec.deployment}' goes on starting. Run it again to wait.`,
      );
    await sleep(pollMilliseconds);
  }
}

function describe({ detail, trouble }: Rollout): string {
  return trouble ? `${detail}; ${trouble.text}` : detail;
}

/** A trouble is taken for lasting when it has been there for as long as it says, without a break. */
class Patience {
  #kind = "";
  #since = 0;

  isOver(trouble: Trouble | null): boolean {
    const kind = trouble?.lastsAfter === null || trouble === null ? "" : String(trouble.lastsAfter);
    if (kind !== this.#kind) [this.#kind, this.#since] = [kind, Date.now()];
    return kind !== "" && Date.now() - this.#since >= Number(kind) * 1_000;
  }
}

function confirmed(spec: DeploymentSpec, { state }: DeploymentLook, progress: Activity["progress"]): ServiceState {
  if (state.release === null || state.release === spec.release) {
    progress?.(`${spec.name}: ${spec.release} is ready, ${state.detail}`);
    return { ...state, release: spec.release };
  }
  throw new ServiceError(
    spec.name,
    `Deployment '${spec.deployment}' was to serve ${spec.release}, but its pods say that they are ${state.release}. They run. ` +
      `Look at what image ${spec.image} holds, then run it again.`,
  );
}

interface Failed {
  readonly rollout: Rollout;
  readonly words: string;
}

/** Why it does not serve, with the last words of the pod that it is about. */
async function notServing(spec: DeploymentSpec, { rollout, words }: Failed, what: string): Promise<ServiceError> {
  const { trouble, olderServing } = rollout;
  const [said, events] = trouble?.where
    ? await Promise.all([lastWords(spec, trouble.where), lastEvent(spec, trouble.where.pod)])
    : ["", ""];
  const still = olderServing > 0 ? ` The older pods go on serving (${olderServing}).` : "";
  return new ServiceError(
    spec.name,
    `${spec.release} ${what}: ${words}${events}.${still}${said}\nCorrect the cause, then run it again.`,
  );
}

async function lastWords(
  spec: DeploymentSpec,
  { pod, container, crashed }: NonNullable<Trouble["where"]>,
): Promise<string> {
  const now = await logLines(spec, { pod, container, previous: crashed }, { tail: 10 }).catch(() => []);
  if (now.length === 0) return " It has logged nothing.";
  return ` The last lines of its log:${now.map((line) => `\n  ${withoutSecrets(line, spec.environment)}`).join("")}`;
}

/** What the cluster says of a probe that fails; whoever may not read events is told without. */
async function lastEvent({ cluster, environment }: DeploymentSpec, pod: string): Promise<string> {
  const query = { fieldSelector: `involvedObject.name=${pod},reason=Unhealthy` };
  const events = await list<EventObject>(cluster, collections.events(cluster.namespace), query).catch(() => []);
  const timeOf = ({ lastTimestamp, eventTime, metadata }: EventObject) =>
    lastTimestamp ?? eventTime ?? metadata.creationTimestamp ?? "";
  const last = events.toSorted((a, b) => timeOf(a).localeCompare(timeOf(b))).at(-1);
  return last?.message ? ` (${withoutSecrets(last.message.replace(/\s+/g, " ").trim(), environment)})` : "";
}
