import path from "node:path";

import { type Document, isMap, isSeq, parseDocument } from "yaml";

import { readIfThere, writeDurably } from "../backend/files";
import { ExitCode, NotImplementedError, OperatorError } from "../errors";
import { formatPath, parsePath, type PathElement } from "../property/path";
import type { Project } from "./project";
import type { Secrets } from "./secrets";

/** A value of the stack's settings as it stands in the file; `{secure: ciphertext}` may stand anywhere in it. */
export type ConfigNode = null | boolean | number | string | ConfigNode[] | { [key: string]: ConfigNode };

/** One setting, decrypted. */
export interface ConfigValue {
  /** Scalars as text, objects and arrays as JSON text: what a program is given. */
  value: string;
  secret: boolean;
  /** The object or array itself. */
  object?: ConfigNode;
}

/** A setting as a program is given it: scalars as they are, all else as JSON with its keys in order. */
export function textOf(node: ConfigNode): string {
  return typeof node === "object" && node !== null ? JSON.stringify(sorted(node)) : String(node ?? "");
}

function sorted(node: ConfigNode): ConfigNode {
  if (typeof node !== "object" || node === null) return node;
  if (Array.isArray(node)) return node.map(sorted);
  const entries = Object.entries(node).sort(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item)]));
}

const knownKeys = new Set(["encryptionsalt", "config", "secretsprovider"]);

function isSecure(node: ConfigNode): node is { secure: string } {
  return (
    typeof node === "object" &&
    node !== null &&
    !Array.isArray(node) &&
    typeof node.secure === "string" &&
    Object.keys(node).length === 1
  );
}

/** Whether a value of the settings holds anything encrypted. */
export function holdsSecret(node: ConfigNode): boolean {
  if (typeof node !== "object" || node === null) return false;
  return isSecure(node) || Object.values(node).some(holdsSecret);
}

/** The value with its secrets decrypted. */
export function decryptNode(node: ConfigNode, secrets: Secrets | undefined, key: string): ConfigNode {
  if (typeof node !== "object" || node === null) return node;
  if (Array.isArray(node)) return node.map((item) => decryptNode(item, secrets, key));
  if (isSecure(node)) {
    if (!secrets)
      throw new OperatorError(
        `the setting '${key}' is secret, but the stack has no encryptionsalt`,
        ExitCode.configuration,
      );
    try {
      return secrets.decrypt(node.secure);
    } catch {
      throw new OperatorError(
        `the secret setting '${key}' cannot be decrypted with this stack's passphrase`,
        ExitCode.configuration,
      );
    }
  }
  return Object.fromEntries(Object.entries(node).map(([name, item]) => [name, decryptNode(item, secrets, key)]));
}

/** `Pulumi.<stack>.yaml`: read and changed with its comments, order and quoting kept. */
export class StackConfig {
  readonly file: string;
  readonly #project: string;
  readonly #document: Document;
  readonly #found: boolean;

  /** @param file - in place of the stack's own */
  constructor(project: Project, stack: string, file?: string) {
    this.file = file ?? path.join(project.stackConfigFolder, `Pulumi.${stack}.yaml`);
    this.#project = project.name;
    const text = readIfThere(this.file);
    this.#found = text !== undefined;
    this.#document = parseDocument(text ?? "");
    this.#check();
  }

  #check(): void {
    const [error] = this.#document.errors;
    if (error) throw new OperatorError(`${this.file} cannot be read: ${error.message}`, ExitCode.configuration);
    const contents: unknown = this.#document.toJS() ?? {};
    if (typeof contents !== "object" || Array.isArray(contents)) {
      throw new OperatorError(`${this.file} cannot be read: it is not a map`, ExitCode.configuration);
    }
    const unknown = Object.keys(contents as object).find((key) => !knownKeys.has(key));
    if (unknown) throw new NotImplementedError(`the key '${unknown}' of ${this.file}`);
    const provider = (contents as { secretsprovider?: string }).secretsprovider;
    if (provider && provider !== "passphrase")
      throw new NotImplementedError(`the secrets provider '${provider}' of ${this.file}`);
  }

  get salt(): string | undefined {
    return this.#document.get("encryptionsalt") as string | undefined;
  }

  set salt(salt: string) {
    this.#document.set("encryptionsalt", salt);
  }

  /** All settings by full key, in the file's order. */
  entries(): Map<string, ConfigNode> {
    const config = (this.#document.toJS() as { config?: Record<string, ConfigNode> } | null)?.config ?? {};
    return new Map(Object.entries(config).map(([key, node]) => [this.fullKey(key), node]));
  }

  /** A key with its namespace: the project's, when none is written. */
  fullKey(key: string): string {
    return key.includes(":") ? key : `${this.#project}:${key}`;
  }

  /** The way to a value: its key, and with `--path` the elements within it. */
  #locate(key: string, asPath: boolean): PathElement[] {
    if (!asPath) return ["config", this.#presentKey(key)];
    const colon = key.indexOf(":");
    const parsed = parsePath(key.slice(colon + 1));
    if (!parsed) throw new OperatorError(`invalid config path '${key}'`, ExitCode.configuration);
    const [first, ...rest] = parsed;
    return ["config", this.#presentKey(`${key.slice(0, colon + 1)}${String(first)}`), ...rest];
  }

  #presentKey(key: string): string {
    return this.#document.hasIn(["config", key]) ? key : this.fullKey(key);
  }

  get(key: string, asPath = false): ConfigNode | undefined {
    const node: unknown = this.#document.getIn(this.#locate(key, asPath));
    const value =
      node && typeof node === "object" && "toJSON" in node ? (node as { toJSON(): ConfigNode }).toJSON() : node;
    return value as ConfigNode | undefined;
  }

  /** @throws OperatorError when the path leads through a scalar, past the end of an array, or into it by a name */
  set(key: string, value: ConfigNode, asPath = false): void {
    const location = this.#locate(key, asPath);
    if (!isMap(this.#document.get("config"))) this.#document.set("config", this.#document.createNode({}));
    for (let depth = 2; depth < location.length; depth++) {
      const outer = location.slice(0, depth);
      const next = location[depth];
      const present: unknown = this.#document.getIn(outer);
      // A text of the first level gives way, as with the Pulumi CLI.
      if (present === undefined || (depth === 2 && typeof present === "string"))
        this.#document.setIn(outer, this.#document.createNode(typeof next === "number" ? [] : {}));
      else if (isSeq(present) ? !(typeof next === "number" && next <= present.items.length) : !isMap(present))
        throw new OperatorError(
          `'${key}' cannot be set: ${formatPath(outer.slice(1))} has no place for '${String(next)}'. Nothing was changed.`,
          ExitCode.configuration,
        );
    }
    this.#document.setIn(location, this.#document.createNode(value));
  }

  remove(key: string, asPath = false): boolean {
    return this.#document.deleteIn(this.#locate(key, asPath));
  }

  save(): void {
    writeDurably(this.file, this.text, 0o644);
  }

  /** The file as it would be saved now. */
  get text(): string {
    return this.#document.toString({ lineWidth: 0 });
  }

  /** Whether the file was there. */
  get exists(): boolean {
    return this.#found;
  }
}
