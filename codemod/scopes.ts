import { dirname, join, normalize } from "node:path/posix";

import { everyNode, type FunctionLike, type Node } from "./tree";

/** A source file as it was read, and what it is made of. */
export interface SourceFile {
  /** Below the folder, with `/`. */
  readonly path: string;
  readonly language: "python" | "javascript";
  readonly text: string;
  readonly root: Node;
}

/** One place that gives a name its meaning. */
export interface Binding {
  readonly name: string;
  readonly file: SourceFile;
  readonly kind: "value" | "parameter" | "function" | "import" | "class";
  /** The assignment, function, import or class. */
  readonly node: Node;
  /** The one expression that it stands for; of a parameter, its default. */
  readonly value: Node | null;
}

type Names = Map<string, Binding[]>;

/** The files of one run, and what their names stand for. */
export class Scopes {
  readonly files: readonly SourceFile[];
  readonly #byPath: ReadonlyMap<string, SourceFile>;
  readonly #fileOf = new Map<Node, SourceFile>();
  readonly #names = new Map<Node, Names>();
  /** Names that a function takes from further out, by its own word. */
  readonly #outer = new Map<Node, ReadonlySet<string>>();
  #references: Map<Binding, Node[]> | null = null;

  constructor(files: readonly SourceFile[]) {
    this.files = files;
    this.#byPath = new Map(files.map((file) => [file.path, file]));
    for (const file of files) {
      this.#fileOf.set(file.root, file);
      for (const node of everyNode(file.root)) if (node.kind === "outer") this.#declareOuter(node, node.names);
      for (const node of everyNode(file.root)) this.#declare(node, file);
    }
  }

  /** The file that a node stands in. */
  fileOf(node: Node): SourceFile {
    let root = node;
    while (root.parent) root = root.parent;
    const file = this.#fileOf.get(root);
    if (!file) throw new Error("A node of no file");
    return file;
  }

  #declareOuter(node: Node, names: readonly string[]): void {
    const owner = enclosing(node, "function");
    if (owner) this.#outer.set(owner, new Set([...(this.#outer.get(owner) ?? []), ...names]));
  }

  #declare(node: Node, file: SourceFile): void {
    const at = { file, node };
    if (node.kind === "import")
      for (const { local } of node.names) this.#add(node, { ...at, name: local, kind: "import", value: null });
    else if (node.kind === "class") this.#add(node, { ...at, name: node.name, kind: "class", value: null });
    else if (node.kind === "function") {
      const { name } = node;
      if (name !== null) this.#add(node, { ...at, name, kind: "function", value: null });
      for (const { name: parameter, fallback } of node.parameters)
        this.#put(node, { ...at, name: parameter, kind: "parameter", value: fallback });
    } else if (node.kind === "assign") this.#assign(node, node.target, node.value, node.declares);
  }

  #assign(node: Node, target: Node, value: Node | null, declares: boolean): void {
    const file = this.fileOf(node);
    if (target.kind === "name") {
      const binding: Binding = { name: target.name, file, kind: "value", node, value };
      if (declares) this.#add(node, binding);
      else this.#put(this.#scopeThatHas(node, target.name) ?? file.root, binding);
    } else if (target.kind === "member") {
      const owner = isSelf(target.object) ? enclosing(node, "class") : null;
      if (owner) this.#put(owner, { name: target.name, file, kind: "value", node, value });
    } else for (const part of everyNode(target)) if (part.kind === "name") this.#assign(node, part, null, declares);
  }

  #add(node: Node, binding: Binding): void {
    const scope = enclosing(node, "function", "class", "block");
    const isOuter = scope && this.#outer.get(scope)?.has(binding.name);
    this.#put(isOuter || !scope ? binding.file.root : scope, binding);
  }

  #put(scope: Node, binding: Binding): void {
    const names = this.#names.get(scope) ?? new Map<string, Binding[]>();
    this.#names.set(scope, names);
    names.set(binding.name, [...(names.get(binding.name) ?? []), binding]);
  }

  #scopeThatHas(node: Node, name: string): Node | null {
    let passedFunction = false;
    for (let at = node.parent; at; at = at.parent) {
      const visible = at.kind !== "class" || !passedFunction;
      if (visible && this.#names.get(at)?.has(name)) return at;
      if (at.kind === "function") passedFunction = true;
    }
    return null;
  }

  /**
   * What a name, or a member such as `self.url` and `config.URL`, stands for.
   *
   * @returns every place that gives it a value; empty when none is known
   */
  resolve(node: Node): readonly Binding[] {
    if (node.kind === "name") return this.#lookUp(node, node.name).flatMap((found) => this.#beyondImport(found));
    if (node.kind !== "member") return [];
    if (isSelf(node.object)) return this.#membersOf(enclosing(node, "class"), node.name);
    if (node.object.kind !== "name") return [];
    return this.#lookUp(node, node.object.name).flatMap((owner) => {
      if (owner.kind === "class") return this.#membersOf(owner.node, node.name);
      const module = owner.kind === "import" ? this.#importedModule(owner) : null;
      return module ? this.#exported(module, node.name) : [];
    });
  }

  /** Names of a scope, without following imports. */
  #lookUp(node: Node, name: string): readonly Binding[] {
    const scope = this.#scopeThatHas(node, name);
    return (scope && this.#names.get(scope)?.get(name)) ?? [];
  }

  #membersOf(owner: Node | null, name: string): readonly Binding[] {
    return (owner && this.#names.get(owner)?.get(name)) ?? [];
  }

  #exported(file: SourceFile, name: string, seen: ReadonlySet<SourceFile> = new Set()): readonly Binding[] {
    if (seen.has(file)) return [];
    const found = this.#names.get(file.root)?.get(name) ?? [];
    return found.flatMap((binding) => this.#beyondImport(binding, new Set([...seen, file])));
  }

  #beyondImport(binding: Binding, seen: ReadonlySet<SourceFile> = new Set()): readonly Binding[] {
    const source = this.importOf(binding);
    const module = source && this.#moduleFile(binding.file, source.module);
    if (!source || !module || source.imported === null) return [binding];
    const found = this.#exported(module, source.imported, seen);
    return found.length > 0 ? found : [binding];
  }

  #importedModule(binding: Binding): SourceFile | null {
    const source = this.importOf(binding);
    if (!source) return null;
    const whole = source.imported === null ? source.module : `${source.module.replace(/\.$/, "")}.${source.imported}`;
    return this.#moduleFile(binding.file, whole);
  }

  /** Module and name that an import brings; null for any other binding. */
  importOf({ node, name }: Binding): { module: string; imported: string | null } | null {
    if (node.kind !== "import") return null;
    const found = node.names.find(({ local }) => local === name);
    return found ? { module: node.module, imported: found.imported } : null;
  }

  #moduleFile(from: SourceFile, module: string): SourceFile | null {
    const candidates = from.language === "python" ? pythonFiles(from.path, module) : scriptFiles(from.path, module);
    for (const path of candidates) {
      const found = this.#byPath.get(normalize(path));
      if (found) return found;
    }
    return null;
  }

  /** Every place that reads what this binding gives. */
  referencesTo(binding: Binding): readonly Node[] {
    this.#references ??= this.#collectReferences();
    return this.#references.get(binding) ?? [];
  }

  #collectReferences(): Map<Binding, Node[]> {
    const references = new Map<Binding, Node[]>();
    for (const file of this.files)
      for (const node of everyNode(file.root)) {
        if (node.parent?.kind === "assign" && node.parent.target === node) continue;
        for (const binding of this.resolve(node)) references.set(binding, [...(references.get(binding) ?? []), node]);
      }
    return references;
  }

  /** What a pytest fixture of this name hands out, in this file or a conftest.py above it. */
  fixture(file: SourceFile, name: string): readonly Node[] {
    const folders = foldersAbove(file.path);
    const places = [file, ...folders.flatMap((folder) => this.#byPath.get(join(folder, "conftest.py")) ?? [])];
    for (const place of places) {
      const found = this.#names
        .get(place.root)
        ?.get(name)
        ?.find(({ node }) => isFixture(node));
      if (found?.node.kind === "function") return returnsOf(found.node);
    }
    return [];
  }
}

function isSelf(node: Node): boolean {
  return node.kind === "name" && /^(self|cls|this)$/.test(node.name);
}

/** Whether a function hands something to pytest's tests. */
export function isFixture(node: Node): boolean {
  if (node.kind !== "function") return false;
  return node.decorators.some((decorator) =>
    [...everyNode(decorator)].some(
      (part) => (part.kind === "name" || part.kind === "member") && part.name === "fixture",
    ),
  );
}

/** The nearest node of these kinds around another. */
export function enclosing(node: Node, ...kinds: Node["kind"][]): Node | null {
  for (let at = node.parent; at; at = at.parent) if (kinds.includes(at.kind)) return at;
  return null;
}

/** The values that a function itself gives back. */
export function returnsOf(owner: FunctionLike): readonly Node[] {
  return [...everyNode(owner)].flatMap((node) =>
    node.kind === "return" && node.value && enclosing(node, "function") === owner ? [node.value] : [],
  );
}

function foldersAbove(path: string): string[] {
  const folders = [dirname(path)];
  for (let last = folders[0]; last && last !== "."; last = folders.at(-1)) folders.push(dirname(last));
  return folders;
}

function pythonFiles(from: string, module: string): string[] {
  const [, dots = "", rest = ""] = /^(\.*)(.*)$/.exec(module) ?? [];
  const below = rest.replaceAll(".", "/");
  const folders =
    dots === "" ? foldersAbove(from) : [join(dirname(from), ...Array<string>(dots.length - 1).fill(".."))];
  return folders.flatMap((folder) => [
    ...(below === "" ? [] : [join(folder, `${below}.py`)]),
    join(folder, below, "__init__.py"),
  ]);
}

function scriptFiles(from: string, module: string): string[] {
  if (!module.startsWith(".")) return [];
  const path = join(dirname(from), module);
  const bare = path.replace(/\.[cm]?jsx?$/, "");
  const endings = [".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs", "/index.ts", "/index.js"];
  return [path, ...endings.map((ending) => bare + ending)];
}
