import { type Address, type Addresses, type AddressPlace, argumentsOf, unknownPart } from "./addresses";
import type { Bodies } from "./bodies";
import type { ClientRules } from "./rules";
import type { Scopes, SourceFile } from "./scopes";
import type { Finding, Site, Sites } from "./sites";
import { type Call, everyNode, type Node, plainText } from "./tree";

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
  /** Where paths stand that belong to a call. */
  readonly #moved: Omit<AddressPlace, "through">[] = [];
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
    const [first, second] = call.positional;
    // Second comes an address only after a method; elsewhere it may be what `environ.get` falls back to.
    const placed = second && first && isMethodName(first) ? [first, second] : [first];
    return [...placed, ...named.map(({ value }) => value)].filter(
      (node): node is Node => node !== undefined && ["text", "join", "name", "member", "call"].includes(node.kind),
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
    const number = isHttpCall(call) ? undefined : call.positional.find(({ kind }) => kind === "number");
    if (number) this.#sites.refuse(site, this.#finding(number, "what this number means to the function is not known"));
    if (match.kind === "new") return;
    const place = match.kind === "old" ? address.placeOf(0, match.rule.from.length) : null;
    if (place) this.#move(site, place, match);
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
    const file = this.#scopes.fileOf(node);
    if (!address.ours && this.#moved.some((at) => at.file === file && at.start >= node.start && at.end <= node.end))
      return;
    if (!address.ours) return this.#report(node, unknownOwner(address));
    if (match.kind === "removed") {
      this.undecided.push({ file, at: node.start, kind: "removed", reason: `${match.path} is there no more` });
      return;
    }
    const place = match.kind === "old" ? address.placeOf(0, match.rule.from.length) : null;
    if (!place) return this.#report(node, "the path is put together from parts that are not all known");
    const site = this.#sites.add(node, file, "old");
    for (const place of this.#unknownUses(node)) site.handedOn.add(place);
    this.#move(site, place, match);
  }

  #move(site: Site, { file, start, end, through }: AddressPlace, { rule }: { readonly rule: PathRule }): void {
    this.#sites.edit(site, { file, start, end, text: rule.to });
    this.#moved.push({ file, start, end });
    for (const { reference, binding } of through) {
      // An address that is OctoLLM's by itself is so wherever it is used; a mere path is not.
      const alone = binding.value ? this.#addresses.read(binding.value) : null;
      if (!alone?.ours) this.#bodies.depend(site, binding, reference);
    }
  }

  /** The files in which it cannot be told what is done with an address: its own, unless all uses of its name are known. */
  #unknownUses(node: Node): SourceFile[] {
    const assign = node.parent?.kind === "assign" ? node.parent : null;
    const [binding] = assign ? this.#scopes.resolve(assign.target) : [];
    if (!binding) return [this.#scopes.fileOf(node)];
    const unknown = this.#scopes.referencesTo(binding).filter((use) => !this.#sites.understood.has(use));
    return unknown.map((use) => this.#scopes.fileOf(use));
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

/** `"POST"`, or a library's `responses.POST`. */
function isMethodName(node: Node): boolean {
  const name = node.kind === "member" ? node.name : plainText(node);
  return name !== null && /^(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)$/i.test(name);
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
