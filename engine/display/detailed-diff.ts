import type { PropertyDiff } from "../plugins/provider";
import { type ArrayDiff, diffValues, type ObjectDiff, type ValueDiff } from "../property/diff";
import { parsePath, type PathElement, valueAt } from "../property/path";
import type { PropertyValue } from "../property/value";
import type { ResourceState } from "../state/resource";

const emptyObject = (): ObjectDiff => ({ adds: {}, deletes: {}, sames: {}, updates: {} });
const emptyArray = (): ArrayDiff => ({
  length: 0,
  adds: new Map(),
  deletes: new Map(),
  sames: new Map(),
  updates: new Map(),
});

/** One changed property: its value before, after, or both. */
interface Leaf {
  old: PropertyValue | undefined;
  new: PropertyValue | undefined;
}

function insertIntoObject(diff: ObjectDiff, [element = "", ...rest]: PathElement[], leaf: Leaf): void {
  const key = String(element);
  if (rest.length > 0) insertBelow((diff.updates[key] ??= { old: null, new: null }), rest, leaf);
  else if (leaf.old === undefined && leaf.new !== undefined) diff.adds[key] = leaf.new;
  else if (leaf.new === undefined && leaf.old !== undefined) diff.deletes[key] = leaf.old;
  else diff.updates[key] = leafDiff(leaf);
}

function insertIntoArray(diff: ArrayDiff, [element = 0, ...rest]: PathElement[], leaf: Leaf): void {
  const index = Number(element);
  diff.length = Math.max(diff.length, index + 1);
  if (rest.length > 0) {
    const update = diff.updates.get(index) ?? { old: null, new: null };
    diff.updates.set(index, update);
    insertBelow(update, rest, leaf);
  } else if (leaf.old === undefined && leaf.new !== undefined) diff.adds.set(index, leaf.new);
  else if (leaf.new === undefined && leaf.old !== undefined) diff.deletes.set(index, leaf.old);
  else diff.updates.set(index, leafDiff(leaf));
}

function insertBelow(diff: ValueDiff, path: PathElement[], leaf: Leaf): void {
  if (typeof path[0] === "number") insertIntoArray((diff.array ??= emptyArray()), path, leaf);
  else insertIntoObject((diff.object ??= emptyObject()), path, leaf);
}

function leafDiff({ old = null, new: next = null }: Leaf): ValueDiff {
  return diffValues(old, next) ?? { old, new: next };
}

/**
 * A provider's detailed diff as a diff of the properties that it names, and of no others. After a refresh the new value of
 * an output is the one that was read.
 */
export function translateDetailedDiff(
  detailed: Readonly<Record<string, PropertyDiff>>,
  old: ResourceState,
  next: ResourceState,
  refreshed = false,
): ObjectDiff {
  const diff = emptyObject();
  for (const [text, { kind, inputDiff }] of Object.entries(detailed)) {
    const path = parsePath(text) ?? [text];
    const before = valueAt(inputDiff ? old.inputs : old.outputs, path);
    const [first, second] = refreshed ? [next.outputs, next.inputs] : [next.inputs, next.outputs];
    const after = inputDiff ? valueAt(next.inputs, path) : (valueAt(first, path) ?? valueAt(second, path));
    const isAdd = kind.startsWith("add");
    const isDelete = kind.startsWith("delete");
    if (before === undefined && after === undefined) continue;
    insertIntoObject(diff, path, { old: isAdd ? undefined : before, new: isDelete ? undefined : after });
  }
  return diff;
}
