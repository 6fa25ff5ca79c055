import { parseDocument, Scalar } from "yaml";

/**
 * How another value is written in a scalar's place: with the same quotes, unless it needs some.
 *
 * @returns null when the scalar spans several lines, which is not rewritten
 */
export function scalarSource(node: Scalar, value: string): string | null {
  if (node.srcToken === undefined || !("source" in node.srcToken) || node.srcToken.source.includes("\n")) return null;
  switch (node.type) {
    case Scalar.PLAIN:
      return plainOrQuoted(value);
    case Scalar.QUOTE_SINGLE:
      return `'${value.replaceAll("'", "''")}'`;
    case Scalar.QUOTE_DOUBLE:
      return JSON.stringify(value);
    default:
      return null;
  }
}

/** A text as a plain scalar where that reads as this very text, anywhere in a block mapping; else in double quotes. */
export function plainOrQuoted(value: string): string {
  const document = parseDocument(`- ${value}\n`, { version: "1.1", logLevel: "silent" });
  const item: unknown = document.getIn([0], true);
  const isText = item instanceof Scalar && item.type === Scalar.PLAIN && item.value === value && !item.comment;
  return isText && document.errors.length === 0 && !value.includes("\n") ? value : JSON.stringify(value);
}
