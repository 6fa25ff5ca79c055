import fs from "node:fs";
import path from "node:path";

import { parse } from "yaml";

import { ExitCode, NotImplementedError, OperatorError } from "../errors";

/** One declared key of `config:` in Pulumi.yaml. */
export interface ConfigDeclaration {
  type?: string;
  items?: { type?: string };
  default?: unknown;
  value?: unknown;
  description?: string;
  secret?: boolean;
}

/** A Pulumi project: what Pulumi.yaml says, checked. */
export interface Project {
  name: string;
  /** The path of Pulumi.yaml; its folder is the program's root. */
  file: string;
  root: string;
  /** Folder and entry of the program. */
  programFolder: string;
  entryPoint: string;
  runtimeOptions: Record<string, unknown>;
  backendUrl: string | undefined;
  stackConfigFolder: string;
  /** Folders of provider plugins that the project declares, by package. */
  localPlugins: Map<string, string>;
  config: Map<string, ConfigDeclaration>;
  /** `options.refresh: always`. */
  alwaysRefresh: boolean;
}

const knownKeys = new Set([
  "name",
  "description",
  "author",
  "website",
  "license",
  "runtime",
  "main",
  "backend",
  "config",
  "stackConfigDir",
  "plugins",
  "template",
  "options",
]);

function findProjectFile(cwd: string): string {
  for (let folder = path.resolve(cwd); ; folder = path.dirname(folder)) {
    const found = ["Pulumi.yaml", "Pulumi.yml"]
      .map((name) => path.join(folder, name))
      .find((file) => fs.existsSync(file));
    if (found) return found;
    if (folder === path.dirname(folder)) break;
  }
  throw new OperatorError(
    `no Pulumi.yaml project file found (searching upwards from ${cwd}). Change to the project's folder first.`,
    ExitCode.configuration,
  );
}

type Json = Record<string, unknown>;
const objectOr = (value: unknown): Json => (typeof value === "object" && value !== null ? (value as Json) : {});

function readPlugins(file: string, value: unknown): Map<string, string> {
  const plugins = objectOr(value);
  const other = Object.keys(plugins).find((key) => key !== "providers" && (plugins[key] as unknown[] | null)?.length);
  if (other) throw new NotImplementedError(`plugins.${other} in ${file}`);
  const folders = new Map<string, string>();
  for (const entry of (plugins.providers as { name?: string; path?: string }[] | undefined) ?? []) {
    const folder = path.resolve(path.dirname(file), entry.path ?? "");
    if (!entry.name || !entry.path || !fs.existsSync(folder)) {
      throw new OperatorError(
        `${file}: the provider '${entry.name ?? "?"}' has no folder ${folder}`,
        ExitCode.configuration,
      );
    }
    folders.set(entry.name, folder);
  }
  return folders;
}

function readConfig(name: string, value: unknown): Map<string, ConfigDeclaration> {
  const config = new Map<string, ConfigDeclaration>();
  for (const [key, declared] of Object.entries(objectOr(value))) {
    const full = key.includes(":") ? key : `${name}:${key}`;
    const isDeclaration = typeof declared === "object" && declared !== null && !Array.isArray(declared);
    config.set(full, isDeclaration ? declared : { default: declared });
  }
  return config;
}

/** Reads the project that `cwd` is in. */
export function readProject(cwd: string): Project {
  const file = findProjectFile(cwd);
  let yaml: Json;
  try {
    yaml = objectOr(parse(fs.readFileSync(file, "utf8")));
  } catch (error) {
    throw new OperatorError(`${file} cannot be read: ${(error as Error).message}`, ExitCode.configuration);
  }
  const unknown = Object.keys(yaml).find((key) => !knownKeys.has(key));
  if (unknown) throw new NotImplementedError(`the key '${unknown}' of ${file}`);
  if (typeof yaml.name !== "string")
    throw new OperatorError(`${file}: the project has no name`, ExitCode.configuration);
  const runtime = typeof yaml.runtime === "string" ? { name: yaml.runtime } : objectOr(yaml.runtime);
  if (runtime.name !== "nodejs") throw new NotImplementedError(`the runtime '${String(runtime.name)}' of ${file}`);
  const root = path.dirname(file);
  const main = typeof yaml.main === "string" ? path.resolve(root, yaml.main) : root;
  const isFolder = fs.existsSync(main) && fs.statSync(main).isDirectory();
  return {
    name: yaml.name,
    file,
    root,
    programFolder: isFolder ? main : path.dirname(main),
    entryPoint: isFolder ? "." : path.basename(main),
    runtimeOptions: objectOr(runtime.options),
    backendUrl: objectOr(yaml.backend).url as string | undefined,
    stackConfigFolder: path.resolve(root, (yaml.stackConfigDir as string | undefined) ?? "."),
    localPlugins: readPlugins(file, yaml.plugins),
    config: readConfig(yaml.name, yaml.config),
    alwaysRefresh: objectOr(yaml.options).refresh === "always",
  };
}
