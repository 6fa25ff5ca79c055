import { type Document, isMap, isScalar, LineCounter, type ParsedNode, parseDocument, type YAMLMap } from "yaml";

import { entriesOf, keyOf, type MergedEntry } from "./nodes";

/** A compose file cannot be used. The text names the file and, where it can, the line; never a value. */
export class ComposeFileError extends Error {
  constructor(path: string, reason: string) {
    super(
      `The compose file '${path}' cannot be used: ${reason}. Nothing was touched. ` +
        `Correct it (docker compose config checks it, too), then run the preview again.`,
    );
    this.name = "ComposeFileError";
  }
}

/** Top-level keys that take the services, or part of them, from other files. */
const further = ["include"];

/**
 * A docker-compose file as its operator wrote it: format 2, 3 or the Compose Specification. Immutable; edits make another
 * one out of another text.
 */
export class ComposeFile {
  /** The file's text, byte for byte when written as UTF-8. */
  readonly text: string;
  /** The file's path, for error texts. */
  readonly path: string;
  readonly document: Document.Parsed<ParsedNode>;
  readonly #lines: LineCounter;
  readonly #services: ReadonlyMap<string, YAMLMap>;

  private constructor(text: string, path: string) {
    this.text = text;
    this.path = path;
    this.#lines = new LineCounter();
    // Compose knows merge keys; they are resolved in nodes.ts, so that each value's own place stays known.
    this.document = parseDocument(text, {
      keepSourceTokens: true,
      lineCounter: this.#lines,
      uniqueKeys: false,
      version: "1.2",
      logLevel: "error",
    });
    const [error] = this.document.errors;
    if (error)
      throw this.fault(this.lineOf(error.pos[0]), error.message.split("\n")[0]?.replace(/ at line \d+.*$/, ""));
    this.#services = this.#readServices();
  }

  /**
   * Reads a compose file.
   *
   * @param content - the file's bytes, or its text
   * @param path - the file's path, for error texts
   * @throws ComposeFileError when it is no compose file, or compose itself would not read it
   */
  static parse(content: string | Uint8Array, path = "docker-compose.yml"): ComposeFile {
    const text = typeof content === "string" ? content : Buffer.from(content).toString("utf8");
    if (typeof content !== "string" && !Buffer.from(text, "utf8").equals(content))
      throw new ComposeFileError(path, "it is not UTF-8, which YAML has to be");
    return new ComposeFile(text, path);
  }

  /** The same file with another text. */
  withText(text: string): ComposeFile {
    return text === this.text ? this : new ComposeFile(text, this.path);
  }

  /** 1-based line of a position in the text. */
  lineOf(offset: number): number {
    return this.#lines.linePos(offset).line;
  }

  fault(line: number | null, reason = "it is no YAML"): ComposeFileError {
    return new ComposeFileError(this.path, `${line === null ? "" : `line ${line}: `}${reason}`);
  }

  #readServices(): ReadonlyMap<string, YAMLMap> {
    const root = this.document.contents;
    if (!isMap(root)) throw this.fault(null, "it is no mapping");
    const services = this.top("services")?.value;
    if (services === undefined)
      throw this.fault(null, "it has no 'services:' (files of Compose's first format are not read)");
    if (!isMap(services)) throw this.fault(null, "its 'services:' is no mapping");
    const found = new Map<string, YAMLMap>();
    for (const { key, value } of entriesOf(this.document, services)) {
      if (!isMap(value)) throw this.fault(null, `service '${key}' is no mapping`);
      found.set(key, value);
    }
    return found;
  }

  /** The entry of a top-level key. */
  top(key: string): MergedEntry | undefined {
    const root = this.document.contents;
    return isMap(root) ? entriesOf(this.document, root).find((entry) => entry.key === key) : undefined;
  }

  /** The services' names, in the file's order. */
  serviceNames(): string[] {
    return [...this.#services.keys()];
  }

  /**
   * A service's own mapping; merge keys and `extends` are not followed.
   *
   * @throws ComposeFileError when there is none of that name
   */
  service(name: string): YAMLMap {
    const service = this.#services.get(name);
    if (!service) throw this.fault(null, `it has no service '${name}'`);
    return service;
  }

  /**
   * A service and what it extends, base first.
   *
   * @throws ComposeFileError when it extends a service of another file, of none, or itself
   */
  lineage(name: string): YAMLMap[] {
    const found: YAMLMap[] = [];
    const seen = new Set<string>();
    for (let next: string | null = name; next !== null;) {
      if (seen.has(next)) throw this.fault(null, `service '${next}' extends itself`);
      seen.add(next);
      const service: YAMLMap = this.service(next);
      found.unshift(service);
      next = this.#baseOf(next, service);
    }
    return found;
  }

  #baseOf(name: string, service: YAMLMap): string | null {
    const base = entriesOf(this.document, service).find(({ key }) => key === "extends")?.value;
    if (base === undefined) return null;
    if (isScalar(base)) return keyOf(base);
    const entries = isMap(base) ? entriesOf(this.document, base) : [];
    if (entries.some(({ key }) => key === "file"))
      throw this.fault(null, `service '${name}' extends one of another file, which this program does not follow`);
    const value = entries.find(({ key }) => key === "service")?.value;
    if (!isScalar(value)) throw this.fault(null, `service '${name}' extends nothing that has a name`);
    return keyOf(value);
  }

  /** Top-level keys by which compose reads further files, which are not looked at. */
  furtherFiles(): string[] {
    return further.filter((key) => this.top(key) !== undefined);
  }
}
