import { omit } from "../../property/omit";
import { containsUnknowns, isPlainObject, type PropertyMap, type PropertyValue } from "../../property/value";
import { canonicalQuantity } from "./quantity";

/** Metadata that only the server writes. */
const serverMetadata = new Set([
  ...["creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation", "managedFields"],
  ...["resourceVersion", "uid"],
]);

/** Objects whose keys are the operator's, and whose values are texts. */
const texts = new Set([
  ...["data", "stringData", "binaryData", "labels", "annotations", "matchLabels", "nodeSelector", "parameters"],
]);
/** Objects whose values are amounts. */
const amounts = new Set(["limits", "requests", "capacity", "hard", "overhead"]);
const amount = new Set(["sizeLimit", "divisor"]);

/** Properties for which false, 0 or the empty text is not the same as nothing. */
const tellingZeros = new Set([
  ...["optional", "runAsNonRoot", "allowPrivilegeEscalation", "privileged", "readOnlyRootFilesystem", "immutable"],
  ...["automountServiceAccountToken", "shareProcessNamespace", "enableServiceLinks", "hostUsers", "setHostnameAsFQDN"],
  ...["allocateLoadBalancerNodePorts", "controller", "blockOwnerDeletion", "replicas", "revisionHistoryLimit"],
  ...["progressDeadlineSeconds", "terminationGracePeriodSeconds", "activeDeadlineSeconds", "defaultMode", "mode"],
  ...["fsGroup", "runAsUser", "runAsGroup", "tolerationSeconds", "expirationSeconds", "priority", "partition"],
  ...[
    "maxUnavailable",
    "maxSurge",
    "minAvailable",
    "targetPort",
    "port",
    "containerPort",
    "weight",
    "seconds",
    "start",
  ],
  ...["maxSkew", "minDomains", "storageClassName", "volumeMode", "appProtocol", "name", "key", "apiGroup"],
]);

/**
 * What a program says of an object, in the form in which the server keeps it: without what means nothing, amounts in their
 * canonical writing, a Secret's `stringData` as `data`. With unknown values in it, it stays as it is but for the server's own
 * metadata.
 */
export function normalInputs(inputs: PropertyMap): PropertyMap {
  const isWhole = !containsUnknowns(inputs);
  const normal = !isWhole
    ? { ...inputs }
    : (normalKinds[typeof inputs.kind === "string" ? inputs.kind : ""] ?? normalObject)(inputs);
  if (!isPlainObject(normal.metadata)) return normal;
  const metadata = Object.entries(normal.metadata).filter(([key]) => !serverMetadata.has(key));
  return { ...normal, metadata: Object.fromEntries(metadata) };
}

const normalKinds: Readonly<Record<string, (inputs: PropertyMap) => PropertyMap>> = {
  Secret: normalSecret,
  Service: normalService,
};

/** Its selector is an object of texts, unlike those of workloads. */
function normalService(inputs: PropertyMap): PropertyMap {
  const { spec, ...rest } = normalObject(inputs);
  if (!isPlainObject(spec)) return normalObject(inputs);
  const isEmpty = isPlainObject(spec.selector) && Object.keys(spec.selector).length === 0;
  return { ...rest, spec: isEmpty ? omit(spec, "selector") : spec };
}

/** Base64 as the server writes it: it decodes and encodes what it is given. */
function canonicalBase64(text: PropertyValue): PropertyValue {
  if (typeof text !== "string" || !/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(text)) return text;
  return Buffer.from(text, "base64").toString("base64");
}

function normalSecret(inputs: PropertyMap): PropertyMap {
  const { stringData, ...rest } = inputs;
  const data = isPlainObject(inputs.data) ? inputs.data : {};
  const plain = isPlainObject(stringData) ? Object.entries(stringData) : [];
  if (plain.length === 0 || !plain.every(([, value]) => typeof value === "string")) {
    const entries = Object.entries(data).map(([key, value]) => [key, canonicalBase64(value)]);
    return isPlainObject(inputs.data) ? { ...inputs, data: Object.fromEntries(entries) as PropertyMap } : inputs;
  }
  const encoded = plain.map(([key, value]) => [key, Buffer.from(value as string).toString("base64")]);
  return { ...rest, data: { ...data, ...(Object.fromEntries(encoded) as PropertyMap) } };
}

function normalObject(object: PropertyMap): PropertyMap {
  const entries = Object.entries(object)
    .map(([key, value]) => [key, normalValue(key, value)] as const)
    .filter(([key, value]) => !saysNothing(key, value));
  return Object.fromEntries(entries);
}

function normalValue(key: string, value: PropertyValue): PropertyValue {
  if (Array.isArray(value)) return value.map((item) => (isPlainObject(item) ? normalObject(item) : item));
  if (amount.has(key)) return canonicalAmount(value);
  if (!isPlainObject(value)) return value;
  if (amounts.has(key))
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, canonicalAmount(item)]));
  return isTexts(key, value) ? withoutNull(value) : normalObject(value);
}

/** To the server a text that is null is an empty one. */
const withoutNull = (value: PropertyMap): PropertyMap =>
  Object.fromEntries(Object.entries(value).map(([name, item]) => [name, item ?? ""]));

const canonicalAmount = (value: PropertyValue): PropertyValue =>
  typeof value === "string" || typeof value === "number" ? canonicalQuantity(String(value)) : value;

/** A Service's selector is an object of texts, a Deployment's is not. */
const isTexts = (key: string, value: PropertyMap): boolean =>
  texts.has(key) || (key === "selector" && Object.values(value).every((item) => typeof item === "string"));

function saysNothing(key: string, value: PropertyValue): boolean {
  if (value === null) return true;
  if (Array.isArray(value)) return value.length === 0 && key !== "containers";
  if (typeof value === "object") return Object.keys(value).length === 0 && (texts.has(key) || amounts.has(key));
  return (value === false || value === 0 || value === "") && !tellingZeros.has(key);
}
