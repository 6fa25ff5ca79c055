import { Struct } from "google-protobuf/google/protobuf/struct_pb";

import { normaliseOutputs, type PropertyMap, type PropertyValue } from "./value";

/** Reads properties off the wire. */
export function fromStruct(struct: Struct | undefined): PropertyMap {
  return struct ? (normaliseOutputs(struct.toJavaScript()) as PropertyMap) : {};
}

/** Writes properties to the wire. */
export function toStruct(properties: PropertyMap): Struct {
  return Struct.fromJavaScript(properties);
}

/** One value off the wire (protobuf's Value has no better reader). */
export function fromValue(value: { toJavaScript(): unknown } | undefined): PropertyValue | undefined {
  return value === undefined ? undefined : normaliseOutputs(value.toJavaScript() as PropertyValue);
}
