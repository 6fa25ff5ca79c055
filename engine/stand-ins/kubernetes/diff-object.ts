import type { DiffRequest, DiffResult } from "../../plugins/provider";
import { containsUnknowns, isUnknown, type PropertyMap, unwrapSecrets } from "../../property/value";
import { parseCheckpoint } from "./checkpoint";
import { diffObjects, pruned } from "./diff";
import { type Kind, kindOf } from "./kinds";
import { annotationOf, annotations, memberOf, metadataText, withMetadata } from "./metadata";
import { normalInputs } from "./normal";
import type { Settings } from "./settings";

/** What a program's inputs change of an object, as far as the state knows it; no server is asked. */
export function diffObject(
  { type, oldOutputs, news, ignoreChanges }: DiffRequest,
  settings: Pick<Settings, "enableConfigMapMutable" | "enableSecretMutable">,
): DiffResult {
  const kind = kindOf(type);
  const state = parseCheckpoint(oldOutputs);
  const given = normalInputs(unwrapSecrets(news) as PropertyMap);
  const shown = pruned(state.live, normalInputs(state.inputs));
  const olds = placed(kind, withoutVersion(shown, state.live, given));
  const wanted = placed(kind, given);
  const result = diffObjects(olds, wanted, replacingKeys(kind, wanted, settings), ignoreChanges);
  return { ...result, deleteBeforeReplace: result.replaceKeys.length > 0 && isSameName(wanted, state.live) };
}

/** The live object as it is compared: by its own name, at no version. */
function withoutVersion(shown: PropertyMap, live: PropertyMap, given: PropertyMap): PropertyMap {
  const changes: PropertyMap = metadataText(given, "name") === "" ? {} : { name: metadataText(live, "name") };
  return withMetadata(shown, { ...changes, resourceVersion: undefined });
}

/** No namespace is that of name `default`; what is in none has none. */
function placed(kind: Kind, object: PropertyMap): PropertyMap {
  const namespace = memberOf(object, "metadata", "namespace");
  if (isUnknown(object.metadata) || isUnknown(namespace)) return object;
  return withMetadata(object, {
    namespace: kind.namespaced ? metadataText(object, "namespace") || "default" : undefined,
  });
}

function replacingKeys(
  { kind, replacing }: Kind,
  wanted: PropertyMap,
  { enableConfigMapMutable, enableSecretMutable }: Pick<Settings, "enableConfigMapMutable" | "enableSecretMutable">,
): string[] {
  const identity = ["metadata.name", "metadata.namespace"];
  const isImmutable = wanted.immutable === true;
  if (kind === "Secret" && (!enableSecretMutable || isImmutable)) return [...identity, "type", "stringData", "data"];
  if (kind === "ConfigMap" && (!enableConfigMapMutable || isImmutable)) return [...identity, "binaryData", "data"];
  return [...identity, ...replacing];
}

/** The old one has to go first where the program gives the new one its name. */
function isSameName(wanted: PropertyMap, live: PropertyMap): boolean {
  const isNamed = metadataText(wanted, "name") !== "" && !containsUnknowns(memberOf(wanted, "metadata", "name"));
  return (
    isNamed &&
    annotationOf(wanted, annotations.autonamed) !== "true" &&
    metadataText(wanted, "name") === metadataText(live, "name") &&
    metadataText(wanted, "namespace") === metadataText(live, "namespace")
  );
}
