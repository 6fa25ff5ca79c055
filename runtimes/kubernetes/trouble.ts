import type { Condition, ContainerStatus, Pod } from "./objects";
import { type DeploymentParts, isAlive, isReady, podsOf, presentSet } from "./read";

/** Why a rollout does not get on. */
export interface Trouble {
  /** One sentence without a full stop. */
  readonly text: string;
  /** The pod and container that it is about; null when it is about none. */
  readonly where: { readonly pod: string; readonly container: string; readonly crashed: boolean } | null;
  /** Seconds after which it is taken for lasting; null for what may pass at any time. */
  readonly lastsAfter: number | null;
}

/** How far a Deployment's rollout has got. */
export interface Rollout {
  readonly done: boolean;
  /** For people: `1 of 2 pods ready`. */
  readonly detail: string;
  /** Pods of an earlier template that take requests. */
  readonly olderServing: number;
  readonly trouble: Trouble | null;
}

/** Reasons for which a container does not start, with the seconds after which nobody helps it any more. */
const waitingReasons: Readonly<Record<string, { readonly lastsAfter: number; readonly words: string }>> = {
  ErrImageNeverPull: { lastsAfter: 5, words: "is not on the node, and must not be pulled" },
  InvalidImageName: { lastsAfter: 5, words: "is no valid name" },
  ErrImagePull: { lastsAfter: 60, words: "cannot be pulled" },
  ImagePullBackOff: { lastsAfter: 60, words: "cannot be pulled" },
};

/** A container that has crashed so often does not get well. */
const mostCrashes = 3;
/** Pods that are ending count until they are gone. */
const quotaSeconds = 60;
const longest = 200;

/** Judges a rollout by the objects of the cluster. */
export function judgeRollout(parts: DeploymentParts): Rollout {
  const { deployment } = parts;
  const { metadata, spec, status = {} } = deployment;
  const wanted = spec.replicas ?? 1;
  const { replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = status;
  const set = presentSet(parts);
  if (set === null)
    return {
      done: false,
      detail: "the cluster has not begun yet",
      olderServing: 0,
      trouble: pausedTrouble(spec.paused),
    };
  const own = podsOf(set, parts.pods);
  const ready = own.filter(isReady).length;
  const observed = (status.observedGeneration ?? 0) >= (metadata.generation ?? 0);
  const done = observed && updatedReplicas === wanted && replicas === wanted && availableReplicas >= wanted;
  const older = replicas - updatedReplicas;
  const detail = `${ready} of ${wanted} pods ready${older > 0 ? `, ${older} older still there` : ""}`;
  const olderServing = parts.pods.filter(isReady).length - ready;
  if (done) return { done, detail, olderServing, trouble: null };
  const conditions = [...(set.status?.conditions ?? []), ...(status.conditions ?? [])];
  const trouble =
    pausedTrouble(spec.paused) ?? firstTrouble(own) ?? refusedPods(conditions) ?? lateTrouble(conditions) ?? null;
  return { done, detail, olderServing, trouble };
}

function pausedTrouble(paused: boolean | undefined): Trouble | null {
  if (!paused) return null;
  return { text: "the Deployment is paused; 'kubectl rollout resume' lets it go on", where: null, lastsAfter: 0 };
}

/** Evicted pods and such as are ending are replaced by themselves. */
export function firstTrouble(pods: readonly Pod[]): Trouble | null {
  const troubles = pods
    .filter((pod) => isAlive(pod) && pod.metadata.deletionTimestamp === undefined && !isReady(pod))
    .flatMap((pod) => podTrouble(pod) ?? []);
  return troubles.find(({ lastsAfter }) => lastsAfter !== null) ?? troubles[0] ?? null;
}

function podTrouble(pod: Pod): Trouble | null {
  const { status = {}, metadata } = pod;
  const unscheduled = status.conditions?.find(({ type, status }) => type === "PodScheduled" && status === "False");
  if (unscheduled)
    return {
      text: `pod '${metadata.name}' finds no node: ${shortened(unscheduled.message ?? "")}`,
      where: null,
      lastsAfter: null,
    };
  const statuses = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  for (const container of statuses) {
    const trouble = containerTrouble(pod, container);
    if (trouble) return trouble;
  }
  return null;
}

function containerTrouble(pod: Pod, status: ContainerStatus): Trouble | null {
  const { name } = pod.metadata;
  const { state = {}, lastState = {}, restartCount = 0 } = status;
  const where = (crashed: boolean) => ({ pod: name, container: status.name, crashed });
  const { reason = "", message = "" } = state.waiting ?? {};
  const known = waitingReasons[reason];
  if (known) {
    const image = imageOf(pod, status.name);
    const said = reason === "ErrImageNeverPull" || message === "" ? "" : `: ${shortened(message)}`;
    return {
      text: `image '${image}' of pod '${name}' ${known.words} (${reason})${said}`,
      where: null,
      lastsAfter: known.lastsAfter,
    };
  }
  const ended = state.terminated ?? lastState.terminated;
  const failed = ended && (ended.exitCode !== 0 || reason === "CrashLoopBackOff");
  if (failed && !status.ready) {
    const how =
      ended.reason === "OOMKilled"
        ? "was killed for want of memory (OOMKilled)"
        : `ended with exit code ${ended.exitCode}`;
    const times = restartCount > 0 ? `, after ${restartCount} restart${restartCount === 1 ? "" : "s"}` : "";
    return {
      text: `container '${status.name}' of pod '${name}' ${how}${times}`,
      where: where(state.terminated === undefined && state.running === undefined),
      lastsAfter: restartCount >= mostCrashes ? 0 : null,
    };
  }
  if (/Error$/.test(reason))
    return {
      text: `container '${status.name}' of pod '${name}' cannot be made (${reason}): ${shortened(message)}`,
      where: null,
      lastsAfter: 15,
    };
  if (state.running && status.ready === false)
    return {
      text: `container '${status.name}' of pod '${name}' runs, but is not ready`,
      where: where(false),
      lastsAfter: null,
    };
  return null;
}

function imageOf({ spec }: Pod, container: string): string {
  return [...spec.containers, ...(spec.initContainers ?? [])].find(({ name }) => name === container)?.image ?? "?";
}

/** The server does not let the cluster make pods: a quota, or an admission rule. */
function refusedPods(conditions: readonly Condition[]): Trouble | null {
  const refused = conditions.find(({ type, status }) => type === "ReplicaFailure" && status === "True");
  if (!refused) return null;
  const lastsAfter = /exceeded quota/.test(refused.message ?? "") ? quotaSeconds : 15;
  return {
    text: `the cluster may make no pod: ${shortened(refused.message ?? refused.reason ?? "")}`,
    where: null,
    lastsAfter,
  };
}

function lateTrouble(conditions: readonly Condition[]): Trouble | null {
  const late = conditions.find(({ type, reason }) => type === "Progressing" && reason === "ProgressDeadlineExceeded");
  return late
    ? { text: shortened(late.message ?? "its progress deadline has passed"), where: null, lastsAfter: null }
    : null;
}

/** The cause stands at the end of what went wrong on the way. */
function shortened(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  const words = line.replace(/\.+$/, "");
  return words.length > longest ? `... ${words.slice(-longest).replace(/^\S* /, "")}` : words;
}
