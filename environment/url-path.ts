/** Scheme and host, or a `${REFERENCE}` that holds them; then the path; then query and fragment. */
const url = /^([A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?#]*|\$\{[A-Za-z_]\w*\})([^?#]*)([?#].*)?$/s;

function partsOf(value: string): { quote: string; origin: string; path: string; rest: string } {
  const [, quote = "", inner = ""] = /^(["']?)(.*)\1$/s.exec(value) ?? [];
  const [, origin = "", path = "", rest = ""] = url.exec(inner) ?? [];
  return { quote, origin, path, rest };
}

/** Whether a value, with or without quotes, is a URL whose path ends so. */
export function pathEndsIn(value: string, ending: string): boolean {
  return partsOf(value).path.endsWith(ending);
}

/**
 * A URL with another ending of its path; quotes, query and fragment stay.
 *
 * @returns null when the value is no URL or its path does not end in `from`
 */
export function withPathEnding(value: string, from: string, to: string): string | null {
  const { quote, origin, path, rest } = partsOf(value);
  if (!path.endsWith(from)) return null;
  return quote + origin + path.slice(0, path.length - from.length) + to + rest + quote;
}
