import { createHash } from "node:crypto";

import type { CheckRequest, CheckResult } from "../../plugins/provider";
import { annotateSecrets } from "../../property/annotate-secrets";
import { isPlainObject, isUnknown, type PropertyMap, type PropertyValue, unwrapSecrets } from "../../property/value";
import { notImplemented, type Property, type Schema } from "./schema";

type Failure = CheckResult["failures"][number];

/** Which of an object's properties were filled in; the plugin keeps this in its inputs. */
export const defaultsKey = "__defaults";

/**
 * Checks what a program says of a resource, and fills in what it leaves to the provider, as the plugin does.
 *
 * @param named - whether a resource without a name gets one
 */
export function checkInputs(
  schema: Schema,
  { name, urn, olds, news, randomSeed }: CheckRequest,
  named: boolean,
): CheckResult {
  const failures: Failure[] = [];
  const given = { ...(unwrapSecrets(news) as PropertyMap) };
  const filled: string[] = [];
  if (named && given.name == null) {
    given.name = unwrapSecrets(olds.name ?? null) ?? `${name}-${suffix(randomSeed ?? Buffer.from(urn))}`;
    filled.push("name");
  }
  const inputs = checkObject(schema, given, name, failures, filled);
  return { inputs: annotateSecrets(inputs, news), failures };
}

const suffix = (seed: Buffer): string => createHash("sha256").update(seed).digest("hex").slice(0, 7);

function checkObject(
  schema: Schema,
  news: PropertyMap,
  path: string,
  failures: Failure[],
  filled: string[] = [],
): PropertyMap {
  const inputs: PropertyMap = {};
  for (const key of new Set([...Object.keys(schema), ...Object.keys(news)])) {
    const value = news[key] ?? undefined;
    const at = `${path}.${key}`;
    const property = schema[key];
    if (!property || property.outputOnly) {
      if (value !== undefined && !key.startsWith("__")) failures.push(refused(key, at));
    } else if (value !== undefined) inputs[key] = checkValue(property, value, at, failures);
    else if (property.required) failures.push(failure(`Missing required argument '${key}'`, at));
    // What is zero anyway is not written down.
    else if (property.fallback) {
      inputs[key] = property.fallback;
      filled.push(key);
    }
  }
  const sorted = Object.entries(inputs).toSorted(([left], [right]) => (left < right ? -1 : 1));
  return { [defaultsKey]: filled.toSorted(), ...Object.fromEntries(sorted) };
}

const failure = (reason: string, at: string): Failure => ({
  property: "",
  reason: `${reason}. Examine values at '${at}'.`,
});

const refused = (key: string, at: string): Failure =>
  notImplemented.has(key)
    ? failure(`The standalone engine's stand-in for @pulumi/docker does not implement '${key}'; its plugin does`, at)
    : failure("Invalid or unknown key", at);

function checkValue(property: Property, value: PropertyValue, at: string, failures: Failure[]): PropertyValue {
  if (isUnknown(value)) return value;
  const { type, of: members = {}, pattern } = property;
  const expected = (what: string): PropertyValue => {
    failures.push(failure(`expected ${what}`, at));
    return value;
  };
  switch (type) {
    case "string":
      if (typeof value === "object" || value === null) return expected("a string");
      if (pattern && !pattern.test(String(value)))
        failures.push(failure(`'${String(value)}' doesn't match the pattern '${pattern.source}'`, at));
      return String(value);
    case "int":
      return Number.isInteger(Number(value)) && value !== "" ? Number(value) : expected("a whole number");
    case "bool":
      if (value === "true" || value === "false") return value === "true";
      return typeof value === "boolean" ? value : expected("true or false");
    case "map":
      return isPlainObject(value) ? value : expected("a map of strings");
    case "object":
      return isPlainObject(value) ? checkObject(members, value, at, failures) : expected("an object");
    case "list":
    case "set":
      return Array.isArray(value) ? value : expected("a list");
    case "blocks":
    case "block set":
      if (!Array.isArray(value)) return expected("a list of objects");
      return value.map((item, index) => checkBlock(members, item, `${at}[${index}]`, failures));
  }
}

function checkBlock(schema: Schema, item: PropertyValue, at: string, failures: Failure[]): PropertyValue {
  if (isUnknown(item)) return item;
  if (isPlainObject(item)) return checkObject(schema, item, at, failures);
  failures.push(failure("expected an object", at));
  return item;
}
