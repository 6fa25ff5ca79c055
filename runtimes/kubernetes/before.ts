import { isDeepStrictEqual } from "node:util";

import { z } from "zod";

import { pause } from "../../postgres/pause";
import { type Activity, type DeploymentSpec, ServiceError } from "../runtime";
import { patch, patchTypes } from "./client";
import { ClusterError } from "./errors";
import { annotations } from "./labels";
import { withoutReplicas } from "./managers";
import type { Deployment, PodTemplate, Strategy } from "./objects";
import { attemptOf, deploymentPath, readDeployment, releaseOf } from "./read";

/** What a Deployment was like before an attempt changed it; it stands in an annotation of the Deployment itself. */
export interface Before {
  readonly attempt: number;
  readonly release: string;
  readonly template: PodTemplate;
  readonly strategy: Strategy | null;
  /** The attempt that had declared it then; null for none. */
  readonly declaredBy: number | null;
}

const schema = z.object({
  attempt: z.int(),
  release: z.string(),
  template: z.looseObject({ spec: z.looseObject({ containers: z.array(z.looseObject({ name: z.string() })) }) }),
  strategy: z.looseObject({}).nullable(),
  declaredBy: z.int().nullable(),
});

/** What is remembered of a Deployment; null when nothing is. */
export function readBefore({ metadata }: Deployment): Before | null {
  const text = metadata.annotations?.[annotations.before];
  if (text === undefined) return null;
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/**
 * Makes a Deployment ready to be changed: remembers its template and strategy, and sees to it that its replicas stay what
 * they are. What an earlier attempt has remembered stays when that has changed the Deployment already.
 *
 * @param from - the present attempt, and the release that is the way back
 * @throws ClusterError
 */
export async function rememberBefore(
  spec: DeploymentSpec,
  from: Pick<Before, "attempt"> & { readonly release: string },
): Promise<void> {
  const deployment = await readDeployment(spec);
  if (deployment === null) return;
  const isChanged = (releaseOf(deployment, spec.podContainer) ?? from.release) !== from.release;
  if (!isChanged || readBefore(deployment)?.release !== from.release) {
    const { template, strategy = null } = deployment.spec;
    const declaredBy = attemptOf(deployment);
    await annotate(spec, JSON.stringify({ ...from, template, strategy, declaredBy } satisfies Before));
  }
  await releaseReplicas(spec);
}

/** Forgets what is remembered: the attempt is completed. @throws ClusterError */
export async function forgetBefore(spec: DeploymentSpec): Promise<void> {
  const deployment = await readDeployment(spec);
  if (deployment?.metadata.annotations?.[annotations.before] !== undefined) await annotate(spec, null);
}

/**
 * Sees to it that nobody owns a Deployment's replicas because he once applied or created it: what leaves them out of a
 * manifest would set them to 1. Its replicas stay what they are.
 *
 * @throws ClusterError
 */
async function releaseReplicas(spec: DeploymentSpec, tries = 10): Promise<void> {
  const deployment = await readDeployment(spec);
  const managedFields = deployment && withoutReplicas(deployment);
  if (!managedFields) return;
  const body = [
    { op: "replace", path: "/metadata/managedFields", value: managedFields },
    // Refused when somebody has changed the object meanwhile.
    { op: "replace", path: "/metadata/resourceVersion", value: deployment.metadata.resourceVersion },
  ];
  try {
    await patch(spec.cluster, { path: deploymentPath(spec), type: patchTypes.json, body });
  } catch (error) {
    const isOutdated = error instanceof ClusterError && error.status === 409;
    if (!isOutdated || tries <= 1) throw error;
    await pause(100);
    await releaseReplicas(spec, tries - 1);
  }
}

/**
 * Gives a Deployment the template and strategy of a release again, if it had them before the attempt and has others now.
 *
 * @returns whether anything was changed
 * @throws ServiceError when what is remembered is of another release, ClusterError
 */
export async function returnBefore(
  spec: DeploymentSpec,
  release: string,
  { progress }: Activity = {},
): Promise<boolean> {
  const deployment = await readDeployment(spec);
  const before = deployment && readBefore(deployment);
  if (deployment === null || before === null || isAsBefore(deployment, before)) return false;
  if (before.release !== release)
    throw new ServiceError(
      spec.name,
      `Deployment '${spec.deployment}' is to get the template of ${release} again, but what is remembered of it is of ` +
        `${before.release}. Nothing was changed. See: kubectl -n ${spec.cluster.namespace} rollout history deployment ${spec.deployment}`,
    );
  progress?.(`${spec.name}: giving Deployment '${spec.deployment}' the template of ${release} again`);
  const attempt = `/metadata/annotations/${annotations.attempt.replace("/", "~1")}`;
  const body = [
    { op: "replace", path: "/spec/template", value: before.template },
    ...(before.strategy ? [{ op: "replace", path: "/spec/strategy", value: before.strategy }] : []),
    // What the attempt had declared is no longer there.
    { op: "add", path: attempt, value: String(before.declaredBy ?? "") },
    ...(before.declaredBy === null ? [{ op: "remove", path: attempt }] : []),
  ];
  await patch(spec.cluster, { path: deploymentPath(spec), type: patchTypes.json, body });
  return true;
}

function isAsBefore({ spec }: Deployment, { template, strategy }: Before): boolean {
  return isDeepStrictEqual(spec.template, template) && isDeepStrictEqual(spec.strategy ?? null, strategy);
}

async function annotate(spec: DeploymentSpec, before: string | null): Promise<void> {
  const body = { metadata: { annotations: { [annotations.before]: before } } };
  await patch(spec.cluster, { path: deploymentPath(spec), body });
}
