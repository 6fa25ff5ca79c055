import { providerUrn } from "../state/resource";

type Json = Record<string, unknown>;
type Test = (value: unknown) => boolean;

const isObject: Test = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isText: Test = (value) => typeof value === "string";
const isFlag: Test = (value) => typeof value === "boolean";
const isTexts: Test = (value) => Array.isArray(value) && value.every(isText);
const isMapOf =
  (test: Test): Test =>
  (value) =>
    isObject(value) && Object.values(value as Json).every(test);

/** What the engine relies on of a resource; what it does not know may be anything. */
const resourceKeys: Record<string, Test> = {
  urn: (value) => isText(value) && /^urn:pulumi:[^:]+::[^:]+::.+::.+$/s.test(value as string),
  type: isText,
  custom: isFlag,
  id: isText,
  inputs: isObject,
  outputs: isObject,
  parent: isText,
  provider: (value) => value === "" || (isText(value) && providerUrn(value as string).startsWith("urn:pulumi:")),
  dependencies: isTexts,
  propertyDependencies: isMapOf((urns) => urns === null || isTexts(urns)),
  deletedWith: isText,
  additionalSecretOutputs: isTexts,
  ignoreChanges: isTexts,
  replaceOnChanges: isTexts,
  initErrors: isTexts,
  customTimeouts: isMapOf((value) => typeof value === "number"),
  ...{
    delete: isFlag,
    protect: isFlag,
    taint: isFlag,
    external: isFlag,
    retainOnDelete: isFlag,
    pendingReplacement: isFlag,
  },
};
const needed = ["urn", "type", "custom"];
const operations = ["creating", "updating", "deleting", "reading", "importing"];

function faultOfResource(resource: unknown, where: string): string | undefined {
  if (!isObject(resource)) return `${where} is not a resource`;
  const state = resource as Json;
  for (const [key, test] of Object.entries(resourceKeys)) {
    const value = state[key];
    if (value === undefined ? needed.includes(key) : !(value === null && !needed.includes(key)) && !test(value))
      return `${where} has a '${key}' that cannot be one`;
  }
  return undefined;
}

interface Reference {
  urn: string;
  parent?: string;
  provider?: string;
  dependencies?: string[];
  delete?: boolean;
}

/** References lead to something before them, and only what waits for its deletion shares its URN with another. */
function faultOfOrder(resources: readonly Reference[]): string | undefined {
  const seen = new Set<string>();
  const live = new Set<string>();
  for (const { urn, parent, provider, dependencies, delete: isGoing } of resources) {
    const needs = [parent, provider && providerUrn(provider), ...(dependencies ?? [])];
    const missing = needs.find((name) => name && !seen.has(name));
    if (missing) return `${urn} refers to ${missing}, which is not there before it`;
    if (!isGoing && live.has(urn)) return `${urn} is there twice`;
    if (!isGoing) live.add(urn);
    seen.add(urn);
  }
  return undefined;
}

/** What is wrong with a checkpoint, in words; undefined when it can be relied on. */
export function faultOf(checkpoint: unknown): string | undefined {
  if (!isObject(checkpoint) || typeof (checkpoint as Json).version !== "number") return "it is not a checkpoint";
  const { checkpoint: inner, features } = checkpoint as Json;
  if (!isObject(inner) || !isText((inner as Json).stack)) return "it names no stack";
  if (features !== undefined && !isTexts(features)) return "its features are not a list";
  const latest = (inner as Json).latest ?? {};
  if (!isObject(latest)) return "its deployment is not an object";
  const { resources = [], pending_operations: pending = [], secrets_providers: secrets, manifest } = latest as Json;
  if (!Array.isArray(resources)) return "its resources are not a list";
  if (!Array.isArray(pending)) return "its pending operations are not a list";
  if (manifest !== undefined && !isObject(manifest)) return "its manifest is not an object";
  if (secrets !== undefined && !isSecretsProvider(secrets)) return "its secrets provider cannot be one";
  for (const [index, resource] of resources.entries()) {
    const fault = faultOfResource(resource, `resource ${index + 1}`);
    if (fault) return fault;
  }
  for (const [index, operation] of (pending as unknown[]).entries()) {
    const { resource, type } = isObject(operation) ? (operation as Json) : {};
    if (!operations.includes(type as string)) return `pending operation ${index + 1} is not one`;
    const fault = faultOfResource(resource, `pending operation ${index + 1}`);
    if (fault) return fault;
  }
  return faultOfOrder(resources as Reference[]);
}

function isSecretsProvider(value: unknown): boolean {
  if (!isObject(value) || !isText((value as Json).type)) return false;
  const { state } = value as Json;
  return (
    state === undefined || (isObject(state) && ((state as Json).salt === undefined || isText((state as Json).salt)))
  );
}
