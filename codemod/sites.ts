import type { Binding, SourceFile } from "./scopes";
import type { Call, Node, Span } from "./tree";

/** One replacement in a file. */
export interface Edit extends Span {
  readonly file: SourceFile;
  readonly text: string;
}

/** A place that a person has to look at. */
export interface Finding {
  readonly file: SourceFile;
  readonly at: number;
  /** `undecided`: it could not be told what is right; `removed`: it uses what the release no longer has. */
  readonly kind: "undecided" | "removed";
  readonly reason: string;
  /** A number in a call such as `x.tasks.create(...)`, which may be one of the SDK. */
  readonly ofSdkCall?: boolean;
}

/** One use of OctoLLM's API: what is to change there, and what speaks against it. */
export interface Site {
  readonly file: SourceFile;
  readonly at: number;
  readonly end: number;
  /** `new`: it speaks the release's language already, and nothing is changed. */
  readonly state: "old" | "new";
  readonly edits: Edit[];
  readonly against: Finding[];
  /** Files in which the address or the client is handed on to where it cannot be followed. */
  readonly handedOn: Set<SourceFile>;
  /** A client of the SDK: a call that is not seen to be its own may be so. */
  readonly isClient: boolean;
}

/**
 * All uses that were found. Uses that share a constant, a body or a client go together: they are changed all or none,
 * so that an old path always means an old number.
 */
export class Sites {
  readonly all: Site[] = [];
  readonly #owner = new Map<Site, Site>();
  readonly #byKey = new Map<unknown, Site>();
  readonly #byCall = new Map<Node, Site>();
  /** Nodes whose meaning is known, so that they are not reported. */
  readonly understood = new Set<Node>();

  add(call: Node, file: SourceFile, state: Site["state"], isClient = false): Site {
    const { start: at, end } = call;
    const site: Site = { file, at, end, state, edits: [], against: [], handedOn: new Set(), isClient };
    this.all.push(site);
    if (!this.#byCall.has(call)) this.#byCall.set(call, site);
    else this.together(site, this.#byCall.get(call) ?? site);
    return site;
  }

  of(call: Call): Site | undefined {
    return this.#byCall.get(call);
  }

  /** Notes what speaks against changing a site; one that is right already needs no change. */
  refuse(site: Site, finding: Finding): void {
    if (site.state === "old") site.against.push(finding);
  }

  edit(site: Site, edit: Edit): void {
    site.edits.push(edit);
    this.share(site, `${edit.file.path}:${edit.start}`);
  }

  /** Notes that a site depends on what others may depend on as well. */
  share(site: Site, key: string | Binding | Node): void {
    const first = this.#byKey.get(key);
    if (first) this.together(first, site);
    else this.#byKey.set(key, site);
  }

  together(one: Site, other: Site): void {
    const [left, right] = [this.#rootOf(one), this.#rootOf(other)];
    if (left !== right) this.#owner.set(right, left);
  }

  #rootOf(site: Site): Site {
    let root = site;
    for (let next = this.#owner.get(root); next; next = this.#owner.get(root)) root = next;
    return root;
  }

  /** Sites that are changed all or none. */
  groups(): Site[][] {
    const groups = new Map<Site, Site[]>();
    for (const site of this.all) {
      const root = this.#rootOf(site);
      groups.set(root, [...(groups.get(root) ?? []), site]);
    }
    return [...groups.values()];
  }
}
