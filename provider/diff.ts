import { isDeepStrictEqual } from "node:util";

import type { Properties } from "./codec";

export type ChangeKind = "add" | "delete" | "update";

/** One changed place: a property path such as `revisions[0].sql[2]`. */
export interface Change {
  readonly path: string;
  readonly kind: ChangeKind;
}

/**
 * Every place in which two property objects differ, as deep as both sides have the same shape: an array of lines gives
 * a change per line.
 */
export function changesBetween(old: Properties, now: Properties): Change[] {
  return compareObjects(old, now, (key) => key);
}

function compareObjects(old: Properties, now: Properties, pathOf: (key: string) => string): Change[] {
  const keys = [...new Set([...Object.keys(old), ...Object.keys(now)])];
  // Own keys only: every object inherits a 'constructor'.
  const get = (from: Properties, key: string) => (Object.hasOwn(from, key) ? from[key] : undefined);
  return keys.flatMap((key) => compareValues(get(old, key), get(now, key), pathOf(key)));
}

function compareValues(old: unknown, now: unknown, path: string): Change[] {
  if (isDeepStrictEqual(old, now)) return [];
  if (old === undefined) return [{ path, kind: "add" }];
  if (now === undefined) return [{ path, kind: "delete" }];
  if (Array.isArray(old) && Array.isArray(now))
    return compareObjects({ ...old }, { ...now }, (index) => `${path}[${index}]`);
  if (isObject(old) && isObject(now)) return compareObjects(old, now, (key) => `${path}${segment(key)}`);
  return [{ path, kind: "update" }];
}

function isObject(value: unknown): value is Properties {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function segment(key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}
