import { parsePath, type PathElement } from "./path";
import { isPlainObject, isSecret, makeSecret, type PropertyMap, type PropertyValue } from "./value";

type Value = PropertyValue | undefined;

/** A value without its secret markers, and whether anything around it was secret. */
function open(value: Value, secret: boolean): { value: Value; secret: boolean } {
  return isSecret(value) ? open(value.value, true) : { value, secret };
}

/**
 * `ignoreChanges`: the new inputs with each of the paths as it was in the old inputs, by Pulumi's own rules.
 *
 * @returns the inputs, and the paths that lead to elements which only one side has
 */
export function withIgnored(
  news: PropertyMap,
  olds: PropertyMap,
  paths: readonly string[],
): { inputs: PropertyMap; impossible: string[] } {
  if (paths.length === 0) return { inputs: news, impossible: [] };
  const inputs = structuredClone(news);
  const impossible = paths.filter((text) => {
    const path = parsePath(text);
    return path !== undefined && !reset(inputs, olds, path, false, false);
  });
  return { inputs, impossible };
}

/** Changes `news` in place; false where the path cannot be followed on both sides. */
function reset(
  news: Value,
  olds: Value,
  path: readonly PathElement[],
  newSecret: boolean,
  oldSecret: boolean,
): boolean {
  const [to, from] = [open(news, newSecret), open(olds, oldSecret)];
  const [element, ...rest] = path;
  if (element === undefined) return false;
  const kept = (value: PropertyValue): PropertyValue => (from.secret && !to.secret ? makeSecret(value) : value);
  const further = (left: Value, right: Value): boolean => reset(left, right, rest, to.secret, from.secret);
  if (element === "*") return resetAll(to.value, from.value, rest.length === 0 ? undefined : further, kept);
  if (typeof element === "number") {
    if (!Array.isArray(to.value) || !Array.isArray(from.value))
      return !Array.isArray(to.value) && !Array.isArray(from.value);
    const [left, right] = [to.value, from.value];
    if (element >= left.length && element >= right.length) return rest.length === 0;
    if (element >= left.length || element >= right.length) return false;
    if (rest.length > 0) return further(left[element], right[element]);
    left[element] = kept(right[element] as PropertyValue);
    return true;
  }
  const left = isPlainObject(to.value) ? to.value : undefined;
  const right = isPlainObject(from.value) ? from.value : undefined;
  if (rest.length > 0) {
    if (!left || !right) return !left && !right;
    if (element in right && !(element in left)) return false;
    return (!(element in right) && !(element in left)) || further(left[element], right[element]);
  }
  if (right && element in right) {
    if (left) left[element] = kept(right[element] as PropertyValue);
    return left !== undefined;
  }
  if (left) delete left[element];
  return true;
}

/** The same for every member; without `further` the members themselves are reset. */
function resetAll(
  news: Value,
  olds: Value,
  further: ((left: Value, right: Value) => boolean) | undefined,
  kept: (value: PropertyValue) => PropertyValue,
): boolean {
  if (Array.isArray(news) && Array.isArray(olds)) {
    for (let index = 0; index < Math.min(news.length, olds.length); index++) {
      if (further && !further(news[index], olds[index])) return false;
      if (!further) news[index] = kept(olds[index] as PropertyValue);
    }
    return news.length === olds.length;
  }
  if (!isPlainObject(news) || !isPlainObject(olds)) return !further && (Array.isArray(news) || isPlainObject(news));
  if (further) return Object.keys(olds).every((key) => key in news && further(news[key], olds[key]));
  for (const key of Object.keys(news)) if (!(key in olds)) delete news[key];
  for (const [key, value] of Object.entries(olds)) news[key] = kept(value);
  return true;
}
