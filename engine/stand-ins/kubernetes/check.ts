import { createHash } from "node:crypto";

import type { CheckRequest, CheckResult } from "../../plugins/provider";
import { isPlainObject, isUnknown, type PropertyMap, unwrapSecrets } from "../../property/value";
import { markSecrets } from "./checkpoint";
import { kindOf } from "./kinds";
import { annotationOf, annotations, memberOf, metadataText, withMetadata } from "./metadata";
import { normalInputs } from "./normal";

type Failure = CheckResult["failures"][number];

/** What only the plugin can do, by annotation. */
const refused = [annotations.waitFor, annotations.replaceUnready];

/**
 * Checks what a program says of an object, and fills in what it leaves to the provider: a name, and the namespace.
 *
 * @param defaultNamespace - asked for only when it is needed
 */
export async function checkObject(
  request: CheckRequest,
  defaultNamespace: () => Promise<string>,
): Promise<CheckResult> {
  const { namespaced, apiVersion, kind } = kindOf(request.type);
  const olds = unwrapSecrets(request.olds) as PropertyMap;
  let inputs = normalInputs(unwrapSecrets(request.news) as PropertyMap);
  const failures = failuresOf(request.news, inputs, { apiVersion, kind });
  inputs = named(request, olds, inputs);
  // As with the plugin, one that is not known yet is taken for the provider's.
  const isUnnamed = metadataText(inputs, "namespace") === "" || isUnknown(memberOf(inputs, "metadata", "namespace"));
  if (namespaced && isUnnamed && !isUnknown(inputs.metadata))
    inputs = withMetadata(inputs, { namespace: await defaultNamespace() });
  return { inputs: markSecrets(inputs, request.news), failures };
}

function failuresOf(news: PropertyMap, inputs: PropertyMap, expected: { apiVersion: string; kind: string }): Failure[] {
  const failures: Failure[] = [];
  for (const key of ["apiVersion", "kind"] as const)
    if (!isUnknown(inputs[key]) && inputs[key] !== expected[key])
      failures.push({
        property: key,
        reason: `'${expected[key]}' is expected, not ${JSON.stringify(inputs[key] ?? null)}`,
      });
  if (metadataText(inputs, "generateName") !== "" && metadataText(inputs, "name") === "")
    failures.push({
      property: "metadata.generateName",
      reason: "the `.metadata.generateName` field is not supported in Server-Side Apply mode",
    });
  for (const name of refused)
    if (annotationOf(news, name) !== "")
      failures.push({
        property: `metadata.annotations["${name}"]`,
        reason: `the standalone engine does not implement '${name}'. Install pulumi-resource-kubernetes, or use the Pulumi CLI.`,
      });
  return failures;
}

/** One that the program does not name keeps the name that it was given, else gets one. */
function named({ name, urn, randomSeed }: CheckRequest, olds: PropertyMap, inputs: PropertyMap): PropertyMap {
  const given = memberOf(inputs, "metadata", "name");
  if (isUnknown(inputs.metadata) || (given != null && given !== "") || metadataText(inputs, "generateName") !== "")
    return inputs;
  const kept = annotationOf(olds, annotations.autonamed) === "true" ? metadataText(olds, "name") : "";
  if (Object.keys(olds).length > 0 && kept === "") return inputs;
  const own = memberOf(inputs, "metadata", "annotations");
  return withMetadata(inputs, {
    name: kept || `${name}-${suffix(randomSeed ?? Buffer.from(urn))}`,
    annotations: { ...(isPlainObject(own) ? own : {}), [annotations.autonamed]: "true" },
  });
}

/** Eight digits. */
export const suffix = (seed: Buffer): string => createHash("sha256").update(seed).digest("hex").slice(0, 8);
