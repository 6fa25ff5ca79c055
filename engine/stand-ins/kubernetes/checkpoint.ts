import { annotateSecrets } from "../../property/annotate-secrets";
import { omit } from "../../property/omit";
import { isPlainObject, makeSecret, type PropertyMap, unwrapSecrets } from "../../property/value";

const inputsKey = "__inputs";
const managerKey = "__fieldManager";
const versionKey = "__initialApiVersion";

/** What a state knows of an object. All values are plain. */
export interface Checkpoint {
  /** Inputs of the program that were applied last. */
  readonly inputs: PropertyMap;
  /** The object as the server returned it last. */
  readonly live: PropertyMap;
  /** Name under which it was applied; empty when the state does not say. */
  readonly fieldManager: string;
  readonly initialApiVersion: string;
}

/** Takes a resource's outputs apart. */
export function parseCheckpoint(outputs: PropertyMap): Checkpoint {
  const plain = unwrapSecrets(outputs) as PropertyMap;
  const text = (key: string) => (typeof plain[key] === "string" ? plain[key] : "");
  return {
    inputs: isPlainObject(plain[inputsKey]) ? plain[inputsKey] : {},
    live: omit(plain, inputsKey, managerKey, versionKey),
    fieldManager: text(managerKey),
    initialApiVersion: text(versionKey),
  };
}

/**
 * A resource's outputs: the live object, and what the next run has to know.
 *
 * @param marked - the program's inputs with their secrets marked
 */
export function checkpoint(
  { inputs, live, fieldManager, initialApiVersion }: Checkpoint,
  marked: PropertyMap,
): PropertyMap {
  return {
    ...markSecrets(live, marked),
    [inputsKey]: markSecrets(inputs, marked),
    [versionKey]: initialApiVersion,
    [managerKey]: fieldManager,
  };
}

/** Marks what is secret in the program's inputs; of a Secret, its whole data, whatever the program says. */
export function markSecrets(object: PropertyMap, marked: PropertyMap): PropertyMap {
  if (object.kind !== "Secret") return annotateSecrets(object, marked);
  const entries = Object.entries(object).map(([key, value]) =>
    key === "data" || key === "stringData" ? ([key, makeSecret(value)] as const) : ([key, value] as const),
  );
  return Object.fromEntries(entries);
}
