import { NotImplementedError } from "../../errors";
import type { CheckRequest, CheckResult, DiffRequest, DiffResult } from "../../plugins/provider";
import { checkInputs, defaultsKey } from "./check";
import { diffOutputs } from "./diff";
import { container, network, remoteImage, type Schema, volume } from "./schema";

/** What is known of a type before an engine is asked. */
interface ResourceType {
  readonly schema: Schema;
  /** Whether a resource without a name gets one. */
  readonly named: boolean;
  /** When the old one goes before the new one comes. */
  readonly deleteFirst: "always" | "where the program names it" | "never";
}

const types: Readonly<Record<string, ResourceType>> = {
  "docker:index/container:Container": { schema: container, named: true, deleteFirst: "always" },
  "docker:index/network:Network": { schema: network, named: true, deleteFirst: "where the program names it" },
  "docker:index/volume:Volume": { schema: volume, named: true, deleteFirst: "where the program names it" },
  "docker:index/remoteImage:RemoteImage": { schema: remoteImage, named: false, deleteFirst: "never" },
};

/** @throws NotImplementedError for a type that only the plugin has */
export function resourceType(type: string): ResourceType {
  const found = types[type];
  if (found) return found;
  throw new NotImplementedError(
    `${type} without its plugin`,
    `Install pulumi-resource-docker, or use the Pulumi CLI. Without it there are ${Object.keys(types).join(", ")}.`,
  );
}

/** Checks what a program says of a resource, and fills in what it leaves to the provider. */
export function checkResource(request: CheckRequest): CheckResult {
  const { schema, named } = resourceType(request.type);
  return checkInputs(schema, request, named);
}

/** What a program's inputs change of a resource. */
export function diffResource(request: DiffRequest): DiffResult {
  const { schema, deleteFirst } = resourceType(request.type);
  const diff = diffOutputs(schema, request);
  const filledIn = request.news[defaultsKey];
  const isNamed = !(Array.isArray(filledIn) && filledIn.includes("name"));
  const first = deleteFirst === "always" || (deleteFirst !== "never" && isNamed);
  return { ...diff, deleteBeforeReplace: first && diff.replaceKeys.length > 0 };
}
