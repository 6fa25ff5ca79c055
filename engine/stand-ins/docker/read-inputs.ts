import { equal, isPlainObject, type PropertyMap, type PropertyValue } from "../../property/value";
import { defaultsKey } from "./check";
import { normal } from "./planned";
import type { Property, Schema } from "./schema";
import { saysNothing } from "./values";

/** An output as a program would write it. */
function asInput(property: Property, value: PropertyValue): PropertyValue {
  if (Array.isArray(value) && property.of) return value.map((item) => blockInput(property.of as Schema, item));
  return property.type === "object" && property.of ? blockInput(property.of, value) : value;
}

function blockInput(schema: Schema, item: PropertyValue): PropertyValue {
  if (!isPlainObject(item)) return item;
  const entries = Object.entries(item).filter(([key, value]) => !saysNothing(value) && value !== schema[key]?.fallback);
  return { [defaultsKey]: [], ...Object.fromEntries(entries) };
}

/**
 * A resource's inputs after a look at it: those whose outputs have changed become what was found, and those that are not
 * known any more go. Without inputs before, as for an import, they are all that a program would have to say.
 */
export function readInputs(schema: Schema, inputs: PropertyMap, outputs: PropertyMap): PropertyMap {
  const isImport = Object.keys(inputs).length === 0;
  const read: PropertyMap = {};
  const changed = new Set<string>();
  for (const [key, property] of Object.entries(schema)) {
    const output = outputs[key] ?? null;
    const before = inputs[key] ?? undefined;
    if (before !== undefined && equal(normal(property, before), normal(property, output))) read[key] = before;
    else if (before !== undefined) {
      changed.add(key);
      if (output !== null) read[key] = asInput(property, output);
    } else if (isImport && !property.outputOnly && !saysNothing(output) && !equal(output, property.fallback))
      read[key] = asInput(property, output);
  }
  const filled = Array.isArray(inputs[defaultsKey]) ? (inputs[defaultsKey] as string[]) : [];
  return { [defaultsKey]: filled.filter((key) => !changed.has(key)), ...read };
}
