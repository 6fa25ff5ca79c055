import { type Address, type Addresses, argumentsOf, unknownPart } from "./addresses";
import type { Bodies } from "./bodies";
import type { ClientRules } from "./rules";
import type { Scopes } from "./scopes";
import type { Finding, Sites } from "./sites";
import { type Call, everyNode, type Node } from "./tree";

export type PathRule = ClientRules["paths"][number];

/** What a rule says of an address. */
export type Match =
  | { readonly kind: "old" | "new" | "unclear"; readonly rule: PathRule }
  | { readonly kind: "removed"; readonly path: string }
  | null;

const verbs = /^(get|post|put|patch|delete|head|options|request|stream|fetch|axios|ky|got|urlopen|Request|ws_connect)$/;

/** Whether a call is to what HTTP libraries name so. */
export function isHttpCall(call: Call): boolean {
  const { callee } = call;
  return (callee.kind === "member" || callee.kind === "name") && verbs.test(callee.name);
}

/** What the rules say of an address's path. */
export function matchAddress({ path }: Address, rules: ClientRules): Match {
  for (const rule of rules.paths) {
    const how = begins(path, rule.to) ? "new" : begins(path, rule.from);
    if (how) return { kind: how === true ? "old" : how, rule };
  }
  const gone = rules.removed.find((rule) => begins(path, rule.path) === true);
  return gone ? { kind: "removed", path: gone.path } : null;
}

function begins(path: string, with_: string): true | "unclear" | false {
  if (path.startsWith(with_)) {
    const next = path[with_.length] ?? "";
    if (next === unknownPart) return "unclear";
    return next === "" || "/?#".includes(next);
  }
  const inside = path.indexOf(unknownPart + with_);
  return inside >= 0 && /^([/?#]|$)/.test(path.slice(inside + 1 + with_.length)) ? "unclear" : false;
}

/** Finds the calls that send requests to OctoLLM, and what changes in them. */
export class Requests {
  readonly undecided: Finding[] = [];
  readonly #scopes: Scopes;
  readonly #sites: Sites;
  readonly #addresses: Addresses;
  readonly #bodies: Bodies;
  readonly #rules: ClientRules;

  constructor(scopes: Scopes, sites: Sites, addresses: Addresses, bodies: Bodies, rules: ClientRules) {
    this.#scopes = scopes;
    this.#sites = sites;
    this.#addresses = addresses;
    this.#bodies = bodies;
    this.#rules = rules;
  }

  /** Reads one call; calls that no rule is about are passed over. */
  read(call: Call): void {
    const client = call.callee.kind === "member" ? call.callee.object : null;
    for (const node of this.#addressArguments(call)) {
      const address = this.#addresses.read(node, client);
      const match = matchAddress(address, this.#rules);
      if (!match) continue;
      const known = address.ours || match.kind === "new" || isRoute(call);
      // What another function does with a path is told with the texts that no call is seen to use.
      if (!known && !isHttpCall(call)) return;
      this.#understand(node);
      if (!known) this.#report(node, unknownOwner(address));
      else if (address.ours && !isRoute(call)) this.#ours(call, node, address, match);
      return;
    }
  }

  #addressArguments(call: Call): Node[] {
    const named = argumentsOf(call).filter(({ key }) => /^(url|path|uri|endpoint)$/.test(key));
    return [...call.positional.slice(0, 2), ...named.map(({ value }) => value)].filter(({ kind }) =>
      ["text", "join", "name", "member", "call"].includes(kind),
    );
  }

  #ours(call: Call, node: Node, address: Address, match: NonNullable<Match>): void {
    const file = this.#scopes.fileOf(call);
    if (match.kind === "removed") {
      this.undecided.push({ file, at: node.start, kind: "removed", reason: `${match.path} is there no more` });
      return;
    }
    const site = this.#sites.add(call, file, match.kind === "new" ? "new" : "old");
    this.#bodies.readRequest(call, node, site);
    if (match.kind === "new") return;
    const place = match.kind === "old" ? address.placeOf(0, match.rule.from.length) : null;
    if (place) this.#sites.edit(site, { ...place, text: match.rule.to });
    else this.#sites.refuse(site, this.#finding(node, `the path is put together from parts that are not all known`));
    if (queryNames(address.path).some((name) => this.#bodies.ruleFor(name)))
      this.#sites.refuse(site, this.#finding(node, "a number of the old scale may stand in the query"));
  }

  /**
   * An address that no call is seen to use: it is changed, unless numbers stand nearby of which nobody knows where they
   * are sent.
   */
  readLoose(node: Node): void {
    if (this.#sites.understood.has(node)) return;
    const address = this.#addresses.read(node);
    const match = matchAddress(address, this.#rules);
    if (!match) return;
    this.#understand(node);
    if (match.kind === "new") return;
    if (!address.ours) return this.#report(node, unknownOwner(address));
    const file = this.#scopes.fileOf(node);
    if (match.kind === "removed") {
      this.undecided.push({ file, at: node.start, kind: "removed", reason: `${match.path} is there no more` });
      return;
    }
    const place = match.kind === "old" ? address.placeOf(0, match.rule.from.length) : null;
    if (!place) return this.#report(node, "the path is put together from parts that are not all known");
    const site = this.#sites.add(node, file, "old");
    site.handedOn = !this.#usesAreKnown(node);
    this.#sites.edit(site, { ...place, text: match.rule.to });
  }

  /** Whether an address is the value of a constant, and every use of it was understood. */
  #usesAreKnown(node: Node): boolean {
    const assign = node.parent?.kind === "assign" ? node.parent : null;
    const [binding] = assign ? this.#scopes.resolve(assign.target) : [];
    return binding !== undefined && this.#scopes.referencesTo(binding).every((use) => this.#sites.understood.has(use));
  }

  #understand(node: Node): void {
    for (const part of everyNode(node)) this.#sites.understood.add(part);
  }

  #report(node: Node, reason: string): void {
    this.undecided.push(this.#finding(node, reason));
  }

  #finding(node: Node, reason: string): Finding {
    return { file: this.#scopes.fileOf(node), at: node.start, kind: "undecided", reason };
  }
}

function unknownOwner({ hasOrigin, path }: Address): string {
  const shown = path.replaceAll(unknownPart, "…");
  return hasOrigin
    ? `whether this address is OctoLLM's is not known: …${shown}`
    : `whose ${shown} this is, is not known`;
}

function queryNames(path: string): string[] {
  const query = /\?([^#]*)/.exec(path)?.[1] ?? "";
  return query.split("&").map((pair) => pair.split("=")[0] ?? "");
}

/** A server's own route: a decorator, or a path that is given with its handler. */
function isRoute(call: Call): boolean {
  const outer = call.parent;
  if (outer?.kind === "function" && outer.decorators.includes(call)) return true;
  return call.positional.length > 1 && call.positional.slice(1).some(({ kind }) => kind === "function");
}
