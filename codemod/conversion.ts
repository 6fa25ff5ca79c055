import type { SgNode } from "@ast-grep/napi";

import { made, type Node, type Span } from "./tree";

export type Converter = (node: SgNode) => Node;

/** What is particular to a language. */
export interface Grammar {
  /** What a node that only wraps an expression wraps; null for every other node. */
  readonly wrappedBy: (node: SgNode) => SgNode | null;
  /** How each kind of node that means something is converted. */
  readonly converters: () => Readonly<Record<string, Converter>>;
}

/** From a language's syntax tree to the one that is judged. */
export interface Conversion {
  readonly convert: Converter;
  /** A node of no meaning of its own, with what is in it. */
  readonly other: Converter;
  /** A node's field; where it has none, the node itself as one of no meaning. */
  readonly field: (node: SgNode, name: string) => Node;
}

/** Where a node stands in its file. */
export function spanOf(node: SgNode): Span {
  const { start, end } = node.range();
  return { start: start.index, end: end.index };
}

/** The children that mean something: neither punctuation nor comments. */
export function parts(node: SgNode): SgNode[] {
  return node.children().filter((child) => child.isNamed() && child.kind() !== "comment");
}

/** What all languages have in common. */
export function conversionOf({ wrappedBy, converters }: Grammar): Conversion {
  const convert: Converter = (node) => {
    const inner = wrappedBy(node);
    return inner ? convert(inner) : (converters()[String(node.kind())]?.(node) ?? other(node));
  };
  const other: Converter = (node) => made({ kind: "other", ...spanOf(node), children: parts(node).map(convert) });
  const field = (node: SgNode, name: string): Node => {
    const found = node.field(name);
    return found ? convert(found) : other(node);
  };
  return { convert, other, field };
}
