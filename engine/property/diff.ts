import { equal, isPlainObject, isSecret, type PropertyMap, type PropertyValue } from "./value";

/** How one value became another: members of an object, elements of an array, or simply old and new. */
export interface ValueDiff {
  old: PropertyValue;
  new: PropertyValue;
  object?: ObjectDiff;
  array?: ArrayDiff;
}

/** Which keys of an object were added, removed, changed or kept. */
export interface ObjectDiff {
  adds: PropertyMap;
  deletes: PropertyMap;
  sames: PropertyMap;
  updates: Record<string, ValueDiff>;
}

/** Which elements of an array were added, removed, changed or kept, by index. */
export interface ArrayDiff {
  length: number;
  adds: Map<number, PropertyValue>;
  deletes: Map<number, PropertyValue>;
  sames: Map<number, PropertyValue>;
  updates: Map<number, ValueDiff>;
}

/** Keys that Pulumi keeps for itself; never shown and never compared. */
export const isInternalKey = (key: string): boolean => key.startsWith("__");

/** The keys that a diff speaks of, in order. */
export function diffKeys(diff: ObjectDiff): string[] {
  return [
    ...Object.keys(diff.adds),
    ...Object.keys(diff.deletes),
    ...Object.keys(diff.sames),
    ...Object.keys(diff.updates),
  ].sort();
}

/** Undefined when nothing changed. */
export function diffObjects(olds: PropertyMap, news: PropertyMap, ignore = isInternalKey): ObjectDiff | undefined {
  const diff: ObjectDiff = { adds: {}, deletes: {}, sames: {}, updates: {} };
  let changed = false;
  for (const key of new Set([...Object.keys(olds), ...Object.keys(news)])) {
    if (ignore(key)) continue;
    // A key that holds null counts as absent, as in Pulumi.
    const before = olds[key] ?? undefined;
    const after = news[key] ?? undefined;
    if (before === undefined && after === undefined) continue;
    if (before === undefined) diff.adds[key] = after as PropertyValue;
    else if (after === undefined) diff.deletes[key] = before;
    else {
      const update = diffValues(before, after);
      if (!update) {
        diff.sames[key] = before;
        continue;
      }
      diff.updates[key] = update;
    }
    changed = true;
  }
  return changed ? diff : undefined;
}

/** Undefined when the values are equal. */
export function diffValues(before: PropertyValue, after: PropertyValue): ValueDiff | undefined {
  if (isSecret(before) && isSecret(after)) {
    return equal(before.value, after.value) ? undefined : { old: before, new: after };
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    const array = diffArrays(before, after);
    return array && { old: before, new: after, array };
  }
  if (isPlainObject(before) && isPlainObject(after)) {
    const object = diffObjects(before, after);
    return object && { old: before, new: after, object };
  }
  return equal(before, after) ? undefined : { old: before, new: after };
}

function diffArrays(before: PropertyValue[], after: PropertyValue[]): ArrayDiff | undefined {
  const length = Math.max(before.length, after.length);
  const diff: ArrayDiff = { length, adds: new Map(), deletes: new Map(), sames: new Map(), updates: new Map() };
  for (let index = 0; index < length; index++) {
    if (index >= before.length) diff.adds.set(index, after[index] as PropertyValue);
    else if (index >= after.length) diff.deletes.set(index, before[index] as PropertyValue);
    else {
      const update = diffValues(before[index] as PropertyValue, after[index] as PropertyValue);
      if (update) diff.updates.set(index, update);
      else diff.sames.set(index, before[index] as PropertyValue);
    }
  }
  return diff.adds.size + diff.deletes.size + diff.updates.size > 0 ? diff : undefined;
}
