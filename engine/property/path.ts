import { isPlainObject, isSecret, type PropertyMap, type PropertyValue } from "./value";

/** One step of a property path: a key, an index, or `*`. */
export type PathElement = string | number;

/** Reads `a.b[0]["c d"][*]`; undefined when it is not a property path. */
export function parsePath(text: string): PathElement[] | undefined {
  const path: PathElement[] = [];
  const element = /\[(\d+)\]|\[\*\]|\["((?:[^"\\]|\\.)*)"\]|\.?([^.[\]"]+)/gy;
  let end = 0;
  for (let match = element.exec(text); match; match = element.exec(text)) {
    end = element.lastIndex;
    if (match[1] !== undefined) path.push(Number(match[1]));
    else if (match[2] !== undefined) path.push(match[2].replace(/\\(.)/g, "$1"));
    else path.push(match[3] ?? "*");
  }
  return end === text.length && path.length > 0 ? path : undefined;
}

/** Whether `outer` names `inner` or something around it; `*` stands for any one element. */
export function contains(outer: PathElement[], inner: PathElement[]): boolean {
  return (
    outer.length <= inner.length &&
    outer.every((element, index) => element === "*" || String(element) === String(inner[index]))
  );
}

function child(value: PropertyValue | undefined, element: PathElement): PropertyValue | undefined {
  if (isSecret(value)) return child(value.value, element);
  if (Array.isArray(value)) return typeof element === "number" ? value[element] : undefined;
  return isPlainObject(value) ? value[String(element)] : undefined;
}

/** The value at a path without `*`. */
export function valueAt(value: PropertyValue | undefined, path: PathElement[]): PropertyValue | undefined {
  return path.reduce<PropertyValue | undefined>(child, value);
}

function keysOf(value: PropertyValue | undefined): PathElement[] {
  if (isSecret(value)) return keysOf(value.value);
  if (Array.isArray(value)) return value.map((_, index) => index);
  return isPlainObject(value) ? Object.keys(value) : [];
}

/** The new value with whatever stands at `path` reset to the old value; both sides' members are walked for `*`. */
function reset(
  news: PropertyValue | undefined,
  olds: PropertyValue | undefined,
  path: PathElement[],
): PropertyValue | undefined {
  const [element, ...rest] = path;
  if (element === undefined) return olds;
  if (isSecret(news)) {
    const inner = reset(news.value, olds, path);
    return inner === undefined ? undefined : { ...news, value: inner };
  }
  if (element === "*") {
    const keys = [...new Set([...keysOf(news), ...keysOf(olds)])];
    return keys.reduce<PropertyValue | undefined>((value, key) => reset(value, olds, [key, ...rest]), news);
  }
  const value = reset(child(news, element), child(olds, element), rest);
  if (Array.isArray(news) && typeof element === "number") {
    // An array is only reset in the elements that both sides have, or its length would change.
    return value === undefined || element >= news.length
      ? news
      : news.map((item, index) => (index === element ? value : item));
  }
  if (!isPlainObject(news)) return news;
  const copy = { ...news };
  if (value === undefined) delete copy[String(element)];
  else copy[String(element)] = value;
  return copy;
}

/** `ignoreChanges`: the new inputs with each of the paths as it was in the old inputs. */
export function withIgnored(news: PropertyMap, olds: PropertyMap, paths: string[]): PropertyMap {
  let result: PropertyValue | undefined = news;
  for (const path of paths) {
    const parsed = parsePath(path);
    if (parsed) result = reset(result, olds, parsed);
  }
  return isPlainObject(result) ? result : news;
}
