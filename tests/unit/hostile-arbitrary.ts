import fc from "fast-check";

/** What somebody types, pastes or sends who wishes no good. */
export const hostileText = fc.oneof(
  fc.constantFrom("", " ", "$(touch pwned)", "`touch pwned`", "'; touch pwned; '", '"; touch pwned; "', "a\nb\r\nc"),
  fc.constantFrom("\0", "a\0b", "../../etc/passwd", "/etc/passwd", "..", "{version}", "%s%n", "\ud800", "\u202e"),
  fc.constantFrom("__proto__", "constructor", "1e999", "-0", "&a *a", "!!js/function x", "<<: *x"),
  fc.constant("x".repeat(1_000_000)),
  fc.string({ unit: "binary", maxLength: 20 }),
);

export const hostileValue = fc.oneof(
  hostileText,
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(null, true, -1, 1e308, [], {}, [[[]]], { __proto__: null }),
);

/** Every place in a document, as a path of keys. */
function placesIn(value: unknown, path: readonly string[] = []): string[][] {
  const inner = typeof value === "object" && value !== null ? Object.entries(value) : [];
  return [[...path], ...inner.flatMap(([key, each]) => placesIn(each, [...path, key]))];
}

function changed(value: unknown, [key, ...path]: readonly string[], now: unknown): unknown {
  if (key === undefined) return now;
  const copy = structuredClone(value) as Record<string, unknown>;
  const inner = changed(copy[key], path, now);
  if (inner === undefined) Reflect.deleteProperty(copy, key);
  else copy[key] = inner;
  return copy;
}

/** A document like this one, in which one to three places are something else or gone. */
export function spoilt(document: object): fc.Arbitrary<unknown> {
  const places = placesIn(document);
  const change = fc.tuple(fc.constantFrom(...places), fc.oneof(hostileValue, fc.constant(undefined)));
  return fc.array(change, { minLength: 1, maxLength: 3 }).map((changes) =>
    changes.reduce<unknown>((now, [place, value]) => {
      const isThere = placesIn(now).some((each) => each.join("\0") === place.join("\0"));
      return isThere ? changed(now, place, value) : now;
    }, document),
  );
}
