import type { Secrets } from "../config/secrets";
import { OperatorError } from "../errors";
import {
  isObject,
  isSecret,
  makeSecret,
  mapValue,
  type PropertyMap,
  type PropertyValue,
  secretSignature,
  signatureKey,
  unwrapSecrets,
} from "../property/value";
import { resourceKeys, type ResourceState } from "./resource";

const floatSignature = "8ad145fe-0d11-4827-bfd7-1abcbf086f5c";
const propertyKeys = ["inputs", "outputs"] as const;
type Json = Record<string, unknown>;

/** How secrets leave the state: encrypted (the file), in plain text (`--show-secrets`), or as `[secret]`. */
export type SecretStyle = "ciphertext" | "plaintext" | "masked";

/** JSON of a value with sorted keys, as Go writes maps. */
function sortedJson(value: PropertyValue): string {
  return JSON.stringify(sortKeys(value));
}

function sortKeys(value: PropertyValue): PropertyValue {
  return mapValue(value, (item) => {
    if (!isObject(item)) return item;
    const sorted: PropertyMap = {};
    for (const key of Object.keys(item).sort()) sorted[key] = item[key] as PropertyValue;
    return sorted;
  });
}

function encodeFloat(value: number): PropertyMap {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return { [signatureKey]: floatSignature, value: bytes.toString("hex") };
}

/**
 * Reads and writes resources of a checkpoint. A secret whose plain text did not change keeps its ciphertext, and a resource
 * that did not change its JSON.
 */
export class StateCodec {
  readonly #secrets: Secrets | undefined;
  readonly #ciphertexts = new Map<string, string>();
  readonly #written = new WeakMap<ResourceState, string>();

  constructor(secrets: Secrets | undefined) {
    this.#secrets = secrets;
  }

  /** A resource as it stands in the file, with its secrets decrypted. */
  decode(json: Json): ResourceState {
    const state = { ...json } as Json & ResourceState;
    for (const key of propertyKeys) {
      const properties = json[key] as PropertyMap | undefined;
      if (properties) Object.assign(state, { [key]: this.#decodeValue(properties, `${String(json.urn)}#${key}`) });
    }
    return state;
  }

  /** A resource as JSON text, its secrets encrypted. */
  encode(state: ResourceState): string {
    let text = this.#written.get(state);
    if (text === undefined) {
      text = JSON.stringify(this.encodeJson(state, "ciphertext"));
      this.#written.set(state, text);
    }
    return text;
  }

  /** A resource as Pulumi's JSON object. */
  encodeJson(state: ResourceState, style: SecretStyle): Json {
    const source = state as ResourceState & Json;
    const json: Json = {};
    for (const key of [
      ...resourceKeys,
      ...Object.keys(source).filter((name) => !resourceKeys.includes(name as never)),
    ]) {
      const value = source[key];
      if (isAbsent(value) && key !== "custom") continue;
      json[key] = this.#encodeKey(state.urn, key, value, style);
    }
    return json;
  }

  #encodeKey(urn: string, key: string, value: unknown, style: SecretStyle): unknown {
    if (key === "inputs" || key === "outputs") return this.encodeValue(value as PropertyMap, style, `${urn}#${key}`);
    if (key !== "propertyDependencies") return value;
    const dependencies = value as Record<string, string[]>;
    return Object.fromEntries(
      Object.keys(dependencies)
        .sort()
        .map((name) => [name, dependencies[name]]),
    );
  }

  /** A value as the state's JSON; `where` tells equal secrets in different places apart. */
  encodeValue(value: PropertyValue, style: SecretStyle, where: string): PropertyValue {
    if (typeof value === "number") return Number.isFinite(value) ? value : encodeFloat(value);
    if (Array.isArray(value)) return value.map((item, index) => this.encodeValue(item, style, `${where}[${index}]`));
    if (!isObject(value)) return value;
    if (isSecret(value)) return this.#encodeSecret(value.value, style, where);
    const encoded: PropertyMap = {};
    for (const key of Object.keys(value).sort()) {
      encoded[key] = this.encodeValue(value[key] as PropertyValue, style, `${where}.${key}`);
    }
    return encoded;
  }

  #encodeSecret(value: PropertyValue, style: SecretStyle, where: string): PropertyValue {
    if (style === "masked") return "[secret]";
    const plaintext = sortedJson(unwrapSecrets(value));
    if (style === "plaintext") return { [signatureKey]: secretSignature, plaintext };
    const cached = `${where}\0${plaintext}`;
    let ciphertext = this.#ciphertexts.get(cached);
    if (ciphertext === undefined) {
      if (!this.#secrets) throw new OperatorError("the state has secrets, but this stack has no secrets provider");
      ciphertext = this.#secrets.encrypt(plaintext);
      this.#ciphertexts.set(cached, ciphertext);
    }
    return { [signatureKey]: secretSignature, ciphertext };
  }

  #decodeValue(value: PropertyValue, where: string): PropertyValue {
    if (Array.isArray(value)) return value.map((item, index) => this.#decodeValue(item, `${where}[${index}]`));
    if (!isObject(value)) return value;
    if (value[signatureKey] === floatSignature) return decodeFloat(value.value, where);
    if (isSecret(value)) return makeSecret(this.#decodeSecret(value, where));
    const decoded: PropertyMap = {};
    for (const key of Object.keys(value))
      decoded[key] = this.#decodeValue(value[key] as PropertyValue, `${where}.${key}`);
    return decoded;
  }

  #decodeSecret(value: PropertyMap, where: string): PropertyValue {
    if (typeof value.plaintext === "string") return parseSecret(value.plaintext, where);
    const ciphertext = value.ciphertext;
    if (typeof ciphertext !== "string") throw new OperatorError(`the state's secret at ${where} has no ciphertext`);
    if (!this.#secrets) throw new OperatorError("the state has secrets, but names no secrets provider");
    let plaintext: string;
    try {
      plaintext = this.#secrets.decrypt(ciphertext);
    } catch {
      throw new OperatorError(`the state's secret at ${where} cannot be decrypted with this stack's passphrase`);
    }
    this.#ciphertexts.set(`${where}\0${plaintext}`, ciphertext);
    return parseSecret(plaintext, where);
  }
}

function parseSecret(plaintext: string, where: string): PropertyValue {
  try {
    return JSON.parse(plaintext) as PropertyValue;
  } catch {
    throw new OperatorError(`the state's secret at ${where} is not the JSON of a value`);
  }
}

function decodeFloat(value: PropertyValue | undefined, where: string): number {
  if (typeof value !== "string" || !/^[0-9a-f]{16}$/.test(value))
    throw new OperatorError(`the state's number at ${where} cannot be one`);
  return Buffer.from(value, "hex").readDoubleBE();
}

function isAbsent(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === "") return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === "object" && Object.keys(value).length === 0;
}
