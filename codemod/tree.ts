/** A place in a source text, in UTF-16 units. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

interface Common extends Span {
  /** Null for the file's root only. */
  parent: Node | null;
}

/** What a program of any language is made of, as far as its use of an HTTP API goes. */
export type Node = Common &
  (
    | TextNode
    | { readonly kind: "number"; readonly value: number }
    | { readonly kind: "name"; readonly name: string }
    /** `object.name`, and `object["name"]`. */
    | { readonly kind: "member"; readonly object: Node; readonly name: string }
    | { readonly kind: "join"; readonly left: Node; readonly right: Node }
    /** `a or b`, `a ?? b`, `c ? a : b`: one of them. */
    | { readonly kind: "either"; readonly options: readonly Node[]; readonly condition: Node | null }
    | { readonly kind: "equal"; readonly left: Node; readonly right: Node }
    | { readonly kind: "list"; readonly items: readonly Node[] }
    | ObjectNode
    | CallNode
    | AssignNode
    | FunctionNode
    | { readonly kind: "class"; readonly name: string; readonly body: readonly Node[] }
    | { readonly kind: "return"; readonly value: Node | null }
    | ImportNode
    /** Python's `global` and `nonlocal`. */
    | { readonly kind: "outer"; readonly names: readonly string[] }
    /** A block with names of its own (JavaScript). */
    | { readonly kind: "block"; readonly children: readonly Node[] }
    | { readonly kind: "other"; readonly children: readonly Node[] }
  );

export interface TextNode {
  readonly kind: "text";
  /** In order: what stands there, as it stands there, and what is put in. */
  readonly pieces: readonly (Literal | Node)[];
  /** A string that is a statement: Python's docstrings. */
  readonly statement: boolean;
}

/** Characters of a string's inside. */
export interface Literal extends Span {
  readonly kind: "literal";
  readonly text: string;
}

/** One `key: value` of an object, or one `key=value` of a call. */
export interface Entry extends Span {
  readonly key: string;
  readonly value: Node;
}

export interface ObjectNode {
  readonly kind: "object";
  readonly entries: readonly Entry[];
  /** Others that are put in whole: `**more`, `...more`, computed keys. */
  readonly more: readonly Node[];
}

export interface CallNode {
  readonly kind: "call";
  readonly callee: Node;
  readonly positional: readonly Node[];
  readonly named: readonly Entry[];
  /** `*args` and `**kwargs`. */
  readonly more: readonly Node[];
}

export interface AssignNode {
  readonly kind: "assign";
  readonly target: Node;
  /** Null when the value is not one expression: loops, unpacking. */
  readonly value: Node | null;
  /** Whether the target's names begin here; else they may belong to a scope further out. */
  readonly declares: boolean;
}

export interface Parameter extends Span {
  readonly name: string;
  readonly fallback: Node | null;
}

export interface FunctionNode {
  readonly kind: "function";
  readonly name: string | null;
  readonly parameters: readonly Parameter[];
  readonly decorators: readonly Node[];
  readonly body: readonly Node[];
}

export interface ImportNode {
  readonly kind: "import";
  /** As it stands in the text: `.config`, `./config`, `octollm`. */
  readonly module: string;
  /** `imported` is null for the module as a whole. */
  readonly names: readonly { readonly local: string; readonly imported: string | null }[];
}

export type Call = Extract<Node, CallNode>;
export type ObjectLiteral = Extract<Node, ObjectNode>;
export type FunctionLike = Extract<Node, FunctionNode>;

type Parentless<N> = N extends Node ? Omit<N, "parent"> : never;

/** A node whose parent is set later, by `linked`. */
export function made(node: Parentless<Node>): Node {
  return { ...node, parent: null };
}

/** What stands directly inside a node, in order. */
export function childrenOf(node: Node): readonly Node[] {
  switch (node.kind) {
    case "text":
      return node.pieces.filter((piece): piece is Node => piece.kind !== "literal");
    case "member":
      return [node.object];
    case "join":
    case "equal":
      return [node.left, node.right];
    case "either":
      return node.condition ? [node.condition, ...node.options] : node.options;
    case "list":
      return node.items;
    case "object":
      return [...node.entries.map(({ value }) => value), ...node.more];
    case "call":
      return [node.callee, ...node.positional, ...node.named.map(({ value }) => value), ...node.more];
    case "assign":
      return node.value ? [node.target, node.value] : [node.target];
    case "function":
      return [...node.decorators, ...node.parameters.flatMap(({ fallback }) => fallback ?? []), ...node.body];
    case "class":
      return node.body;
    case "return":
      return node.value ? [node.value] : [];
    case "block":
    case "other":
      return node.children;
    case "number":
    case "name":
    case "import":
    case "outer":
      return [];
  }
}

/** Tells every node its parent; returns the root. */
export function linked(root: Node): Node {
  for (const node of everyNode(root)) for (const child of childrenOf(node)) child.parent = node;
  return root;
}

/** A node and all below it, parents first. */
export function* everyNode(root: Node): Generator<Node> {
  const open = [root];
  for (let node = open.pop(); node; node = open.pop()) {
    yield node;
    for (const child of childrenOf(node).toReversed()) open.push(child);
  }
}

/** A text that nothing is put into; null for any other node. */
export function plainText(node: Node | undefined): string | null {
  if (node?.kind !== "text") return null;
  const pieces = node.pieces.map((piece) => (piece.kind === "literal" ? piece.text : null));
  return pieces.includes(null) ? null : pieces.join("");
}
