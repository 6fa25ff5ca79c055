import type { EnvironmentChange } from "../releases/release";
import { soundsSecret } from "./describe";

/** Which of the two objects of a Kubernetes installation holds a variable. */
export type Home = "configMap" | "secret";

/**
 * Where each variable belongs: where it is or was, else where the one is that it came from. A new one belongs into the
 * Secret when its name sounds like one.
 *
 * @param keys - every variable that is set
 * @param known - the homes of those that are or were there
 * @param changes - of all releases
 * @param hasSecret - whether there is a Secret
 */
export function homesOf(
  keys: readonly string[],
  known: ReadonlyMap<string, Home>,
  changes: readonly EnvironmentChange[],
  hasSecret: boolean,
): Map<string, Home> {
  const origin = (key: string): Home | undefined => {
    const sources = changes.flatMap((change): (string | undefined)[] => {
      if (change.kind === "add" && change.key === key) return [change.from];
      if (change.kind === "rename" && change.to === key) return [change.key];
      return change.kind === "rename" && change.key === key ? [change.to] : [];
    });
    return sources.flatMap((source) => (source === undefined ? [] : (known.get(source) ?? []))).at(0);
  };
  const fresh = (key: string): Home => (hasSecret && soundsSecret(key) ? "secret" : "configMap");
  return new Map(keys.map((key) => [key, known.get(key) ?? origin(key) ?? fresh(key)]));
}
