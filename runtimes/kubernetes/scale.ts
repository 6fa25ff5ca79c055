import { setTimeout as sleep } from "node:timers/promises";

import { type Activity, type DeploymentSpec, ServiceError } from "../runtime";
import { patch } from "./client";
import { annotations } from "./labels";
import type { Deployment, Pod } from "./objects";
import { deploymentPath, isAlive, readParts } from "./read";

const pollMilliseconds = 250;

/**
 * Sets a Deployment's replicas, in the way of `kubectl scale` and autoscalers: nobody owns the field when it is 0.
 *
 * @throws ClusterError
 */
async function scaleTo(spec: DeploymentSpec, replicas: number): Promise<void> {
  await patch(spec.cluster, { path: `${deploymentPath(spec)}/scale`, body: { spec: { replicas } } });
}

async function annotate(spec: DeploymentSpec, values: Readonly<Record<string, string | null>>): Promise<void> {
  await patch(spec.cluster, { path: deploymentPath(spec), body: { metadata: { annotations: values } } });
}

/**
 * Gives a Deployment that is scaled to 0 the replicas that it had; one that has replicas is left alone.
 *
 * @throws ClusterError
 */
export async function scaleUp(spec: DeploymentSpec, deployment: Deployment, { progress }: Activity): Promise<void> {
  const noted = deployment.metadata.annotations?.[annotations.replicas];
  if (deployment.spec.replicas === 0) {
    const replicas = noted === undefined ? 1 : Number(noted);
    const why = noted === undefined ? "; how many it had before is not known" : "";
    progress?.(`${spec.name}: scaling Deployment '${spec.deployment}' to ${replicas}${why}`);
    await scaleTo(spec, replicas);
  }
  if (noted !== undefined) await annotate(spec, { [annotations.replicas]: null });
}

/**
 * Scales a Deployment to 0, remembers what it had, and waits until its pods are gone.
 *
 * @throws ServiceError that names the pods that stay, ClusterError
 */
export async function scaleDown(spec: DeploymentSpec, deployment: Deployment, activity: Activity): Promise<void> {
  const { replicas = 1, template } = deployment.spec;
  if (replicas > 0) {
    activity.progress?.(`${spec.name}: scaling Deployment '${spec.deployment}' from ${replicas} to 0`);
    await annotate(spec, { [annotations.replicas]: String(replicas) });
    await scaleTo(spec, 0);
  }
  const graceSeconds = template.spec.terminationGracePeriodSeconds ?? 30;
  await awaitNoPods(spec, spec.stopTimeoutSeconds + graceSeconds, activity);
}

async function awaitNoPods(spec: DeploymentSpec, seconds: number, { signal, progress }: Activity): Promise<void> {
  const deadline = Date.now() + seconds * 1_000;
  let told = "";
  for (;;) {
    const parts = await readParts(spec);
    const scaled = parts?.deployment.spec.replicas ?? 0;
    if (scaled > 0) throw scaledUp(spec, scaled, parts?.deployment ?? null);
    // An evicted pod that nobody removes has ended; one that is being removed is waited for.
    const left = (parts?.pods ?? []).filter((pod) => isAlive(pod) || pod.metadata.deletionTimestamp !== undefined);
    if (left.length === 0) return;
    const names = left.map(({ metadata }) => metadata.name).join(", ");
    if (names !== told) progress?.(`${spec.name}: waiting for ${names} to end`);
    told = names;
    if (Date.now() > deadline) throw podsStay(spec, left, seconds);
    if (signal?.aborted)
      throw new ServiceError(
        spec.name,
        `interrupted while its pods were ending; Deployment '${spec.deployment}' stays scaled to 0. Run it again to wait.`,
      );
    await sleep(pollMilliseconds);
  }
}

function scaledUp(
  { name, deployment, cluster }: DeploymentSpec,
  replicas: number,
  live: Deployment | null,
): ServiceError {
  const by = live?.metadata.managedFields?.findLast(({ fieldsV1 }) => fieldsV1?.["f:spec"]?.["f:replicas"])?.manager;
  return new ServiceError(
    name,
    `Deployment '${deployment}' was scaled to 0, and somebody has scaled it to ${replicas} again${by ? ` (${by})` : ""}. See ` +
      `who does that: kubectl -n ${cluster.namespace} describe deployment ${deployment}. Then run it again.`,
  );
}

function podsStay({ name, deployment, cluster }: DeploymentSpec, left: readonly Pod[], seconds: number): ServiceError {
  const names = left.map(({ metadata }) => metadata.name);
  return new ServiceError(
    name,
    `Deployment '${deployment}' is scaled to 0, but after ${seconds} s pods are still there: ${names.join(", ")}. See why: ` +
      `kubectl -n ${cluster.namespace} describe pod ${names[0]}. Then run it again.`,
  );
}
