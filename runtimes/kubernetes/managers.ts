import { fieldManager } from "./labels";
import type { Fields, KubernetesObject, ManagedFields } from "./objects";

/** A field manager that is not ours, with what it owns. */
export interface ForeignManager {
  readonly manager: string;
  /** As conflicts name them: `.spec.template.spec.containers[name="web"].image`. */
  readonly fields: readonly string[];
}

/** People with kubectl, Pulumi, this program, and the cluster itself; all others are asked before their fields are changed. */
const familiar = /^(kubectl|pulumi)|^kube-controller-manager$/;

/** Whether fields of a manager may be taken over without asking. */
export function isFamiliar(manager: string): boolean {
  return manager === fieldManager || familiar.test(manager);
}

/** Which other programs own fields of an object; its status and what only tells when it was applied do not count. */
export function foreignManagers({ metadata }: KubernetesObject): ForeignManager[] {
  const owned = new Map<string, string[]>();
  for (const entry of metadata.managedFields ?? []) {
    const { manager = "", subresource, fieldsV1 = {} } = entry;
    if (subresource !== undefined || isFamiliar(manager)) continue;
    const fields = leaves(fieldsV1).map(({ path }) => path);
    if (fields.length > 0) owned.set(manager, [...(owned.get(manager) ?? []), ...fields]);
  }
  return [...owned].map(([manager, fields]) => ({ manager, fields }));
}

/**
 * Fields of other managers that a manifest would change: what server-side apply would refuse without force.
 *
 * @param live - the object as it is
 * @param manifest - as it is to be
 */
export function conflicts(live: KubernetesObject, manifest: object): ForeignManager[] {
  const found = new Map<string, string[]>();
  for (const { manager = "", subresource, fieldsV1 = {} } of live.metadata.managedFields ?? []) {
    if (subresource !== undefined || isFamiliar(manager)) continue;
    const changed = leaves(fieldsV1).filter(({ keys }) => {
      const [before, after] = [valueAt(live, keys), valueAt(manifest, keys)];
      return after !== undefined && JSON.stringify(before) !== JSON.stringify(after);
    });
    if (changed.length > 0)
      found.set(manager, [...new Set([...(found.get(manager) ?? []), ...changed.map(({ path }) => path)])]);
  }
  return [...found].map(([manager, fields]) => ({ manager, fields }));
}

/**
 * An object's managed fields with the replicas of a Deployment owned by nobody who uses kubectl or Pulumi; a manifest that
 * leaves them out would set them to 1 otherwise.
 *
 * @returns null when nobody of those owns them
 */
export function withoutReplicas({ metadata }: KubernetesObject): readonly ManagedFields[] | null {
  const entries = metadata.managedFields ?? [];
  const isOwner = ({ manager = "", subresource, fieldsV1 }: ManagedFields) =>
    subresource === undefined && isFamiliar(manager) && fieldsV1?.["f:spec"]?.["f:replicas"] !== undefined;
  if (!entries.some(isOwner)) return null;
  return entries.map((entry) => {
    if (!isOwner(entry)) return entry;
    const { "f:spec": spec, ...others } = entry.fieldsV1 ?? {};
    const { "f:replicas": replicas, ...rest } = spec ?? {};
    return { ...entry, fieldsV1: replicas ? { ...others, "f:spec": rest } : entry.fieldsV1 };
  }) as ManagedFields[];
}

interface Leaf {
  readonly path: string;
  readonly keys: readonly string[];
}

function leaves(fields: Fields, keys: readonly string[] = []): Leaf[] {
  return Object.entries(fields).flatMap(([key, below]) => {
    if (key === ".") return [];
    const here = [...keys, key];
    return Object.keys(below).some((name) => name !== ".") ? leaves(below, here) : [{ keys: here, path: pathOf(here) }];
  });
}

function pathOf(keys: readonly string[]): string {
  return keys
    .map((key) => {
      const [kind, text] = [key.slice(0, 2), key.slice(2)];
      if (kind === "f:") return /^[\w-]+$/.test(text) ? `.${text}` : `.${JSON.stringify(text)}`;
      if (kind === "k:") {
        const pairs = Object.entries(JSON.parse(text) as Record<string, unknown>);
        return `[${pairs.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(",")}]`;
      }
      return `[${text}]`;
    })
    .join("");
}

function valueAt(object: unknown, keys: readonly string[]): unknown {
  return keys.reduce<unknown>((value, key) => {
    const [kind, text] = [key.slice(0, 2), key.slice(2)];
    if (kind === "f:") return (value as Record<string, unknown> | undefined)?.[text];
    if (!Array.isArray(value)) return undefined;
    const wanted: unknown = kind === "i:" ? undefined : JSON.parse(text);
    if (kind === "i:") return value[Number(text)] as unknown;
    if (kind === "v:") return value.find((item) => item === wanted) as unknown;
    const pairs = Object.entries(wanted as Record<string, unknown>);
    return value.find((item) => pairs.every(([name, one]) => fieldOf(item, name) === one)) as unknown;
  }, object);
}

/** A port's protocol is part of its key, and TCP where it is not said. */
function fieldOf(item: unknown, name: string): unknown {
  const value = (item as Record<string, unknown> | null)?.[name];
  return value ?? (name === "protocol" ? "TCP" : undefined);
}
