import type { ClusterPlace } from "../runtime";
import { ask } from "./client";
import { ClusterError } from "./errors";
import { collections, type Pod, type Service } from "./objects";
import { isReady, isRunning, list, podsOf, presentSet, readParts } from "./read";
import { selectorText } from "./selector";

/** Whose pods are meant: those behind a Service, or those of a Deployment. */
export type PodOwner = { readonly service: string } | { readonly deployment: string; readonly podContainer: string };

/** For people. */
export function describeOwner(owner: PodOwner): string {
  return "service" in owner ? `Service '${owner.service}'` : `Deployment '${owner.deployment}'`;
}

/** A pod with the port that is meant. */
export interface PodPort {
  readonly pod: string;
  readonly port: number;
}

/**
 * A pod that takes requests, else one that at least runs; of a Deployment one of the present template, where there is one.
 *
 * @throws ClusterError when there is none
 */
export async function runningPod(place: ClusterPlace, owner: PodOwner): Promise<Pod> {
  const pods =
    "service" in owner ? await podsBehind(place, await readService(place, owner.service)) : await podsIn(place, owner);
  const pod = pods.find(isReady) ?? pods.find(isRunning);
  if (pod) return pod;
  throw new ClusterError(
    `${describeOwner(owner)} of namespace '${place.namespace}' has no pod that runs. See: kubectl -n ${place.namespace} get pods`,
    null,
    { passes: true },
  );
}

/**
 * Where connections to a port go.
 *
 * @param port - the Service's, or a Deployment's container's; 0 for a Service's only one
 * @throws ClusterError when there is no such port, or no pod that runs
 */
export async function portOf(place: ClusterPlace, owner: PodOwner, port: number): Promise<PodPort> {
  const pod = await runningPod(place, owner);
  if (!("service" in owner)) return { pod: pod.metadata.name, port };
  const service = await readService(place, owner.service);
  const ports = service.spec.ports ?? [];
  const chosen = port === 0 && ports.length === 1 ? ports[0] : ports.find((one) => one.port === port);
  if (!chosen)
    throw new ClusterError(
      `${describeOwner(owner)} has no port ${port}: it has ${ports.map((one) => one.port).join(", ") || "none"}. Correct ` +
        `octollm:database.port.`,
      null,
    );
  const { targetPort = chosen.port } = chosen;
  if (typeof targetPort === "number") return { pod: pod.metadata.name, port: targetPort };
  const named = pod.spec.containers.flatMap(({ ports: own = [] }) => own).find(({ name }) => name === targetPort);
  if (named) return { pod: pod.metadata.name, port: named.containerPort };
  throw new ClusterError(
    `${describeOwner(owner)} leads to port '${targetPort}', but pod '${pod.metadata.name}' names no such port.`,
    null,
  );
}

async function readService(place: ClusterPlace, name: string): Promise<Service> {
  const service = await ask<Service>(place, { path: `${collections.services(place.namespace)}/${name}` });
  if (service) return service;
  throw new ClusterError(
    `Namespace '${place.namespace}' has no Service '${name}'. See: kubectl -n ${place.namespace} get services`,
    404,
  );
}

async function podsBehind(place: ClusterPlace, { metadata, spec }: Service): Promise<Pod[]> {
  if (spec.selector)
    return list<Pod>(place, collections.pods(place.namespace), {
      labelSelector: selectorText({ matchLabels: spec.selector }),
    });
  throw new ClusterError(
    `Service '${metadata.name}' selects no pods, so that there is nothing to forward to. Give the database's address instead: ` +
      `octollm:database.host and port, without octollm:database.service.`,
    null,
  );
}

async function podsIn(place: ClusterPlace, { deployment }: { readonly deployment: string }): Promise<Pod[]> {
  const parts = await readParts({ cluster: place, deployment });
  if (parts === null) throw new ClusterError(`Namespace '${place.namespace}' has no Deployment '${deployment}'.`, 404);
  const set = presentSet(parts);
  const own = set ? podsOf(set, parts.pods) : [];
  return [...own, ...parts.pods.filter((pod) => !own.includes(pod))];
}
