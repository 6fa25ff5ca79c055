import { argumentsOf } from "./addresses";
import type { ClientRules } from "./rules";
import type { Binding, Scopes } from "./scopes";
import type { Site, Sites } from "./sites";
import { type Call, type Entry, everyNode, type Node, type ObjectLiteral, plainText } from "./tree";

export type ScaleRule = ClientRules["scales"][number];

const methodsThatSend = /^(post|put|patch)$/i;
const methodsThatDoNot = /^(get|delete|head|options)$/i;
const bodyNames = new Set(["json", "data", "body", "content", "payload"]);
const optionNames = new Set([
  ...bodyNames,
  ...["method", "headers", "params", "url", "timeout", "auth", "cookies", "verify", "stream", "cert", "proxies"],
  ...["signal", "follow_redirects", "allow_redirects", "credentials", "mode", "cache", "redirect", "keepalive", "next"],
  ...["baseURL", "validateStatus", "responseType", "extensions", "ssl", "raise_for_status", "searchParams", "retry"],
]);

/** What a call of an HTTP library does with the network, as far as its text tells. */
export function methodOf(call: Call): "sends" | "asks" | "unknown" {
  const { callee, positional } = call;
  const name = callee.kind === "member" || callee.kind === "name" ? callee.name : "";
  if (methodsThatSend.test(name)) return "sends";
  if (methodsThatDoNot.test(name)) return "asks";
  const written = argumentsOf(call).find(({ key }) => key === "method")?.value;
  const verb = plainText(written) ?? (/^(request|stream)$/.test(name) ? plainText(positional[0]) : null);
  if (verb !== null) return methodsThatDoNot.test(verb) ? "asks" : "sends";
  const alone = positional.length === 1 && positional[0]?.kind !== "object" && call.more.length === 0;
  const noBody = !argumentsOf(call).some(({ key }) => bodyNames.has(key));
  return !written && noBody && alone && /^(fetch|urlopen|ky|got|axios)$/.test(name) ? "asks" : "unknown";
}

/** Finds the numbers that a call sends, and changes them with the call, or says why that cannot be told. */
export class Bodies {
  readonly #scopes: Scopes;
  readonly #sites: Sites;
  readonly #rules: readonly ScaleRule[];
  /** Constants and bodies that are edited or looked into; all else that reads them must be known. */
  readonly #shared: { readonly site: Site; readonly binding: Binding }[] = [];
  /** The places at which sites that change read them. */
  readonly #taken = new Set<Node>();

  constructor(scopes: Scopes, sites: Sites, rules: readonly ScaleRule[]) {
    this.#scopes = scopes;
    this.#sites = sites;
    this.#rules = rules;
  }

  ruleFor(field: string): ScaleRule | undefined {
    return this.#rules.find((rule) => rule.field === field);
  }

  /** Looks through all that an HTTP call is given besides its address. */
  readRequest(call: Call, address: Node, site: Site): void {
    const strict = methodOf(call) !== "asks";
    for (const given of call.positional) {
      if (given === address || this.#holds(given, address)) continue;
      if (given.kind === "object" && isOptions(given)) this.#readOptions(given.entries, address, site, strict);
      else this.readValue(given, site, strict);
    }
    for (const given of call.positional)
      if (given !== address && given.kind === "object" && this.#holds(given, address))
        this.#readOptions(given.entries, address, site, strict);
    this.#readOptions(call.named, address, site, strict);
    for (const more of call.more) this.readValue(more, site, strict);
  }

  #holds(outer: Node, inner: Node): boolean {
    return [...everyNode(outer)].includes(inner);
  }

  #readOptions(entries: readonly Entry[], address: Node, site: Site, strict: boolean): void {
    for (const { key, value } of entries) {
      if (value === address) continue;
      if (bodyNames.has(key)) this.readValue(value, site, strict);
      else if (this.ruleFor(key)) this.#against(site, value, `'${key}' is no part of the body here`);
      else if (/^(params|searchParams)$/.test(key)) this.#readQuery(value, site);
    }
  }

  #readQuery(value: Node, site: Site): void {
    if (value.kind !== "object") return;
    for (const { key, value: sent } of value.entries)
      if (this.ruleFor(key))
        this.#against(site, sent, `'${key}' in a query: the guide does not say what it means there`);
  }

  /**
   * Looks into what may be a body.
   *
   * @param strict - whether a value that is not written here may hold a number to change
   */
  readValue(value: Node, site: Site, strict: boolean): void {
    switch (value.kind) {
      case "object":
        return this.#readObject(value, site, strict);
      case "list":
        for (const item of value.items) this.#refuseNested(item, site);
        return;
      case "either":
        for (const option of value.options) this.readValue(option, site, strict);
        return;
      case "text":
        return this.#readText(value, site);
      case "number":
      case "function":
        return;
      case "name":
      case "member":
        return this.#readNamed(value, site, strict);
      case "call":
        return this.#readCall(value, site, strict);
      default:
        if (this.#isNothing(value) || !strict) return;
        return this.#against(site, value, "what is sent is put together elsewhere");
    }
  }

  #readObject(value: ObjectLiteral, site: Site, strict: boolean): void {
    this.#sites.understood.add(value);
    for (const { key, value: sent } of value.entries) {
      const rule = this.ruleFor(key);
      if (rule) this.scale(sent, site, rule);
      else this.#refuseNested(sent, site);
    }
    for (const more of value.more) this.readValue(more, site, strict);
  }

  /** Numbers deeper inside may mean something else. */
  #refuseNested(value: Node, site: Site): void {
    for (const node of everyNode(value))
      for (const { key, value: sent } of node.kind === "object" ? node.entries : [])
        if (this.ruleFor(key)) this.#against(site, sent, `'${key}' inside of another value may mean something else`);
  }

  #readText(value: Extract<Node, { kind: "text" }>, site: Site): void {
    const text = value.pieces.map((piece) => (piece.kind === "literal" ? piece.text : "?")).join("");
    for (const { field } of this.#rules)
      if (new RegExp(`\\b${field}\\b\\\\?["']?\\s*[:=]`).test(text))
        this.#against(site, value, `'${field}' in a text that is sent as it is`);
  }

  #readNamed(value: Node, site: Site, strict: boolean): void {
    const [only, ...others] = this.#scopes.resolve(value);
    if (only?.kind === "value" && only.value && others.length === 0 && isWritten(only.value)) {
      this.#sites.understood.add(value);
      if (only.value.kind === "object" || only.value.kind === "list") this.#follow(only, site, value);
      return this.readValue(only.value, site, strict);
    }
    if (strict) this.#against(site, value, "what is sent is put together elsewhere");
  }

  #readCall(value: Call, site: Site, strict: boolean): void {
    const { callee, positional } = value;
    const name = callee.kind === "member" || callee.kind === "name" ? callee.name : "";
    const [first] = positional;
    if (/^(dumps|stringify)$/.test(name) && first) return this.readValue(first, site, strict);
    if (/^(encode|copy)$/.test(name) && callee.kind === "member") return this.readValue(callee.object, site, strict);
    if (strict) this.#against(site, value, "what is sent is put together elsewhere");
    for (const node of everyNode(value))
      for (const { key, value: sent } of node.kind === "call" ? argumentsOf(node) : [])
        if (this.ruleFor(key)) this.#sites.understood.add(sent);
  }

  /** Notes that a site changes, or looks into, what a name stands for: whatever else reads it must change as well. */
  depend(site: Site, binding: Binding, reference: Node): void {
    if (site.state === "new") return;
    this.#shared.push({ site, binding });
    this.#sites.share(site, binding);
    this.#taken.add(reference);
  }

  /** A body with a name: numbers that are put into it later are sent, too. */
  #follow(binding: Binding, site: Site, read: Node): void {
    this.depend(site, binding, read);
    for (const reference of this.#scopes.referencesTo(binding)) {
      const member = reference.parent;
      const assign = member?.kind === "member" ? member.parent : null;
      if (member?.kind !== "member" || assign?.kind !== "assign" || assign.target !== member || !assign.value) continue;
      const rule = this.ruleFor(member.name);
      if (rule) this.scale(assign.value, site, rule);
    }
  }

  /** Takes a number from the old scale to the new one, with the site that sends it. */
  scale(value: Node, site: Site, rule: ScaleRule): void {
    this.#sites.understood.add(value);
    if (site.state === "new" || this.#isNothing(value)) return;
    const { field, factor, from } = rule;
    if (value.kind === "number") {
      if (Number.isInteger(value.value) && value.value >= from[0] && value.value <= from[1])
        return this.#sites.edit(site, {
          file: this.#scopes.fileOf(value),
          start: value.start,
          end: value.end,
          text: String(value.value * factor),
        });
      return this.#against(site, value, `'${field}' is ${value.value}, which is outside the old scale`);
    }
    if (value.kind === "either") {
      for (const option of value.options) this.scale(option, site, rule);
      return;
    }
    const [only, ...others] = this.#scopes.resolve(value);
    if (only?.kind === "value" && only.value?.kind === "number" && others.length === 0) {
      this.depend(site, only, value);
      return this.scale(only.value, site, rule);
    }
    this.#against(site, value, `'${field}' is no number here, but comes from elsewhere`);
  }

  #isNothing(value: Node): boolean {
    if (value.kind !== "other" && value.kind !== "name") return false;
    return /^(None|null|undefined|True|False|true|false)$/.test(
      this.#scopes.fileOf(value).text.slice(value.start, value.end),
    );
  }

  #against(site: Site, value: Node, reason: string): void {
    this.#sites.understood.add(value);
    this.#sites.refuse(site, { file: this.#scopes.fileOf(value), at: value.start, kind: "undecided", reason });
  }

  /** Once all sites are known: whatever else reads a constant or body would get another number. */
  judgeShared(): void {
    for (const { site, binding } of this.#shared)
      for (const reference of this.#scopes.referencesTo(binding)) {
        if (this.#taken.has(reference) || isHarmless(reference)) continue;
        this.#against(site, reference, `'${binding.name}' is used here, too, and not known to be OctoLLM's here`);
      }
  }
}

/** Whether a value is written out, so that nothing in it is a surprise. */
function isWritten(value: Node): boolean {
  return ["object", "list", "text", "number", "either", "other"].includes(value.kind);
}

function isOptions(value: ObjectLiteral): boolean {
  return value.entries.length > 0 && value.more.length === 0 && value.entries.every(({ key }) => optionNames.has(key));
}

/** Reading or setting one member, and comparing, hand nothing on. */
function isHarmless(reference: Node): boolean {
  const outer = reference.parent;
  if (outer?.kind === "equal") return true;
  if (outer?.kind !== "member") return false;
  const around = outer.parent;
  return !(around?.kind === "call" && around.callee === outer) || /^(get|keys|items|copy|values)$/.test(outer.name);
}
