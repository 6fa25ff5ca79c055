import { isMap, isScalar, isSeq, type Node } from "yaml";

import { type DotenvFile, expandedValues } from "../environment/dotenv-file";
import type { ComposeFile } from "./compose-file";
import { interpolate, InterpolationError, type Values } from "./interpolate";
import { entriesOf, keyOf, resolved, scalarText, valueAt } from "./nodes";

/** What a container's environment holds under one name. */
export interface ServiceVariable {
  /** Null: compose passes the name without a value, and the variable of the image is taken away. */
  readonly value: string | null;
  readonly from: "env_file" | "environment";
}

/** A file that `env_file` names. */
export interface EnvFile {
  /** As the service has it, filled in; relative to the compose file's folder. */
  readonly path: string;
  readonly required: boolean;
  /** `raw`: nothing in it is expanded or unquoted. */
  readonly format: "compose" | "raw";
}

/** What a service's environment is made of besides the compose file. */
export interface EnvironmentSources {
  /** The variables of `.env`, expanded. */
  readonly values: Values;
  /** The files that `env_file` names, by path as `envFiles` gives it; one that is absent is left out. */
  readonly files: ReadonlyMap<string, DotenvFile>;
}

/**
 * Fills a text in, naming the place where that cannot be done.
 *
 * @throws ComposeFileError
 */
export function fillIn(file: ComposeFile, text: string, values: Values, node?: Node | null): string {
  try {
    return interpolate(text, values);
  } catch (error) {
    if (!(error instanceof InterpolationError)) throw error;
    const offset = node?.range?.[0];
    throw file.fault(offset === undefined ? null : file.lineOf(offset), `a value ${error.reason}`);
  }
}

/**
 * The files from which a service takes variables, in compose's order: later ones count before earlier ones.
 *
 * @param values - the variables of `.env`, expanded
 * @throws ComposeFileError when the service is not there or cannot be read
 */
export function envFiles(file: ComposeFile, service: string, values: Values): EnvFile[] {
  const { document } = file;
  return file.lineage(service).flatMap((map) => {
    const node = valueAt(document, map, "env_file");
    const items = isSeq(node) ? node.items.map((item) => resolved(document, item)) : [node];
    return items.flatMap((item): EnvFile[] => {
      if (isScalar(item)) {
        const path = scalarText(item);
        return path === null ? [] : [{ path: fillIn(file, path, values, item), required: true, format: "compose" }];
      }
      return isMap(item) ? longEnvFile(file, item, values) : [];
    });
  });
}

function longEnvFile(file: ComposeFile, map: Parameters<typeof entriesOf>[1], values: Values): EnvFile[] {
  const text = (key: string) => {
    const node = valueAt(file.document, map, key);
    const plain = isScalar(node) ? scalarText(node) : null;
    return plain === null ? null : fillIn(file, plain, values, node);
  };
  const path = text("path");
  if (path === null) return [];
  return [{ path, required: text("required") !== "false", format: text("format") === "raw" ? "raw" : "compose" }];
}

/**
 * What docker compose puts into a service's container: the variables of its `env_file`s, and of its `environment`, which
 * counts before them. The variables of `.env` get there only by reference, by name, or when `env_file` names it. What the
 * shell of an operator would add is not known here.
 *
 * @throws ComposeFileError when the service cannot be read, or a file that it requires is not among the sources
 */
export function serviceEnvironment(
  file: ComposeFile,
  service: string,
  { values, files }: EnvironmentSources,
): Map<string, ServiceVariable> {
  const found = new Map<string, ServiceVariable>();
  for (const { path, required, format } of envFiles(file, service, values)) {
    const content = files.get(path);
    if (!content && required) throw file.fault(null, `service '${service}' needs '${path}', which is not there`);
    if (!content) continue;
    const expanded = format === "raw" ? rawValues(content) : expandedValues(content, values);
    for (const [key, value] of Object.entries(expanded)) found.set(key, { value, from: "env_file" });
  }
  for (const map of file.lineage(service))
    for (const { key, value } of writtenEnvironment(file, map, values)) {
      const given = value ?? (Object.hasOwn(values, key) ? (values[key] ?? null) : null);
      found.set(key, { value: given, from: "environment" });
    }
  return found;
}

function rawValues(file: DotenvFile): Record<string, string> {
  return Object.fromEntries(file.keys().map((key) => [key, file.rawValue(key) ?? ""]));
}

/** The variables of a service's own `environment`, filled in; null for those that are only named. */
function writtenEnvironment(
  file: ComposeFile,
  service: Parameters<typeof entriesOf>[1],
  values: Values,
): { key: string; value: string | null }[] {
  const { document } = file;
  const node = valueAt(document, service, "environment");
  if (isMap(node))
    return entriesOf(document, node).map(({ key, value }) => {
      const text = isScalar(value) ? scalarText(value) : null;
      return { key, value: text === null ? null : fillIn(file, text, values, value) };
    });
  if (!isSeq(node)) return [];
  return node.items.flatMap((item) => {
    const scalar = resolved(document, item);
    if (!isScalar(scalar)) return [];
    const text = fillIn(file, keyOf(scalar), values, scalar);
    const equals = text.indexOf("=");
    return [equals < 0 ? { key: text, value: null } : { key: text.slice(0, equals), value: text.slice(equals + 1) }];
  });
}
