import { isPlainObject, isSecret, type PropertyValue } from "./value";

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

/** A property path as text that `parsePath` reads. */
export function formatPath(path: readonly PathElement[]): string {
  return path.reduce<string>((text, element) => {
    if (typeof element === "number") return `${text}[${element}]`;
    if (/^[A-Za-z_$][\w$]*$/.test(element)) return text === "" ? element : `${text}.${element}`;
    return `${text}["${element.replace(/["\\]/g, "\\$&")}"]`;
  }, "");
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
