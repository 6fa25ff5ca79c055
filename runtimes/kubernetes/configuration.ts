import { z } from "zod";

import type { ClusterPlace } from "../runtime";
import { ask, connectionTo, patch, patchTypes } from "./client";
import { namespaceOf } from "./cluster";
import { ClusterError, noNamespace } from "./errors";
import { annotations } from "./labels";
import { type Owners, ownersOf } from "./managers";
import { configMapManifest, secretManifest } from "./manifest";
import { collections, type ConfigMap, type KubernetesObject } from "./objects";

/** Which of the two objects holds a variable. */
export type Home = "configMap" | "secret";

/** The objects that hold an installation's variables. */
export interface VariableNames {
  readonly configMap: string;
  /** Empty for none. */
  readonly secret: string;
}

/** A variable; its value is secret. */
export interface Variable {
  readonly value: string;
  readonly home: Home;
}

/** What is kept of an environment besides its values. */
export interface KeptText {
  /** The `.env` that the objects were last made from, with comments and marks; secret. */
  readonly text: string;
  /** Where variables live, and those lived that are gone. */
  readonly homes: Readonly<Record<string, Home>>;
}

/** What the two objects hold, or are to hold; secret. */
export interface Variables {
  readonly configMap: Readonly<Record<string, string>>;
  /** In clear. */
  readonly secret: Readonly<Record<string, string>>;
  readonly kept: KeptText | null;
}

/** One of the two objects, for the planner. */
export interface VariableObject {
  /** `ConfigMap octollm-config`. */
  readonly name: string;
  /** Nobody can change it; it could only be made anew. */
  readonly immutable: boolean;
  readonly owners: Owners;
}

/** An installation's variables as the cluster has them. */
export interface Configuration {
  /** By name, in order; a variable that both objects have is the Secret's, as in a pod that names the Secret last. */
  readonly values: ReadonlyMap<string, Variable>;
  readonly kept: KeptText | null;
  readonly objects: readonly VariableObject[];
  readonly live: {
    readonly configMap: ConfigMap;
    /** Null for an installation without one. */
    readonly secret: ConfigMap | null;
  };
}

const keptSchema = z.object({ text: z.string(), homes: z.record(z.string(), z.enum(["configMap", "secret"])) });

/** Reads an installation's variables; touches nothing. @throws ClusterError, also when there is no such object */
export async function readConfiguration(place: ClusterPlace, names: VariableNames): Promise<Configuration> {
  const [configMap, secret] = await Promise.all([
    readObject(place, names, "configMap"),
    names.secret === "" ? null : readObject(place, names, "secret"),
  ]);
  const values = new Map<string, Variable>();
  for (const [key, value] of sorted(configMap)) values.set(key, { value, home: "configMap" });
  for (const [key, value] of sorted(secret))
    values.set(key, { value: Buffer.from(value, "base64").toString("utf8"), home: "secret" });
  return {
    values,
    kept: readKept(secret ?? configMap),
    objects: [configMap, ...(secret ? [secret] : [])].map(describeObject),
    live: { configMap, secret },
  };
}

async function readObject(place: ClusterPlace, names: VariableNames, home: Home): Promise<ConfigMap> {
  const object = await ask<ConfigMap>(place, { path: pathOf(place, names, home) });
  if (object) return { ...object, kind: kinds[home] };
  const { server, context } = await connectionTo(place);
  if ((await namespaceOf(place, place.namespace)) === null) throw noNamespace(place, { server, context });
  throw new ClusterError(
    `Namespace '${place.namespace}' (context '${context}') has no ${kinds[home]} '${names[home]}'. See: kubectl --context ` +
      `${context} -n ${place.namespace} get configmaps,secrets. Correct it: octollm config set --path kubernetes.${home} <name>`,
    404,
  );
}

const kinds: Readonly<Record<Home, string>> = { configMap: "ConfigMap", secret: "Secret" };

function pathOf({ namespace }: ClusterPlace, names: VariableNames, home: Home): string {
  const collection = home === "configMap" ? collections.configmaps : collections.secrets;
  return `${collection(namespace)}/${names[home]}`;
}

/** The server itself keeps no order. */
function sorted(object: ConfigMap | null): [string, string][] {
  return Object.entries(object?.data ?? {}).toSorted(([one], [other]) => (one < other ? -1 : 1));
}

function describeObject(object: ConfigMap): VariableObject {
  return {
    name: `${object.kind} ${object.metadata.name}`,
    immutable: object.immutable === true,
    owners: ownersOf(object, ({ path }) => path.startsWith(".data")),
  };
}

function readKept(object: KubernetesObject): KeptText | null {
  const text = object.metadata.annotations?.[annotations.environment];
  if (text === undefined) return null;
  try {
    return keptSchema.parse(JSON.parse(Buffer.from(text, "base64").toString("utf8")));
  } catch {
    return null;
  }
}

/**
 * The manifests of the two objects. What is kept is in none of them where there is a Secret: of a Secret, Pulumi's plugin
 * writes all but the data in clear into the state.
 *
 * @param live - the objects as they are
 * @returns the Secret's is secret, and null where there is none
 */
export function configurationManifests(
  { live }: Pick<Configuration, "live">,
  { configMap, secret, kept }: Variables,
): { readonly configMap: KubernetesObject; readonly secret: KubernetesObject | null } {
  return {
    configMap: configMapManifest({
      live: live.configMap,
      data: configMap,
      kept: live.secret === null && kept !== null ? encoded(kept) : null,
    }),
    secret: live.secret && secretManifest({ live: live.secret, data: secret }),
  };
}

const encoded = (kept: KeptText): string => Buffer.from(JSON.stringify(kept)).toString("base64");

/**
 * Makes ConfigMap and Secret hold exactly this: what else they had is taken out, whoever wrote it. What is kept stands,
 * encoded, in an annotation of the Secret, where there is one: it may have values that were commented out.
 *
 * @throws ClusterError
 */
export async function applyConfiguration(
  place: ClusterPlace,
  names: VariableNames,
  variables: Variables,
): Promise<void> {
  const manifests = configurationManifests(await readConfiguration(place, names), variables);
  await applyExactly(place, pathOf(place, names, "configMap"), manifests.configMap);
  if (manifests.secret === null) return;
  const path = pathOf(place, names, "secret");
  if (variables.kept !== null) {
    // By a patch: whoever applies the manifest afterwards, which says nothing of it, leaves it as it is.
    const annotation = { [annotations.environment]: encoded(variables.kept) };
    await patch(place, { path, body: { metadata: { annotations: annotation } } });
  }
  await applyExactly(place, path, manifests.secret);
}

async function applyExactly(place: ClusterPlace, path: string, manifest: KubernetesObject): Promise<void> {
  const query = { force: "true" };
  const applied = await patch<ConfigMap>(place, { path, query, type: patchTypes.apply, body: manifest });
  const wanted = (manifest as ConfigMap).data ?? {};
  const surplus = Object.keys(applied.data ?? {}).filter((key) => !Object.hasOwn(wanted, key));
  if (surplus.length === 0) return;
  await patch(place, { path, body: { data: Object.fromEntries(surplus.map((key) => [key, null])) } });
}
