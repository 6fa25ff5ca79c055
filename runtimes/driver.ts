import { createRequire } from "node:module";

import { processRuntime } from "./local/process";
import type { ContainerSpec, Runtime, ServiceSpec } from "./runtime";

/** Every service by the driver of its kind. */
export const runtime: Runtime = {
  inspect: async (spec) => driverOf(spec).inspect(spec),
  start: async (spec, activity) => driverOf(spec).start(spec, activity),
  stop: async (spec, activity) => driverOf(spec).stop(spec, activity),
  markLog: async (spec) => driverOf(spec).markLog(spec),
  scanLog: async (spec, since, options) => driverOf(spec).scanLog(spec, since, options),
};

/** Whether a service is a container of a Docker engine. */
export function isContainer(spec: ServiceSpec): spec is ContainerSpec {
  return "container" in spec;
}

/** Drivers are loaded when they are needed: nobody waits for the client of an engine that is not in use. */
function driverOf(spec: ServiceSpec): Runtime {
  if (!isContainer(spec)) return processRuntime;
  const { containerRuntime } = createRequire(__filename)("./docker/container") as typeof import("./docker/container");
  return containerRuntime;
}
