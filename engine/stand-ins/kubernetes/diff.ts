import { type DiffResult, noDiff, type PropertyDiff, someDiff } from "../../plugins/provider";
import { contains, formatPath, parsePath, type PathElement } from "../../property/path";
import { equal, isPlainObject, isUnknown, type PropertyMap, type PropertyValue } from "../../property/value";

/** Stands for what is not there, where null is a value. */
const missing = Symbol("missing");
type Found = PropertyValue | typeof missing;

interface Change {
  readonly path: readonly PathElement[];
  readonly kind: "add" | "delete" | "update";
  readonly inputDiff: boolean;
  /** What it becomes; null for a deletion. */
  readonly value: PropertyValue;
}

/**
 * A live object with only those members that another one has, so that what the server has added is not taken for a change.
 * Lists are cut to the length of the other's.
 */
export function pruned(live: PropertyMap, shape: PropertyMap): PropertyMap {
  const result: PropertyMap = {};
  for (const [key, value] of Object.entries(live)) {
    const wanted = shape[key];
    if (wanted === undefined) continue;
    result[key] = prunedValue(value, wanted);
  }
  return result;
}

function prunedValue(value: PropertyValue, shape: PropertyValue): PropertyValue {
  if (isPlainObject(value) && isPlainObject(shape)) return pruned(value, shape);
  if (!Array.isArray(value) || !Array.isArray(shape)) return value;
  if (value.length > 0 && shape.length > 0 && typeOf(value[0]) !== typeOf(shape[0])) return value;
  return shape.slice(0, value.length).map((item, index) => prunedValue(value[index] as PropertyValue, item));
}

const typeOf = (value: PropertyValue | undefined): string => (Array.isArray(value) ? "array" : typeof value);

/**
 * What a program's inputs change of an object, property by property and in the words of the plugin.
 *
 * @param olds - the live object, pruned to the inputs that made it
 * @param replacing - properties whose change makes a new object
 */
export function diffObjects(
  olds: PropertyMap,
  news: PropertyMap,
  replacing: readonly string[],
  ignoreChanges: readonly string[],
): DiffResult {
  const ignored = ignoreChanges.map((path) => parsePath(path) ?? [path]);
  const parents = replacing.map((path) => path.split("."));
  const detailedDiff: Record<string, PropertyDiff> = {};
  const replaceKeys: string[] = [];
  for (const { path, kind, inputDiff, value } of mapChanges([], mergePatch(olds, news), olds, news, olds, false)) {
    if (ignored.some((outer) => contains(outer, [...path]))) continue;
    const key = formatKey(path);
    const replaces = parents.some((parent) => touches(parent, path, value));
    detailedDiff[key] = { kind: replaces ? `${kind}-replace` : kind, inputDiff };
    if (replaces || (key === "metadata" && kind === "delete")) replaceKeys.push(key);
  }
  const changedKeys = [...new Set(Object.keys(detailedDiff))];
  if (changedKeys.length === 0) return noDiff;
  return { ...someDiff, replaceKeys, changedKeys: [], detailedDiff };
}

/** Whether a change is one of a property: within it, or of something around it that has it. */
function touches(property: readonly string[], path: readonly PathElement[], value: PropertyValue): boolean {
  const shared = Math.min(property.length, path.length);
  for (let index = 0; index < shared; index++) if (property[index] !== path[index]) return false;
  let inner: PropertyValue | undefined = value;
  for (const key of property.slice(path.length)) {
    if (!isPlainObject(inner) || !Object.hasOwn(inner, key)) return false;
    inner = inner[key];
  }
  return true;
}

/** The plugin quotes fewer keys than Pulumi's property paths do. */
function formatKey(path: readonly PathElement[]): string {
  return path.reduce<string>((text, element) => {
    if (typeof element === "number") return `${text}[${element}]`;
    if (/[."[\]]/.test(element)) return `${text}${formatPath([element])}`;
    return text === "" ? element : `${text}.${element}`;
  }, "");
}

/** What a JSON merge patch (RFC 7386) from one to the other says: null for what goes, lists as a whole. */
function mergePatch(olds: PropertyMap, news: PropertyMap): PropertyMap {
  const patch: PropertyMap = {};
  for (const [key, value] of Object.entries(news)) {
    const old = olds[key];
    // To the plugin an unknown value is an object of its own, in place of which nothing stays.
    const inner = isUnknown(value) ? {} : value;
    if (isPlainObject(old) && isPlainObject(inner)) {
      const changes = mergePatch(old, inner);
      if (Object.keys(changes).length > 0) patch[key] = changes;
    } else if (old === undefined || !equal(old, value)) patch[key] = value;
  }
  for (const key of Object.keys(olds)) if (!Object.hasOwn(news, key)) patch[key] = null;
  return patch;
}

const at = (object: PropertyMap, key: string): Found =>
  Object.hasOwn(object, key) ? (object[key] as PropertyValue) : missing;
const asObject = (value: Found): PropertyMap => (value !== missing && isPlainObject(value) ? value : {});
const asArray = (value: Found): PropertyValue[] => (Array.isArray(value) ? value : []);

function mapChanges(
  path: readonly PathElement[],
  patch: PropertyMap,
  old: PropertyMap,
  news: PropertyMap,
  olds: PropertyMap,
  inArray: boolean,
): Change[] {
  // Within a list, which a merge patch replaces as a whole, what has gone is not in the patch.
  const gone = inArray ? Object.keys(old).filter((key) => !Object.hasOwn(patch, key)) : [];
  return [...Object.keys(patch), ...gone].flatMap((key) =>
    valueChanges([...path, key], patch[key] ?? null, at(old, key), at(news, key), at(olds, key), inArray),
  );
}

function valueChanges(
  path: readonly PathElement[],
  value: PropertyValue,
  old: Found,
  given: Found,
  before: Found,
  inArray: boolean,
): Change[] {
  if (given === missing && (value !== null || before === missing)) return [];
  const change = (kind: Change["kind"], inputDiff = false): Change[] => [{ path, kind, inputDiff, value }];
  if (value === null) return change("delete", true);
  if (old === missing) return change("add");
  if (isUnknown(value)) return change("update");
  if (isPlainObject(value))
    return isPlainObject(old)
      ? mapChanges(path, value, old, asObject(given), asObject(before), inArray)
      : change("update");
  if (Array.isArray(value))
    return Array.isArray(old) ? listChanges(path, value, old, asArray(given), asArray(before)) : change("update");
  return value === old ? [] : change("update");
}

function listChanges(
  path: readonly PathElement[],
  list: readonly PropertyValue[],
  old: readonly PropertyValue[],
  news: readonly PropertyValue[],
  olds: readonly PropertyValue[],
): Change[] {
  return Array.from({ length: Math.max(list.length, old.length) }).flatMap((_, index) =>
    valueChanges(
      [...path, index],
      list[index] ?? null,
      index < old.length ? (old[index] as PropertyValue) : missing,
      news[index] ?? null,
      olds[index] ?? null,
      true,
    ),
  );
}
