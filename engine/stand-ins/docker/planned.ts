import {
  isPlainObject,
  isUnknown,
  type PropertyMap,
  type PropertyValue,
  unknownValue,
  unwrapSecrets,
} from "../../property/value";
import type { Property, Schema } from "./schema";

/** Text by which two members of a set are the same, and by which they are sorted. */
export const memberKey = (value: PropertyValue): string => (typeof value === "string" ? value : JSON.stringify(value));

/** What a property holds that nobody gives a value. */
function nothing({ type, fallback }: Property): PropertyValue {
  if (fallback !== undefined) return fallback;
  return type === "blocks" || type === "block set" ? [] : null;
}

/** A value as the plugin keeps it in a state: everything filled in, sets in order, without `__defaults`. */
export function normal(property: Property, value: PropertyValue | undefined): PropertyValue {
  if (value === undefined || value === null) return nothing(property);
  if (isUnknown(value)) return value;
  const { type, of: members = {} } = property;
  switch (type) {
    case "object":
      return isPlainObject(value) ? normalObject(members, value) : value;
    case "blocks":
      return Array.isArray(value) ? value.map((item) => normalBlock(members, item)) : value;
    case "block set":
      return Array.isArray(value) ? unique(value.map((item) => normalBlock(members, item))) : value;
    case "set":
      return Array.isArray(value) ? unique(value) : value;
    default:
      return value;
  }
}

const normalBlock = (schema: Schema, item: PropertyValue): PropertyValue =>
  isPlainObject(item) ? normalObject(schema, item) : item;

function unique(values: readonly PropertyValue[]): PropertyValue[] {
  const byKey = new Map(values.map((value) => [memberKey(value), value]));
  return [...byKey].toSorted(([left], [right]) => (left < right ? -1 : 1)).map(([, value]) => value);
}

const zeroes: Partial<Record<Property["type"], PropertyValue>> = {
  string: "",
  int: 0,
  bool: false,
  set: [],
  list: [],
  map: {},
};

/** Outputs of a resource that is there: a list that the engine decides about, and that has nothing in it, is known to be empty. */
export function settledOutputs(schema: Schema, outputs: PropertyMap): PropertyMap {
  const isOpen = ({ computed, type }: Property, value: PropertyValue | undefined): boolean =>
    computed && value == null && ["set", "list", "blocks", "block set", "map"].includes(type);
  const entries = Object.entries(schema).filter(([key, property]) => isOpen(property, outputs[key]));
  return { ...outputs, ...Object.fromEntries(entries.map(([key, { type }]) => [key, type === "map" ? {} : []])) };
}

/** A block's members, with zero for what it does not say. */
function normalObject(schema: Schema, value: PropertyMap): PropertyMap {
  const entries = Object.entries(schema).map(([key, property]) => {
    const normalised = normal(property, value[key]);
    return [key, normalised ?? zeroes[property.type] ?? null] as const;
  });
  return Object.fromEntries(entries);
}

/**
 * A resource's outputs as far as they are known before it is made or changed.
 *
 * @param olds - of the resource that is changed
 * @param undecided - what stands where the engine will decide
 */
export function plannedOutputs(
  schema: Schema,
  inputs: PropertyMap,
  olds: PropertyMap = {},
  undecided: PropertyValue = unknownValue,
): PropertyMap {
  const plain = unwrapSecrets(inputs) as PropertyMap;
  const outputs = Object.entries(schema).map(([key, property]) => {
    const value = plain[key] ?? undefined;
    if (value !== undefined || !property.computed) return [key, normal(property, value)] as const;
    return [key, olds[key] ?? undecided] as const;
  });
  return Object.fromEntries(outputs);
}
