import { argumentsOf } from "./addresses";
import type { Bodies } from "./bodies";
import { isHttpCall } from "./requests";
import type { ClientRules } from "./rules";
import type { Scopes, SourceFile } from "./scopes";
import type { Finding, Site, Sites } from "./sites";
import { everyNode, type Node } from "./tree";

/** Reads results of calls, and lists numbers of which it is not known whether they are OctoLLM's. */
export class Leftovers {
  readonly #scopes: Scopes;
  readonly #sites: Sites;
  readonly #bodies: Bodies;
  readonly #rules: ClientRules;

  constructor(scopes: Scopes, sites: Sites, bodies: Bodies, rules: ClientRules) {
    this.#scopes = scopes;
    this.#sites = sites;
    this.#bodies = bodies;
    this.#rules = rules;
  }

  /** A comparison of what a call gave back with a number of the old scale; it changes with the call. */
  readComparison(node: Node): void {
    const pair = comparedPair(node);
    if (!pair) return;
    const [left, right] = pair;
    for (const [read, value] of [
      [left, right],
      [right, left],
    ] as const) {
      const rule = this.#bodies.ruleFor(fieldRead(read));
      if (!rule || value.kind !== "number") continue;
      const sites = this.#originOf(read, 12);
      const [first] = sites;
      if (!first) continue;
      this.#bodies.scale(value, first, rule);
      for (const site of sites) this.#sites.together(first, site);
    }
  }

  /** The calls whose results an expression is read from. */
  #originOf(node: Node, depth: number): Site[] {
    if (depth === 0) return [];
    switch (node.kind) {
      case "name":
        return this.#scopes.resolve(node).flatMap(({ value }) => (value ? this.#originOf(value, depth - 1) : []));
      case "member": {
        const own = this.#scopes.resolve(node).flatMap(({ value }) => (value ? this.#originOf(value, depth - 1) : []));
        return own.length > 0 ? own : this.#originOf(node.object, depth - 1);
      }
      case "call": {
        const site = this.#sites.of(node);
        if (site) return [site];
        if (node.callee.kind !== "member") return [];
        const argument = /^(loads|parse)$/.test(node.callee.name) ? node.positional[0] : undefined;
        return this.#originOf(argument ?? node.callee.object, depth - 1);
      }
      default:
        return [];
    }
  }

  /** Numbers that belong to no call that is known; everywhere in files that know OctoLLM, else in HTTP calls only. */
  list(file: SourceFile, knowsOctollm: boolean): Finding[] {
    return [...everyNode(file.root)].flatMap((node) =>
      numbersIn(node)
        .filter(({ key, value }) => this.#bodies.ruleFor(key) && !this.#sites.understood.has(value))
        .filter(({ value }) => knowsOctollm || isInHttpCall(value))
        .map(({ key, value }): Finding => ({
          ofSdkCall: this.#isOfSdkCall(node),
          file,
          at: value.start,
          kind: "undecided",
          reason: `whether this '${key}' goes to OctoLLM is not known`,
        })),
    );
  }

  #isOfSdkCall(node: Node): boolean {
    const names = this.#rules.paths.map(({ from }) => from.split("/").at(-1));
    const call = node.kind === "object" ? node.parent : node;
    const owner = call?.kind === "call" && call.callee.kind === "member" ? call.callee.object : null;
    return owner?.kind === "member" && names.includes(owner.name);
  }

  /** Whether a file's code speaks of OctoLLM, by name, address or SDK; comments and docstrings do not count. */
  knowsOctollm(file: SourceFile): boolean {
    const { hints, sdks } = this.#rules;
    const marks = [...hints.names, ...hints.addresses, ...sdks.flatMap(({ modules }) => modules)];
    const says = (text: string) => marks.some((mark) => text.toLowerCase().includes(mark));
    return [...everyNode(file.root)].some((node) => {
      if (node.kind === "name" || node.kind === "member") return says(node.name);
      if (node.kind === "import") return says(node.module);
      return node.kind === "text" && !node.statement && node.pieces.some((p) => p.kind === "literal" && says(p.text));
    });
  }
}

function comparedPair(node: Node): readonly [Node, Node] | null {
  if (node.kind === "equal") return [node.left, node.right];
  if (node.kind !== "call" || node.callee.kind !== "member") return null;
  if (!/^(toBe|toEqual|toStrictEqual)$/.test(node.callee.name)) return null;
  const expect = node.callee.object;
  const [read] = expect.kind === "call" ? expect.positional : [];
  const [value] = node.positional;
  return read && value ? [read, value] : null;
}

/** The field that an expression reads: `x.priority`, `x["priority"]`, `x.get("priority")`. */
function fieldRead(node: Node): string {
  if (node.kind === "member") return node.name;
  if (node.kind !== "call" || node.callee.kind !== "member" || node.callee.name !== "get") return "";
  const [key] = node.positional;
  const piece = key?.kind === "text" && key.pieces.length === 1 ? key.pieces[0] : undefined;
  return piece?.kind === "literal" ? piece.text : "";
}

/** Values that stand under a name: entries, named arguments, assignments, defaults, comparisons. */
function numbersIn(node: Node): { key: string; value: Node }[] {
  switch (node.kind) {
    case "object":
      return node.entries.map(({ key, value }) => ({ key, value }));
    case "call": {
      const pair = comparedPair(node);
      return [...node.named, ...(pair ? comparisons(pair) : [])];
    }
    case "assign": {
      const { target, value } = node;
      const named = target.kind === "member" || target.kind === "name";
      return named && value ? [{ key: target.name, value }].filter(({ value: set }) => isNumberLike(set)) : [];
    }
    case "function":
      return node.parameters.flatMap(({ name, fallback }) => (fallback ? [{ key: name, value: fallback }] : []));
    case "equal":
      return comparisons([node.left, node.right]);
    case "other":
      return node.children.length === 2 ? comparisons(node.children as [Node, Node]) : [];
    default:
      return [];
  }
}

function comparisons([left, right]: readonly [Node, Node]): { key: string; value: Node }[] {
  return [
    { key: fieldRead(left), value: right },
    { key: fieldRead(right), value: left },
  ].filter(({ value }) => value.kind === "number" || value.kind === "list");
}

function isNumberLike(value: Node): boolean {
  return (
    value.kind === "number" || (value.kind === "call" && [...everyNode(value)].some(({ kind }) => kind === "number"))
  );
}

function isInHttpCall(value: Node): boolean {
  for (let at = value.parent; at; at = at.parent)
    if (at.kind === "call" && isHttpCall(at) && argumentsOf(at).length > 0) return true;
  return false;
}
