import { type Addresses, argumentsOf, unknownPart } from "./addresses";
import type { Bodies } from "./bodies";
import type { ClientRules } from "./rules";
import { enclosing, isFixture, type Scopes, type SourceFile } from "./scopes";
import type { Finding, Site, Sites } from "./sites";
import { type Call, everyNode, type Node } from "./tree";

type SdkRule = ClientRules["sdks"][number];

/** A call that makes a client of the SDK, and the use that it is. */
interface Made {
  readonly call: Call;
  readonly site: Site;
}

/** Finds clients of OctoLLM's SDK and the calls made with them; a client changes with all its calls. */
export class SdkClients {
  readonly undecided: Finding[] = [];
  readonly #scopes: Scopes;
  readonly #sites: Sites;
  readonly #addresses: Addresses;
  readonly #bodies: Bodies;
  readonly #rules: readonly SdkRule[];
  readonly #made = new Map<Node, Made>();

  constructor(scopes: Scopes, sites: Sites, addresses: Addresses, bodies: Bodies, rules: readonly SdkRule[]) {
    this.#scopes = scopes;
    this.#sites = sites;
    this.#addresses = addresses;
    this.#bodies = bodies;
    this.#rules = rules;
  }

  /** First pass: a call that makes a client. */
  readMaking(call: Call): void {
    const rule = this.#rules.find((candidate) => this.#isClientOf(call.callee, candidate));
    if (!rule) return;
    const file = this.#scopes.fileOf(call);
    const base = argumentsOf(call).find(({ key }) => /^base_?url$/i.test(key))?.value;
    const state = base ? this.#stateOf(base, rule) : "unknown";
    const site = this.#sites.add(call, file, state === "new" ? "new" : "old", true);
    this.#made.set(call, { call, site });
    if (base) for (const part of everyNode(base)) this.#sites.understood.add(part);
    if (state === "old" && base) this.#changeBase(base, rule, site);
    if (state === "unknown") {
      const where = base ?? call;
      this.#sites.refuse(
        site,
        this.#finding(where, `this client's base_url may or may not end in ${rule.basePath} already`),
      );
    }
    for (const place of this.#handedOnIn(call)) site.handedOn.add(place);
  }

  #isClientOf(callee: Node, { modules, client }: SdkRule): boolean {
    const isModule = (module: string) => modules.some((name) => module === name || module.startsWith(`${name}.`));
    if (callee.kind === "member" && callee.object.kind === "name")
      return (
        callee.name === client &&
        this.#scopes.resolve(callee.object).some((binding) => {
          const source = this.#scopes.importOf(binding);
          return source !== null && isModule(source.module);
        })
      );
    return this.#scopes.resolve(callee).some((binding) => {
      const source = this.#scopes.importOf(binding);
      return source !== null && isModule(source.module) && source.imported === client;
    });
  }

  #stateOf(base: Node, { basePath }: SdkRule): "old" | "new" | "unknown" {
    const { path, hasOrigin } = this.#addresses.read(base);
    if (path.replace(/\/$/, "").endsWith(basePath)) return "new";
    if (!hasOrigin || !/^\/?$/.test(path)) return "unknown";
    // Only a text that is written out from its first character says for certain what is not in it.
    return /^https?:/.test(this.#writtenStart(base)) ? "old" : "unknown";
  }

  #writtenStart(base: Node): string {
    const values = base.kind === "text" ? [base] : this.#scopes.resolve(base).flatMap(({ value }) => value ?? []);
    const [only] = values;
    const text = values.length === 1 && only?.kind === "text" ? only : null;
    return text?.pieces.map((piece) => (piece.kind === "literal" ? piece.text : unknownPart)).join("") ?? "";
  }

  #changeBase(base: Node, rule: SdkRule, site: Site): void {
    const file = this.#scopes.fileOf(base);
    const { path } = this.#addresses.read(base);
    if (base.kind === "text") {
      const last = base.pieces.at(-1);
      const at = last?.kind === "literal" ? last.end - path.length : base.end - 1;
      return this.#sites.edit(site, { file, start: at, end: at, text: rule.basePath });
    }
    // The constant may serve other addresses, too.
    if (path === "")
      return this.#sites.edit(site, { file, start: base.end, end: base.end, text: ` + "${rule.basePath}"` });
    this.#sites.refuse(site, this.#finding(base, `its value ends in '/': write what ends in ${rule.basePath} here`));
  }

  /** The files in which a client goes where it cannot be followed: as argument, result, or in a list. */
  #handedOnIn(call: Call): SourceFile[] {
    const isFollowed = ({ parent }: Node) =>
      parent?.kind === "member" || (parent?.kind === "return" && isFixtureResult(parent));
    const outer = call.parent;
    if (outer?.kind !== "assign") return isFollowed(call) ? [] : [this.#scopes.fileOf(call)];
    return this.#scopes
      .resolve(outer.target)
      .flatMap((binding) => this.#scopes.referencesTo(binding))
      .filter((reference) => !isFollowed(reference))
      .map((reference) => this.#scopes.fileOf(reference));
  }

  /** Second pass: a call made with a client. */
  readUse(call: Call): void {
    const made = this.#clientsOf(call.callee, 12);
    const [first] = made;
    if (!first) return;
    const site = this.#sites.add(call, this.#scopes.fileOf(call), first.site.state);
    for (const one of made) this.#sites.together(one.site, site);
    if (made.some((one) => one.site.state !== first.site.state))
      this.#sites.refuse(site, this.#finding(call, "it is called with clients of the old and of the new release"));
    this.#readArguments(call, site);
  }

  #readArguments(call: Call, site: Site): void {
    const fills = call.callee.kind === "member" && /^(create|update|submit)$/.test(call.callee.name);
    for (const { key, value } of call.named) {
      const rule = this.#bodies.ruleFor(key);
      if (rule) this.#bodies.scale(value, site, rule);
    }
    const positional = call.positional.filter(({ kind }) => fills || kind === "object");
    for (const value of [...positional, ...(fills ? call.more : [])]) {
      // What comes last and alone may be the whole body.
      const strict =
        fills && call.named.length === 0 && (value === call.positional.at(-1) || call.more.includes(value));
      if (value.kind === "number")
        this.#sites.refuse(site, this.#finding(value, "which argument this is, is not known"));
      else this.#bodies.readValue(value, site, strict);
    }
  }

  /** The clients that the beginning of a chain such as `client.tasks.create` stands for. */
  #clientsOf(node: Node, depth: number): Made[] {
    if (depth === 0) return [];
    const own = this.#made.get(node);
    if (own) return [own];
    if (node.kind !== "member" && node.kind !== "name") return [];
    const found = this.#scopes.resolve(node).flatMap((binding) => {
      const handed = binding.kind === "parameter" && !binding.value;
      const values = handed ? this.#scopes.fixture(binding.file, binding.name) : binding.value ? [binding.value] : [];
      return values.flatMap((value) => this.#clientsOf(value, depth - 1));
    });
    return found.length > 0 || node.kind === "name" ? found : this.#clientsOf(node.object, depth - 1);
  }

  #finding(node: Node, reason: string): Finding {
    return { file: this.#scopes.fileOf(node), at: node.start, kind: "undecided", reason };
  }
}

function isFixtureResult(node: Node): boolean {
  const owner = enclosing(node, "function");
  return owner !== null && isFixture(owner);
}
