import { isPlainObject, type PropertyMap, type PropertyValue, unwrapSecrets } from "../../property/value";

/** Annotations by which a program tells the provider what to do with an object. */
export const annotations = {
  autonamed: "pulumi.com/autonamed",
  skipAwait: "pulumi.com/skipAwait",
  timeoutSeconds: "pulumi.com/timeoutSeconds",
  patchForce: "pulumi.com/patchForce",
  patchFieldManager: "pulumi.com/patchFieldManager",
  deletionPropagation: "pulumi.com/deletionPropagationPolicy",
  waitFor: "pulumi.com/waitFor",
  replaceUnready: "pulumi.com/replaceUnready",
} as const;

/** The member of nested objects; undefined where there is none. Secrets count as what is in them. */
export function memberOf(object: PropertyValue | undefined, ...path: string[]): PropertyValue | undefined {
  let value = object === undefined ? undefined : unwrapSecrets(object);
  for (const key of path) value = isPlainObject(value) ? value[key] : undefined;
  return value;
}

/** A text in an object's metadata; empty for none. */
export function metadataText(object: PropertyMap, key: "name" | "namespace" | "generateName" | "uid"): string {
  const value = memberOf(object, "metadata", key);
  return typeof value === "string" ? value : "";
}

/** The text of an annotation; empty for none. */
export function annotationOf(object: PropertyMap, name: string): string {
  const value = memberOf(object, "metadata", "annotations", name);
  return typeof value === "string" ? value : "";
}

/** The object with members of its metadata set; undefined takes one away. */
export function withMetadata(
  object: PropertyMap,
  changes: Readonly<Record<string, PropertyValue | undefined>>,
): PropertyMap {
  const old = isPlainObject(object.metadata) ? object.metadata : {};
  const entries = Object.entries({ ...old, ...changes }).filter(([, value]) => value !== undefined);
  return { ...object, metadata: Object.fromEntries(entries) as PropertyMap };
}
