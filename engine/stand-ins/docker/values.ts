import type { PropertyValue } from "../../property/value";

/** A text or a number as text; nothing, or anything else, is the empty text. */
export const textOf = (value: PropertyValue | undefined): string =>
  typeof value === "string" || typeof value === "number" ? String(value) : "";

/** Whether a value is what an absent one means to the engine: empty, zero or off. */
export const saysNothing = (value: PropertyValue | undefined): boolean =>
  value == null ||
  value === "" ||
  value === 0 ||
  value === false ||
  (typeof value === "object" && Object.keys(value).length === 0);
