import { Struct } from "google-protobuf/google/protobuf/struct_pb";

import { parseUrn } from "../state/urn";
import { omit } from "./omit";
import {
  isObject,
  isUnknown,
  mapValue,
  normaliseOutputs,
  type PropertyMap,
  type PropertyValue,
  resourceSignature,
  signatureKey,
} from "./value";

const isReference = (value: PropertyValue): value is PropertyMap =>
  isObject(value) && value[signatureKey] === resourceSignature;

/** A reference to a resource as the state keeps it. */
function kept(value: PropertyValue): PropertyValue {
  if (!isReference(value)) return value;
  const { urn = "", id, packageVersion = "" } = value;
  const reference: PropertyMap = { [signatureKey]: resourceSignature, packageVersion, urn };
  if (id !== undefined) reference.id = isUnknown(id) ? "" : id;
  return reference;
}

/** The same as it travels. */
function sent(value: PropertyValue): PropertyValue {
  if (!isReference(value)) return value;
  const { type, name } = parseUrn(value.urn as string);
  return { ...(value.packageVersion === "" ? omit(value, "packageVersion") : value), type, name };
}

/** Reads properties off the wire. */
export function fromStruct(struct: Struct | undefined): PropertyMap {
  return struct ? (mapValue(normaliseOutputs(struct.toJavaScript()), kept) as PropertyMap) : {};
}

/** Writes properties to the wire. */
export function toStruct(properties: PropertyMap): Struct {
  return Struct.fromJavaScript(mapValue(properties, sent) as PropertyMap);
}

/** One value off the wire (protobuf's Value has no better reader). */
export function fromValue(value: { toJavaScript(): unknown } | undefined): PropertyValue | undefined {
  return value === undefined ? undefined : normaliseOutputs(value.toJavaScript() as PropertyValue);
}
