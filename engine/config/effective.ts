import { ExitCode, OperatorError } from "../errors";
import { makeSecret, type PropertyMap } from "../property/value";
import type { ConfigDeclaration, Project } from "./project";
import type { Secrets } from "./secrets";
import { type ConfigNode, type ConfigValue, decryptNode, holdsSecret, type StackConfig, textOf } from "./stack-config";

/** The settings that a program is run with, by full key: the stack's own and the project's defaults. */
export type EffectiveConfig = Map<string, ConfigValue>;

function toValue(node: ConfigNode, secret: boolean): ConfigValue {
  return { value: textOf(node), secret, ...(typeof node === "object" && node !== null ? { object: node } : {}) };
}

function matches(value: ConfigValue, type: string, declaration: ConfigDeclaration): boolean {
  switch (type) {
    case "string":
      return value.object === undefined;
    case "boolean":
      return value.value === "true" || value.value === "false";
    case "integer":
      return value.object === undefined && /^[+-]?\d+$/.test(value.value);
    case "array":
      return (
        Array.isArray(value.object) &&
        value.object.every(
          (item) =>
            !declaration.items?.type ||
            matches(toValue(item, false), declaration.items.type, declaration.items as ConfigDeclaration),
        )
      );
    case "object":
      return value.object !== undefined && !Array.isArray(value.object);
    default:
      return true;
  }
}

function fault(
  project: Project,
  stack: string,
  key: string,
  declaration: ConfigDeclaration,
  value: ConfigValue | undefined,
): string | undefined {
  if (!value) {
    if (declaration.default !== undefined || declaration.value !== undefined || !key.startsWith(`${project.name}:`))
      return undefined;
    const about = declaration.description ? ` (${declaration.description})` : "";
    return `Stack '${stack}' is missing configuration value '${key.slice(project.name.length + 1)}'${about}`;
  }
  if (declaration.type && !matches(value, declaration.type, declaration)) {
    const items = declaration.items?.type ? ` of ${declaration.items.type}` : "";
    return `Stack '${stack}' with configuration key '${key.replace(`${project.name}:`, "")}' must be of type '${declaration.type}${items}'`;
  }
  return declaration.secret && !value.secret
    ? `Stack '${stack}' with configuration key '${key.replace(`${project.name}:`, "")}' must be encrypted as it's secret`
    : undefined;
}

/** The stack's settings with the project's defaults; with `validate`, a refusal that names every fault. */
export function effectiveConfig(
  project: Project,
  stack: string,
  config: StackConfig,
  secrets: Secrets | undefined,
  validate: boolean,
): EffectiveConfig {
  const effective: EffectiveConfig = new Map();
  for (const [key, node] of config.entries())
    effective.set(key, toValue(decryptNode(node, secrets, key), holdsSecret(node)));
  const faults: string[] = [];
  for (const [key, declaration] of project.config) {
    const found = fault(project, stack, key, declaration, effective.get(key));
    if (found && validate) faults.push(found);
    const preset = declaration.default ?? declaration.value;
    if (!effective.has(key) && preset !== undefined)
      effective.set(key, toValue(preset as ConfigNode, declaration.secret ?? false));
  }
  if (faults.length > 0) {
    const hint = faults.some((text) => text.includes("is missing"))
      ? "\nSet a missing value with `config set <key> [value]`."
      : "";
    throw new OperatorError(`${faults.join("\n")}${hint}`, ExitCode.configuration);
  }
  return effective;
}

/** What a provider's plugin finds in PULUMI_CONFIG and what its default provider is configured with. */
export function packageConfig(
  config: EffectiveConfig,
  packageName: string,
): { plain: Record<string, string>; inputs: PropertyMap } {
  const plain: Record<string, string> = {};
  const inputs: PropertyMap = {};
  for (const [key, { value, secret }] of config) {
    const [namespace = "", ...name] = key.split(":");
    if (namespace !== packageName) continue;
    plain[name.join(":")] = value;
    inputs[name.join(":")] = secret ? makeSecret(value) : value;
  }
  return { plain, inputs };
}
