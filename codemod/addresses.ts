import type { ClientHints } from "../releases/release";
import { type Binding, returnsOf, type Scopes, type SourceFile } from "./scopes";
import { type Call, type Entry, everyNode, type Node, plainText, type Span } from "./tree";

/** A name that leads to a literal, and the place that gives the name its value. */
export interface Step {
  readonly reference: Node;
  readonly binding: Binding;
}

/** A stretch of an address: characters of a literal, or something that only the running program knows. */
type Piece =
  | {
      readonly kind: "literal";
      readonly text: string;
      readonly file: SourceFile;
      readonly start: number;
      readonly through: readonly Step[];
    }
  | { readonly kind: "open"; readonly ours: boolean };

/** An address as far as the text tells it. */
export interface Address {
  /** Whether it is known to be OctoLLM's; otherwise nothing is known. */
  readonly ours: boolean;
  /** Whether it says more than a path. */
  readonly hasOrigin: boolean;
  /** Path and what follows; `unknownPart` stands for what only the running program knows. */
  readonly path: string;
  /** Where characters of the path stand, or null when they do not stand together. */
  readonly placeOf: (from: number, length: number) => AddressPlace | null;
}

/** Where characters of an address stand, and the names that lead there, outermost first. */
export interface AddressPlace extends Span {
  readonly file: SourceFile;
  readonly through: readonly Step[];
}

export const unknownPart = "\0";

/** Names under which HTTP libraries take the beginning of all addresses. */
const baseNames = new Set(["base_url", "baseURL", "baseUrl", "prefixUrl", "prefix_url"]);
const deepest = 20;

/** Reads addresses out of expressions. */
export class Addresses {
  readonly #scopes: Scopes;
  readonly #hints: ClientHints;

  constructor(scopes: Scopes, hints: ClientHints) {
    this.#scopes = scopes;
    this.#hints = hints;
  }

  /**
   * The address that an expression stands for.
   *
   * @param client - the object whose method takes the address, for addresses that are only a path
   */
  read(node: Node, client: Node | null = null): Address {
    const own = this.#flatten(node, deepest);
    const alone = this.#address(own);
    const base = alone.hasOrigin || !client ? null : this.#clientBase(client, deepest);
    return base ? this.#address([...base, ...own]) : alone;
  }

  /** Whether a name, variable or not, says that it is OctoLLM's. */
  hinted(name: string): boolean {
    const lower = name.toLowerCase();
    return this.#hints.names.some((hint) => lower.includes(hint));
  }

  #address(pieces: readonly Piece[]): Address {
    const text = pieces.map((piece) => (piece.kind === "literal" ? piece.text : unknownPart)).join("");

    const origin = /^(?:(?:https?|\0):\/\/([^/?#]*)|\0)/.exec(text);
    const begin = origin?.[0].length ?? 0;
    const openInOrigin = pieces.slice(0, pieceCount(pieces, begin)).filter((piece) => piece.kind === "open");
    return {
      ours: openInOrigin.some(({ ours }) => ours) || this.#isOurs(origin?.[1] ?? ""),
      hasOrigin: origin !== null,
      path: text.slice(begin),
      placeOf: (from, length) => placeIn(pieces, begin + from, length),
    };
  }

  #isOurs(authority: string): boolean {
    const [host = "", port = ""] = authority.replace(/^.*@/, "").toLowerCase().split(":");
    return this.#hints.addresses.some((address) => {
      const [name = "", only] = address.toLowerCase().split(":");
      return (only === undefined || only === port) && (host === name || host.startsWith(`${name}.`));
    });
  }

  #flatten(node: Node, depth: number): Piece[] {
    if (depth === 0) return [{ kind: "open", ours: false }];
    switch (node.kind) {
      case "text": {
        const file = this.#scopes.fileOf(node);
        return node.pieces.flatMap((piece): Piece[] =>
          piece.kind === "literal"
            ? [{ kind: "literal", text: piece.text, file, start: piece.start, through: [] }]
            : this.#flatten(piece, depth - 1),
        );
      }
      case "join":
        return [...this.#flatten(node.left, depth - 1), ...this.#flatten(node.right, depth - 1)];
      case "name":
      case "member":
        return this.#flattenName(node, depth);
      case "call":
        return this.#flattenCall(node, depth);
      case "either":
        return [{ kind: "open", ours: node.options.some((option) => this.#begins(option, depth)) || this.#says(node) }];
      default:
        return [{ kind: "open", ours: false }];
    }
  }

  /** Whether what the expression stands for begins with an address of OctoLLM. */
  #begins(node: Node, depth: number): boolean {
    return this.#address(this.#flatten(node, depth - 1)).ours;
  }

  #flattenName(node: Node, depth: number): Piece[] {
    const bindings = this.#scopes.resolve(node);
    const hinted = (pieces: Piece[]) =>
      pieces.map((piece) => (piece.kind === "open" && this.#says(node) ? { ...piece, ours: true } : piece));
    const [only] = bindings;
    if (only && bindings.length === 1) {
      const { kind, value } = only;
      if (kind === "value" && value)
        return hinted(this.#flatten(value, depth - 1)).map((piece) =>
          piece.kind === "open" ? piece : { ...piece, through: [{ reference: node, binding: only }, ...piece.through] },
        );
      const handed = kind === "parameter" && !value ? this.#scopes.fixture(only.file, only.name) : [];
      if (handed[0] && handed.length === 1) return hinted(this.#flatten(handed[0], depth - 1));
    }
    const values = bindings.flatMap(({ value }) => value ?? []);
    const ours = values.length > 0 && values.length === bindings.length && values.every((v) => this.#begins(v, depth));
    return hinted([{ kind: "open", ours }]);
  }

  #flattenCall(node: Call, depth: number): Piece[] {
    const { callee, positional } = node;
    const [first, second] = positional;
    const name = callee.kind === "member" || callee.kind === "name" ? callee.name : "";
    const joined = (base: Node, path: Node) => {
      const pieces = this.#flatten(base, depth - 1);
      // What is joined so loses a path of the base.
      return /^\/?$/.test(this.#address(pieces).path) && plainText(path)?.startsWith("/")
        ? [...pieces, ...this.#flatten(path, depth - 1)]
        : [{ kind: "open" as const, ours: this.#address(pieces).ours }];
    };
    if (first && second && name === "urljoin") return joined(first, second);
    if (first && second && name === "URL") return joined(second, first);
    if (first && positional.length === 1 && /^(str|String|URL|Request)$/.test(name))
      return this.#flatten(first, depth - 1);
    const [made] = this.#scopes.resolve(callee);
    if (made?.node.kind === "function" && made.node.parameters.every(({ name: own }) => /^(self|cls)$/.test(own))) {
      const results = returnsOf(made.node);
      if (results[0] && results.length === 1) return this.#flatten(results[0], depth - 1);
    }
    const kept =
      callee.kind === "member" && /^(r?strip|trim(End)?|replace|toString)$/.test(name) ? callee.object : null;
    const ours = this.#says(node) || [kept, ...positional].some((part) => part && this.#begins(part, depth));
    return [{ kind: "open", ours }];
  }

  /** Whether a name or text in the expression says that it is OctoLLM's. */
  #says(node: Node): boolean {
    return [...everyNode(node)].some((part) => {
      if (part.kind === "name" || part.kind === "member") return this.hinted(part.name);
      return part.kind === "text" && part.pieces.some((piece) => piece.kind === "literal" && this.hinted(piece.text));
    });
  }

  /** What a client object puts in front of its paths; null when that is not known. */
  #clientBase(client: Node, depth: number): Piece[] | null {
    if (depth === 0) return null;
    if (client.kind === "call") return this.#baseOf(client, depth);
    if (client.kind !== "name" && client.kind !== "member") return null;
    const bases = this.#values(client).map((value) => this.#clientBase(value, depth - 1));
    const [only] = bases;
    if (only && bases.length === 1) return only;
    const ours = bases.length > 0 && bases.every((base) => base && this.#address(base).ours);
    return ours || this.hinted(client.name) ? [{ kind: "open", ours: true }] : null;
  }

  /** Every expression that a name may stand for; a fixture's results for a test's parameter. */
  #values(node: Node): readonly Node[] {
    return this.#scopes.resolve(node).flatMap((binding) => {
      if (binding.kind === "parameter" && !binding.value) return this.#scopes.fixture(binding.file, binding.name);
      return binding.value ?? [];
    });
  }

  #baseOf(call: Call, depth: number): Piece[] | null {
    const base = argumentsOf(call).find(({ key }) => baseNames.has(key))?.value;
    if (base) return this.#flatten(base, depth - 1);
    const [first] = call.positional;
    const isSession = call.callee.kind === "member" || call.callee.kind === "name" ? call.callee.name : "";
    if (!first || !/Session$|Client$/.test(isSession)) return null;
    const pieces = this.#flatten(first, depth - 1);
    return this.#address(pieces).hasOrigin ? pieces : null;
  }
}

/** The named arguments of a call; in JavaScript, the entries of the objects that it is given. */
export function argumentsOf(call: Call): readonly Entry[] {
  return [...call.named, ...call.positional.flatMap((given) => (given.kind === "object" ? given.entries : []))];
}

function pieceCount(pieces: readonly Piece[], length: number): number {
  let at = 0;
  let count = 0;
  for (; count < pieces.length && at < length; count++) at += lengthOf(pieces[count]);
  return count;
}

function lengthOf(piece: Piece | undefined): number {
  return piece?.kind === "literal" ? piece.text.length : 1;
}

function placeIn(pieces: readonly Piece[], from: number, length: number): AddressPlace | null {
  let at = 0;
  for (const piece of pieces) {
    const within = from - at;
    if (within >= 0 && within < lengthOf(piece)) {
      if (piece.kind !== "literal" || within + length > piece.text.length) return null;
      const { file, through } = piece;
      return { file, through, start: piece.start + within, end: piece.start + within + length };
    }
    at += lengthOf(piece);
  }
  return null;
}
