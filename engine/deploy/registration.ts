import type { Alias } from "@pulumi/pulumi/proto/alias_pb";
import type { ReadResourceRequest, RegisterResourceRequest } from "@pulumi/pulumi/proto/resource_pb";

import { NotImplementedError, OperatorError } from "../errors";
import type { PropertyMap } from "../property/value";
import { fromStruct, fromValue } from "../property/wire";
import type { CustomTimeouts } from "../state/resource";
import { isProviderType } from "../state/urn";
import { type Goal, plainGoal } from "./goal";
import { sourcePosition, stackTrace } from "./source-position";

const units: Record<string, number> = { h: 3600, m: 60, s: 1, ms: 1e-3, us: 1e-6, µs: 1e-6, ns: 1e-9 };

/** Seconds of a Go duration like `1h30m` or `2.5s`. */
export function parseDuration(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join("") !== text) {
    throw new OperatorError(`invalid timeout '${text}': expected a duration like 30s, 5m or 1h30m`);
  }
  return parts.reduce((seconds, [, amount, unit]) => seconds + Number(amount) * (units[unit ?? "s"] ?? 1), 0);
}

function timeouts(request: RegisterResourceRequest): CustomTimeouts {
  const given = request.getCustomtimeouts();
  const read: CustomTimeouts = {};
  const texts = {
    create: given?.getCreate(),
    update: given?.getUpdate(),
    delete: given?.getDelete(),
    read: given?.getRead(),
  };
  for (const [operation, text] of Object.entries(texts))
    if (text) read[operation as keyof typeof texts] = parseDuration(text);
  return read;
}

/** Whether an alias tells only what a type was called in earlier versions of its package; the SDK adds the parent. */
function isFormerType(alias: Alias, request: RegisterResourceRequest): boolean {
  const { type = "", parenturn = "", ...others } = alias.getSpec()?.toObject() ?? {};
  return type !== "" && (parenturn === "" || parenturn === request.getParent()) && !Object.values(others).some(Boolean);
}

/** Options that this engine does not have, refused by name. */
function refuseOptions(request: RegisterResourceRequest): void {
  const hooks = request.getHooks()?.toObject() ?? {};
  const used: [string, boolean][] = [
    [
      "aliases",
      request.getAliasurnsList().length > 0 || request.getAliasesList().some((alias) => !isFormerType(alias, request)),
    ],
    ["import", request.getImportid() !== ""],
    ["hooks", Object.values(hooks).some((names) => Array.isArray(names) && names.length > 0)],
    ["transforms", request.getTransformsList().length > 0],
    ["replaceWith", request.getReplaceWithList().length > 0],
    ["remote components", request.getRemote()],
    ["envVarMappings", request.getEnvvarmappingsMap().getLength() > 0],
    ["parameterized packages", request.getPackageref() !== ""],
  ];
  const refused = used.find(([, isUsed]) => isUsed);
  if (refused)
    throw new NotImplementedError(
      `the resource option '${refused[0]}', which ${request.getType()} '${request.getName()}' uses`,
    );
}

function propertyDependencies(request: RegisterResourceRequest): Record<string, string[]> {
  const dependencies: Record<string, string[]> = {};
  request.getPropertydependenciesMap().forEach((value, key) => (dependencies[key] = value.getUrnsList()));
  return dependencies;
}

/** A provider that a program declares keeps its package's version among its inputs. */
function inputsOf(request: RegisterResourceRequest): PropertyMap {
  const inputs = fromStruct(request.getObject());
  const version = request.getVersion();
  return isProviderType(request.getType()) && version !== "" ? { ...inputs, version } : inputs;
}

/** Reads a registration off the wire. */
export function goalOf(request: RegisterResourceRequest, root: string): Goal {
  refuseOptions(request);
  const providers = new Map<string, string>();
  request.getProvidersMap().forEach((reference, name) => providers.set(name, reference));
  return {
    type: request.getType(),
    formerTypes: request.getAliasesList().flatMap((alias) => alias.getSpec()?.getType() ?? []),
    name: request.getName(),
    custom: request.getCustom(),
    inputs: inputsOf(request),
    parent: request.getParent(),
    protect: request.hasProtect() ? request.getProtect() : undefined,
    dependencies: [...new Set(request.getDependenciesList())].sort(),
    provider: request.getProvider(),
    version: request.getVersion(),
    pluginDownloadURL: request.getPlugindownloadurl(),
    providers,
    propertyDependencies: propertyDependencies(request),
    deleteBeforeReplace: request.getDeletebeforereplacedefined() ? request.getDeletebeforereplace() : undefined,
    ignoreChanges: request.getIgnorechangesList(),
    additionalSecretOutputs: request.getAdditionalsecretoutputsList(),
    customTimeouts: timeouts(request),
    replaceOnChanges: request.getReplaceonchangesList(),
    retainOnDelete: request.hasRetainondelete() ? request.getRetainondelete() : undefined,
    deletedWith: request.getDeletedwith(),
    hideDiffs: request.getHidediffsList(),
    replacementTrigger: request.hasReplacementTrigger() ? fromValue(request.getReplacementTrigger()) : undefined,
    sourcePosition: sourcePosition(root, request.getSourceposition()),
    stackTrace: stackTrace(root, request.getStacktrace()),
  };
}

/** Reads off the wire what a program wants to read: a resource that its stack does not own. */
export function readGoalOf(request: ReadResourceRequest, root: string): Goal {
  if (request.getId() === "") throw new OperatorError(`reading '${request.getName()}' needs an id`);
  if (request.getPackageref() !== "") throw new NotImplementedError("parameterized packages");
  return {
    ...plainGoal(request.getType(), request.getName(), fromStruct(request.getProperties())),
    readId: request.getId(),
    parent: request.getParent(),
    dependencies: [...new Set(request.getDependenciesList())].sort(),
    provider: request.getProvider(),
    version: request.getVersion(),
    pluginDownloadURL: request.getPlugindownloadurl(),
    additionalSecretOutputs: request.getAdditionalsecretoutputsList(),
    sourcePosition: sourcePosition(root, request.getSourceposition()),
    stackTrace: stackTrace(root, request.getStacktrace()),
  };
}
