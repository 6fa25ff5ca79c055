import * as pulumi from "@pulumi/pulumi";
import type { RegisterResourceRequest } from "@pulumi/pulumi/proto/resource_pb";

import type { Plan } from "../../planner/plan";

/** One registration, as the engine would get it. */
export interface Registration {
  readonly type: string;
  readonly name: string;
  /** Name of the parent. */
  readonly parent: string;
  /** Names of those that must be there before. Mocks themselves do not show this: it is read off the request. */
  readonly dependsOn: readonly string[];
  /** Whether an explicit provider serves it. */
  readonly explicitProvider: boolean;
  /** Type of that provider; empty without one. */
  readonly provider: string;
  readonly deleteBeforeReplace: boolean;
  readonly retainOnDelete: boolean;
  readonly protect: boolean;
  readonly ignoreChanges: readonly string[];
  readonly inputs: Readonly<Record<string, unknown>>;
}

/** The mark that Pulumi gives a secret on its way to the engine. */
export const secretMark = "1b47061264138c4ac30d75fd1eb44270";

const typeOf = (urn: string) => urn.split("::")[2]?.split("$").at(-1) ?? "";
const nameOf = (urn: string) => urn.split("::")[3] ?? "";

/**
 * Runs a program against mocks and records what it registers, in that order.
 *
 * @param plan - what Preflight answers
 * @param others - what other types answer besides their inputs, and functions by their token
 */
export async function record(
  plan: Plan,
  program: () => unknown,
  others: Readonly<Record<string, (inputs: Readonly<Record<string, unknown>>) => object>> = {},
): Promise<readonly Registration[]> {
  const found: Registration[] = [];
  await pulumi.runtime.setMocks(
    {
      call: ({ token, inputs }) => others[token]?.(inputs as Record<string, unknown>) ?? {},
      newResource: ({ type, name, inputs }) => {
        const given = inputs as Record<string, unknown>;
        const outputs = type === "upgrade:index:Preflight" ? { plan } : others[type]?.(given);
        return { id: `${name}-id`, state: { ...given, ...outputs } };
      },
    },
    "octollm",
    "dev",
    false,
  );
  const monitor = pulumi.runtime.getMonitor() as {
    registerResource(request: RegisterResourceRequest, ...rest: unknown[]): unknown;
  };
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, ...rest) => {
    found.push({
      type: request.getType(),
      name: request.getName(),
      parent: nameOf(request.getParent()),
      dependsOn: request.getDependenciesList().map(nameOf).toSorted(),
      explicitProvider: request.getProvider() !== "",
      provider: typeOf(request.getProvider()),
      deleteBeforeReplace: request.getDeletebeforereplace() === true,
      retainOnDelete: request.getRetainondelete() === true,
      protect: request.getProtect() === true,
      ignoreChanges: request.getIgnorechangesList(),
      inputs: request.getObject()?.toJavaScript() ?? {},
    });
    return register(request, ...rest);
  };
  await pulumi.runtime.runInPulumiStack(() => {
    program();
    return Promise.resolve({});
  });
  await pulumi.runtime.disconnect();
  return found;
}
