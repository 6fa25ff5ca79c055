import { Struct } from "google-protobuf/google/protobuf/struct_pb";

/** A JSON object as it travels between engine and provider. */
export type Properties = Record<string, unknown>;

// Keys and values that Pulumi's wire format reserves: sdk/go/common/resource/plugin/rpc.go.
const signatureKey = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";
const unknownValue = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** Properties in clear; secrets are unwrapped. Unknown values stay the sentinel text. */
export function decodeProperties(struct: Struct | undefined): Properties {
  return unwrap(struct?.toJavaScript() ?? {}) as Properties;
}

/** Properties for the wire; undefined is dropped. */
export function encodeProperties(properties: Properties): Struct {
  return Struct.fromJavaScript(JSON.parse(JSON.stringify(properties)) as Parameters<typeof Struct.fromJavaScript>[0]);
}

/** A value that the engine is to keep encrypted, and to show to nobody. */
export function secret(value: unknown): unknown {
  return { [signatureKey]: secretSignature, value };
}

/** A value that only the run itself will tell. */
export const unknown = unknownValue;

/** Whether a value, or anything in it, is not known yet. */
export function hasUnknown(value: unknown): boolean {
  if (value === unknownValue) return true;
  return typeof value === "object" && value !== null && Object.values(value).some(hasUnknown);
}

function unwrap(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unwrap);
  if (typeof value !== "object" || value === null) return value;
  const object = value as Properties;
  if (object[signatureKey] === secretSignature) return unwrap(object.value);
  return Object.fromEntries(Object.entries(object).map(([key, inner]) => [key, unwrap(inner)]));
}
