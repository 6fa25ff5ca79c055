import { gitopsOwner } from "./gitops";
import { fieldManager } from "./labels";
import type { Fields, KubernetesObject, ManagedFields } from "./objects";

/** People with kubectl, Pulumi, this program, and the cluster itself; all others are asked before their fields are changed. */
const familiar = /^(kubectl|pulumi)|^kube-controller-manager$/;

/** Whether fields of a manager may be taken over without asking. */
function isFamiliar(manager: string): boolean {
  return manager === fieldManager || familiar.test(manager);
}

/** Who besides the operator and this program writes an object. */
export interface Owners {
  /** The GitOps tool that owns it and would put back what is changed, with what tells so; null for none. */
  readonly gitops: string | null;
  /** Fields that are changed here and that another field manager owns: `helm: .spec.template.spec.containers[name="web"].image`. */
  readonly foreign: readonly string[];
}

/**
 * Who else writes an object.
 *
 * @param changes - whether a field of another manager is one that is changed here
 */
export function ownersOf(object: KubernetesObject, changes: (field: OwnedField) => boolean): Owners {
  const fields = foreignFields(object).filter(changes);
  return {
    gitops: gitopsOwner(object),
    foreign: [...new Set(fields.map(({ manager, path }) => `${manager}: ${path}`))],
  };
}

/** Whether a manifest gives a field another value than it has. */
export function changedBy(live: KubernetesObject, manifest: object): (field: OwnedField) => boolean {
  return ({ keys }) => {
    const [before, after] = [valueAt(live, keys), valueAt(manifest, keys)];
    return after !== undefined && JSON.stringify(before) !== JSON.stringify(after);
  };
}

/** What other managers own; an object's status and its scale are no part of a manifest. */
function foreignFields({ metadata }: KubernetesObject): OwnedField[] {
  return (metadata.managedFields ?? []).flatMap(({ manager = "", subresource, fieldsV1 = {} }) =>
    subresource !== undefined || isFamiliar(manager) ? [] : leaves(fieldsV1).map((leaf) => ({ manager, ...leaf })),
  );
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
  return entries.map((entry): ManagedFields => {
    if (!isOwner(entry)) return entry;
    const { "f:spec": spec = {}, ...others } = entry.fieldsV1 ?? {};
    const kept = Object.fromEntries(Object.entries(spec).filter(([key]) => key !== "f:replicas"));
    return { ...entry, fieldsV1: { ...others, "f:spec": kept } };
  });
}

/** A field without fields below it. */
interface Leaf {
  /** As conflicts name it: `.spec.template.spec.containers[name="web"].image`. */
  readonly path: string;
  readonly keys: readonly string[];
}

/** A field that another field manager owns. */
export interface OwnedField extends Leaf {
  readonly manager: string;
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
