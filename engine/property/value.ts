/**
 * Property values are kept in memory as they travel: JSON, where a secret, a resource reference or an asset is an object
 * with a signature key, and an unknown value is a certain string.
 */
export type PropertyValue = null | boolean | number | string | PropertyValue[] | PropertyMap;

/** The properties of a resource by name. */
export interface PropertyMap {
  [key: string]: PropertyValue;
}

export const signatureKey = "4dabf18193072939515e22adb298388d";
export const secretSignature = "1b47061264138c4ac30d75fd1eb44270";
export const outputSignature = "d0e6a833031e9bbcd3f4e8bde6ca49a4";
export const resourceSignature = "5cf8f73096256a8f31e491e813e4eb8e";
export const unknownValue = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

const unknownValues = new Set([
  unknownValue,
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "030794c1-ac77-496b-92df-f27374a8bd58",
  "e48ece36-62e2-4504-bad9-02848725956a",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]);

/** A value that must not be shown. */
export interface SecretValue extends PropertyMap {
  value: PropertyValue;
}

export function isObject(value: PropertyValue | undefined): value is PropertyMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isSecret(value: PropertyValue | undefined): value is SecretValue {
  return isObject(value) && value[signatureKey] === secretSignature;
}

export function isUnknown(value: PropertyValue | undefined): boolean {
  return typeof value === "string" && unknownValues.has(value);
}

/** An object without a signature: its keys are properties. */
export function isPlainObject(value: PropertyValue | undefined): value is PropertyMap {
  return isObject(value) && !(signatureKey in value);
}

/** Marks a value as secret, once. */
export function makeSecret(value: PropertyValue): SecretValue {
  return isSecret(value) ? value : { [signatureKey]: secretSignature, value };
}

/** Rebuilds a value from its leaves up; `visit` sees each array and object after its members. */
export function mapValue(value: PropertyValue, visit: (value: PropertyValue) => PropertyValue): PropertyValue {
  if (Array.isArray(value)) return visit(value.map((item) => mapValue(item, visit)));
  if (!isObject(value)) return visit(value);
  const copy: PropertyMap = {};
  for (const key of Object.keys(value)) copy[key] = mapValue(value[key] as PropertyValue, visit);
  return visit(copy);
}

/** The value with no secret markers in it. */
export function unwrapSecrets(value: PropertyValue): PropertyValue {
  return mapValue(value, (item) => (isSecret(item) ? item.value : item));
}

/** Turns output values (`{value?, secret?, dependencies?}`) into what they mean to state: plain, secret or unknown. */
export function normaliseOutputs(value: PropertyValue): PropertyValue {
  return mapValue(value, (item) => {
    if (!isObject(item) || item[signatureKey] !== outputSignature) return item;
    const inner = item.value ?? unknownValue;
    return item.secret === true ? makeSecret(inner) : inner;
  });
}

function some(value: PropertyValue | undefined, test: (value: PropertyValue) => boolean): boolean {
  if (value === undefined) return false;
  if (test(value)) return true;
  if (Array.isArray(value)) return value.some((item) => some(item, test));
  return isObject(value) && Object.values(value).some((item) => some(item, test));
}

export const containsUnknowns = (value: PropertyValue | undefined): boolean => some(value, isUnknown);
export const containsSecrets = (value: PropertyValue | undefined): boolean => some(value, isSecret);

/** Deep equality. A secret equals only a secret; an object's key order does not matter. */
export function equal(left: PropertyValue | undefined, right: PropertyValue | undefined): boolean {
  if (left === right) return true;
  if (Array.isArray(left) || Array.isArray(right)) {
    return (
      Array.isArray(left) &&
      Array.isArray(right) &&
      left.length === right.length &&
      left.every((item, index) => equal(item, right[index]))
    );
  }
  if (!isObject(left) || !isObject(right)) return false;
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length && keys.every((key) => key in right && equal(left[key], right[key]));
}
