/**
 * A text as a Python string literal over several lines, which Python reads as exactly that text.
 *
 * @param text - ends up between triple quotes
 */
export function pythonText(text: string): string {
  const escaped = text
    .replaceAll("\\", "\\\\")
    .replaceAll("\r", "\\r")
    .replaceAll("\0", "\\0")
    .replaceAll('"""', '\\"\\"\\"')
    .replace(/"$/, '\\"');
  return text.includes("\n") ? `"""\\\n${escaped}"""` : `"""${escaped}"""`;
}

/** A text as a Python string literal of one line. */
export function pythonString(text: string): string {
  return JSON.stringify(text);
}
