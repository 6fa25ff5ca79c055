import { createHash } from "node:crypto";

import { z } from "zod";

import type { ClusterPlace } from "../runtime";
import { ask, patch, patchTypes } from "./client";
import type { EnvironmentNames } from "./facts";
import { gitopsOwner } from "./gitops";
import { annotations } from "./labels";
import { type ForeignManager, foreignManagers } from "./managers";
import { configMapManifest, secretManifest } from "./manifest";
import { collections, type ConfigMap, type KubernetesObject } from "./objects";

/** Where a variable lives. */
export type Home = "configMap" | "secret";

/** A variable; its value is secret. */
export interface Variable {
  readonly value: string;
  readonly home: Home;
}

/** What is kept of an environment besides its values. */
export interface KeptText {
  /** The `.env` that the objects were last made from, with comments and marks; secret. */
  readonly text: string;
  /** Where variables lived that may be gone. */
  readonly homes: Readonly<Record<string, Home>>;
}

/** One of the objects, as it is. */
export interface DataFacts {
  readonly object: KubernetesObject;
  /** The GitOps tool that owns it, and what tells so. */
  readonly gitops: string | null;
  readonly foreign: readonly ForeignManager[];
  /** Nobody can change it; it could only be made anew. */
  readonly immutable: boolean;
}

/** An installation's variables as the cluster has them. */
export interface Configuration {
  /** By name; a variable that both objects have is the Secret's, as in a pod that names the Secret last. */
  readonly values: ReadonlyMap<string, Variable>;
  readonly kept: KeptText | null;
  /** Null when there is no such object. */
  readonly configMap: DataFacts | null;
  readonly secret: DataFacts | null;
}

const keptSchema = z.object({ text: z.string(), homes: z.record(z.string(), z.enum(["configMap", "secret"])) });

/** Reads an installation's variables; touches nothing. @throws ClusterError */
export async function readConfiguration(place: ClusterPlace, names: EnvironmentNames): Promise<Configuration> {
  const [configMap, secret] = await Promise.all([
    ask<ConfigMap>(place, { path: pathOf(place, names, "configMap") }),
    names.secret === "" ? null : ask<ConfigMap>(place, { path: pathOf(place, names, "secret") }),
  ]);
  const values = new Map<string, Variable>();
  for (const [key, value] of sorted(configMap)) values.set(key, { value, home: "configMap" });
  for (const [key, value] of sorted(secret))
    values.set(key, { value: Buffer.from(value, "base64").toString("utf8"), home: "secret" });
  return {
    values,
    kept: readKept(names.secret === "" ? configMap : secret),
    configMap: configMap && dataFacts(configMap),
    secret: secret && dataFacts(secret),
  };
}

function pathOf({ namespace }: ClusterPlace, { configMap, secret }: EnvironmentNames, home: Home): string {
  return home === "configMap"
    ? `${collections.configmaps(namespace)}/${configMap}`
    : `${collections.secrets(namespace)}/${secret}`;
}

/** The server itself keeps no order. */
function sorted(object: ConfigMap | null): [string, string][] {
  return Object.entries(object?.data ?? {}).toSorted(([one], [other]) => (one < other ? -1 : 1));
}

function dataFacts(object: ConfigMap): DataFacts {
  const { immutable = false } = object;
  return { object, gitops: gitopsOwner(object), foreign: foreignManagers(object), immutable };
}

function readKept(object: KubernetesObject | null): KeptText | null {
  const text = object?.metadata.annotations?.[annotations.environment];
  if (text === undefined) return null;
  try {
    return keptSchema.parse(JSON.parse(Buffer.from(text, "base64").toString("utf8")));
  } catch {
    return null;
  }
}

/** What is kept, as it stands in the annotation. Secret: it has values that were commented out. */
export function keptAnnotation(kept: KeptText): string {
  return Buffer.from(JSON.stringify(kept)).toString("base64");
}

/** Checksum of the variables: 12 hexadecimal digits; pods with the same one were given the same. */
export function environmentChecksum(values: ReadonlyMap<string, Variable>): string {
  const pairs = [...values].map(([key, { value }]) => [key, value] as const);
  const ordered = pairs.toSorted(([one], [other]) => (one < other ? -1 : 1));
  return createHash("sha256").update(JSON.stringify(ordered)).digest("hex").slice(0, 12);
}

/** What the two objects are to hold. */
export interface ConfigurationContent {
  readonly values: ReadonlyMap<string, Variable>;
  readonly kept: KeptText | null;
}

/** The manifests of the two objects. The Secret's is secret, and null where there is to be none. */
export function configurationManifests(
  { namespace }: Pick<ClusterPlace, "namespace">,
  names: EnvironmentNames,
  { values, kept }: ConfigurationContent,
  live: Pick<Configuration, "configMap" | "secret">,
): { readonly configMap: KubernetesObject; readonly secret: KubernetesObject | null } {
  const dataOf = (home: Home) =>
    Object.fromEntries([...values].flatMap(([key, one]) => (one.home === home ? [[key, one.value] as const] : [])));
  const annotation = kept && keptAnnotation(kept);
  const hasSecret = names.secret !== "";
  return {
    configMap: configMapManifest({
      namespace,
      name: names.configMap,
      live: live.configMap?.object ?? null,
      data: dataOf("configMap"),
      kept: hasSecret ? null : annotation,
    }),
    secret: hasSecret
      ? secretManifest({
          namespace,
          name: names.secret,
          live: live.secret?.object ?? null,
          data: dataOf("secret"),
          kept: annotation,
        })
      : null,
  };
}

/**
 * Makes ConfigMap and Secret hold exactly this: what else they had is taken out, whoever wrote it.
 *
 * @throws ClusterError
 */
export async function applyConfiguration(
  place: ClusterPlace,
  names: EnvironmentNames,
  content: ConfigurationContent,
): Promise<void> {
  const { configMap, secret } = configurationManifests(place, names, content, await readConfiguration(place, names));
  await applyExactly(place, pathOf(place, names, "configMap"), configMap);
  if (secret) await applyExactly(place, pathOf(place, names, "secret"), secret);
}

async function applyExactly(place: ClusterPlace, path: string, manifest: KubernetesObject): Promise<void> {
  const query = { force: "true" };
  const applied = await patch<ConfigMap>(place, { path, query, type: patchTypes.apply, body: manifest });
  const wanted = (manifest as ConfigMap).data ?? {};
  const surplus = Object.keys(applied.data ?? {}).filter((key) => !Object.hasOwn(wanted, key));
  if (surplus.length === 0) return;
  const data = Object.fromEntries(surplus.map((key) => [key, null]));
  await patch(place, { path, body: { data } });
}
