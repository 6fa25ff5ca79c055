import { isPlainObject, type PropertyMap, type PropertyValue } from "../../property/value";
import { annotationOf, annotations, memberOf } from "./metadata";

/** What one manager owns of an object, as the server keeps it. */
export interface ManagedEntry {
  readonly manager?: string;
  readonly operation?: string;
  readonly subresource?: string;
  readonly fieldsV1?: PropertyMap;
}

/** What the plugin takes over before it applies: its own creations, and what was made with kubectl. Names are beginnings. */
const predecessors: readonly (readonly [name: string, operation: string])[] = [
  ["kubectl", "Apply"],
  ["kubectl", "Update"],
  ["before-first-apply", "Update"],
  ["pulumi-kubernetes", "Update"],
  ["pulumi-resource-kubernetes", "Update"],
];

/** Whoever creates an object by POST is this manager; the first real update takes over from it. */
export const creator = "pulumi-kubernetes";

/** The entries of an object's managedFields. */
export function managedFields(live: PropertyMap): ManagedEntry[] {
  const entries = memberOf(live, "metadata", "managedFields");
  return Array.isArray(entries) ? (entries as unknown as ManagedEntry[]) : [];
}

/**
 * Name under which an object is applied: what its annotation says, else what the state says, else a new one.
 *
 * @param invent - called for a new one's last eight digits
 */
export function fieldManagerOf(inputs: PropertyMap, known: string, invent: () => string): string {
  return annotationOf(inputs, annotations.patchFieldManager) || known || `pulumi-kubernetes-${invent()}`;
}

/** Whether an apply takes fields from other managers, instead of ending in a conflict. */
export function isForced(
  inputs: PropertyMap,
  live: PropertyMap | null,
  enablePatchForce: boolean,
  preview: boolean,
): boolean {
  if (enablePatchForce || annotationOf(inputs, annotations.patchForce) === "true") return true;
  if (live === null) return preview;
  const entries = managedFields(live);
  // A preview does not take over from the creator first, as an update does.
  const isOwnCreation = entries.some(
    ({ manager = "", operation }) =>
      operation === "Update" && [creator, "pulumi-resource-kubernetes"].includes(manager),
  );
  return entries.length === 0 || (preview && isOwnCreation);
}

/**
 * What an object's managedFields become so that `name` owns, by apply, what its predecessors own; null when there is nothing
 * to take over.
 */
export function takenOver(live: PropertyMap, name: string): ManagedEntry[] | null {
  const entries = managedFields(live);
  let own = entries.findLast(({ manager, operation }) => manager === name && operation === "Apply");
  const others: ManagedEntry[] = [];
  let isChanged = false;
  for (const entry of entries) {
    if (entry === own) continue;
    if (!isPredecessor(entry)) others.push(entry);
    else {
      isChanged = true;
      own = own
        ? { ...own, fieldsV1: united(own.fieldsV1 ?? {}, entry.fieldsV1 ?? {}) }
        : { ...entry, manager: name, operation: "Apply" };
    }
  }
  return isChanged && own ? [...others, own] : null;
}

const isPredecessor = ({ manager = "", operation, subresource = "" }: ManagedEntry): boolean =>
  subresource === "" && predecessors.some(([name, kind]) => operation === kind && manager.startsWith(name));

function united(left: PropertyMap, right: PropertyMap): PropertyMap {
  const all = { ...left };
  for (const [key, value] of Object.entries(right)) {
    const known = all[key];
    all[key] = isPlainObject(known) && isPlainObject(value) ? united(known, value) : value;
  }
  return all;
}

/**
 * Inputs with the properties that the program ignores: those of other managers are left out, all others are as they are live.
 * As in the plugin, paths are keys with dots.
 */
export function withoutIgnored(
  inputs: PropertyMap,
  live: PropertyMap,
  fieldManager: string,
  ignoreChanges: readonly string[],
): PropertyMap {
  const entries = managedFields(live);
  const owns = (entry: ManagedEntry, path: readonly string[]): boolean =>
    memberOf(entry.fieldsV1, ...path.map((key) => `f:${key}`)) !== undefined;
  return ignoreChanges.reduce((result, text) => {
    const path = text.split(".");
    const owners = entries.filter((entry) => owns(entry, path)).map(({ manager }) => manager);
    if (owners.length > 0 && !owners.includes(fieldManager)) return withMember(result, path, undefined);
    const value = memberOf(live, ...path);
    return value === undefined ? result : withMember(result, path, value);
  }, inputs);
}

function withMember(
  object: PropertyMap,
  [key = "", ...rest]: readonly string[],
  value: PropertyValue | undefined,
): PropertyMap {
  const old = object[key];
  if (rest.length > 0) {
    if (old === undefined && value === undefined) return object;
    return { ...object, [key]: withMember(isPlainObject(old) ? old : {}, rest, value) };
  }
  return Object.fromEntries([
    ...Object.entries(object).filter(([name]) => name !== key),
    ...(value === undefined ? [] : [[key, value] as const]),
  ]);
}
