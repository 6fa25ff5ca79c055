import { containsSecrets, isPlainObject, isSecret, makeSecret, type PropertyMap } from "./value";

/**
 * What a provider answered that knows no secrets, with those of its question marked again: a property that was secret is
 * secret, and so is a whole array of which anything was.
 *
 * Source: annotateSecrets in sdk/go/common/resource/plugin/provider_plugin.go.
 */
export function annotateSecrets(answer: PropertyMap, question: PropertyMap): PropertyMap {
  const entries = Object.entries(answer).map(([key, value]) => {
    const asked = Object.hasOwn(question, key) ? question[key] : undefined;
    if (isSecret(asked) || (Array.isArray(asked) && containsSecrets(asked))) return [key, makeSecret(value)] as const;
    if (isPlainObject(asked) && isPlainObject(value)) return [key, annotateSecrets(value, asked)] as const;
    return [key, value] as const;
  });
  return Object.fromEntries(entries);
}
