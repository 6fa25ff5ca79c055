import { type DiffRequest, type DiffResult, noDiff, type PropertyDiff, someDiff } from "../../plugins/provider";
import { formatPath, type PathElement } from "../../property/path";
import {
  containsUnknowns,
  equal,
  isPlainObject,
  isUnknown,
  type PropertyMap,
  type PropertyValue,
  unwrapSecrets,
} from "../../property/value";
import { memberKey, normal } from "./planned";
import type { Property, Schema } from "./schema";

type Change = "add" | "delete" | "update";
type Changes = [path: PathElement[], change: Change][];

/**
 * What a program's inputs change of a resource's outputs, property by property, and in the words of the plugin: inputs that
 * it never compares are not compared here, and what it cannot know of shows the same needless replacement.
 */
export function diffOutputs(schema: Schema, request: DiffRequest): DiffResult {
  const olds = unwrapSecrets(request.oldOutputs) as PropertyMap;
  const news = unwrapSecrets(request.news) as PropertyMap;
  const ignored = new Set(request.ignoreChanges.map((path) => /^[^.[]*/.exec(path)?.[0] ?? path));
  const detailedDiff: Record<string, PropertyDiff> = {};
  const replaceKeys: string[] = [];
  for (const [key, property] of Object.entries(schema)) {
    const neverRead = isNeverRead(property, olds[key], news[key]);
    if (!neverRead && ignored.has(key)) continue;
    const changes: Changes = neverRead ? [[[], "add"]] : changesOf(property, olds[key], news[key]);
    for (const [path, change] of changes) {
      const kind = property.replaces ? (`${change}-replace` as const) : change;
      detailedDiff[formatPath([key, ...path])] = { kind, inputDiff: false };
      if (property.replaces) replaceKeys.push(key);
    }
  }
  const changedKeys = Object.keys(detailedDiff).map((path) => /^[^.[]*/.exec(path)?.[0] ?? path);
  if (changedKeys.length === 0) return noDiff;
  return {
    ...someDiff,
    replaceKeys: replaceKeys.toSorted(),
    changedKeys: [...new Set(changedKeys)].toSorted(),
    detailedDiff,
  };
}

const collections = new Set<Property["type"]>(["list", "set", "blocks", "block set", "map"]);

/** A list that the engine decides about and that the state knows nothing of, as after an import, may be anything. */
const isNeverRead = (
  { computed, type }: Property,
  old: PropertyValue | undefined,
  given: PropertyValue | undefined,
): boolean => computed && collections.has(type) && old == null && given == null;

function changesOf(property: Property, old: PropertyValue | undefined, given: PropertyValue | undefined): Changes {
  if (given == null && property.computed) return [];
  if (given === "" && property.emptySaysNothing) return [];
  // The plugin does not see an unknown whole where the engine decides if there is none.
  if (isUnknown(given)) return property.computed ? [] : [[[], isEmpty(old) ? "add" : "update"]];
  const before = old == null ? null : normal(property, old);
  const after = normal(property, given);
  switch (property.type) {
    case "map":
      return mapChanges(before, after);
    case "list":
    case "blocks":
      return listChanges(property, before, after);
    case "set":
    case "block set":
      return setChanges(property, before, after, Array.isArray(given) ? given : []);
    case "object":
      return objectChanges(property, before, after);
    default:
      return scalarChanges(before, after);
  }
}

const isZero = (value: PropertyValue): boolean => value === null || value === "" || value === 0 || value === false;
const isEmpty = (value: PropertyValue | undefined): boolean =>
  value == null || (typeof value === "object" && Object.keys(value).length === 0);

function scalarChanges(before: PropertyValue, after: PropertyValue): Changes {
  if (equal(before, after)) return [];
  if (after === null) return before !== null && isZero(before) ? [] : [[[], "delete"]];
  return [[[], before === null ? "add" : "update"]];
}

function mapChanges(before: PropertyValue, after: PropertyValue): Changes {
  const olds = isPlainObject(before ?? undefined) ? (before as PropertyMap) : {};
  const news = isPlainObject(after ?? undefined) ? (after as PropertyMap) : {};
  if (before === null) return isEmpty(news) ? [] : [[[], "add"]];
  return [...new Set([...Object.keys(olds), ...Object.keys(news)])].flatMap((key): Changes => {
    if (equal(olds[key], news[key])) return [];
    return [[[key], olds[key] === undefined ? "add" : news[key] === undefined ? "delete" : "update"]];
  });
}

/** Of lists and sets: one that appears or vanishes as a whole; undefined when members have to be compared. */
function wholeChange(before: PropertyValue, after: PropertyValue): Changes | undefined {
  if (isEmpty(before) && isEmpty(after)) return [];
  if (isEmpty(before)) return [[[], "add"]];
  return isEmpty(after) ? [[[], "delete"]] : undefined;
}

function listChanges({ of: members }: Property, before: PropertyValue, after: PropertyValue): Changes {
  const whole = wholeChange(before, after);
  if (whole) return whole;
  const [olds, news] = [before as PropertyValue[], after as PropertyValue[]];
  return Array.from({ length: Math.max(olds.length, news.length) }).flatMap((_, index): Changes => {
    const [old, given] = [olds[index], news[index]];
    if (old === undefined) return [[[index], "add"]];
    if (given === undefined) return [[[index], "delete"]];
    return memberChanges(members, old, given).map(([path, change]) => [[index, ...path], change]);
  });
}

function memberChanges(members: Schema | undefined, old: PropertyValue, given: PropertyValue): Changes {
  if (!members || !isPlainObject(old) || !isPlainObject(given)) return equal(old, given) ? [] : [[[], "update"]];
  return Object.entries(members).flatMap(([key, member]): Changes => {
    const isLeft = member.computed && isZero(given[key] ?? null);
    if (isLeft) return [];
    return equal(old[key], given[key]) ? [] : [[[key], "update"]];
  });
}

/** Members by what they are; an index is that of the program's order for new ones, of the state's for old ones. */
function setChanges(
  property: Property,
  before: PropertyValue,
  after: PropertyValue,
  given: readonly PropertyValue[],
): Changes {
  const whole = wholeChange(before, after);
  if (whole) return whole;
  if (containsUnknowns(after)) return [[[], "update"]];
  const olds = before as PropertyValue[];
  const news = given.map((item) => (normal(property, [item]) as PropertyValue[])[0] as PropertyValue);
  const [oldKeys, newKeys] = [olds.map(memberKey), news.map(memberKey)];
  const added = newKeys.flatMap((key, index) => (oldKeys.includes(key) || newKeys.indexOf(key) < index ? [] : [index]));
  const removed = oldKeys.flatMap((key, index) => (newKeys.includes(key) ? [] : [index]));
  if (added.length + removed.length > 0 && property.shownWhole) return [[[], "update"]];
  return [...new Set([...added, ...removed])]
    .toSorted((left, right) => left - right)
    .flatMap((index): Changes => {
      if (!removed.includes(index)) return [[[index], "add"]];
      if (!added.includes(index)) return [[[index], "delete"]];
      const changes = memberChanges(property.of, olds[index] as PropertyValue, news[index] as PropertyValue);
      return changes.map(([path, change]) => [[index, ...path], change]);
    });
}

function objectChanges(property: Property, before: PropertyValue, after: PropertyValue): Changes {
  const whole = wholeChange(before, after);
  if (whole) return whole;
  const [olds, news] = [before as PropertyMap, after as PropertyMap];
  if (property.shownWhole) return equal(olds, news) ? [] : [[[], "update"]];
  return Object.entries(property.of ?? {}).flatMap(([key, member]) =>
    changesOf(member, olds[key], news[key]).map(([path, change]): Changes[number] => [[key, ...path], change]),
  );
}
