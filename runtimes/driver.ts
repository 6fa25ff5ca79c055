import { createRequire } from "node:module";

import { processRuntime } from "./local/process";
import type { ContainerSpec, DeploymentSpec, Runtime, ServiceSpec } from "./runtime";

/** Every service by the driver of its kind. */
export const runtime: Runtime = {
  inspect: async (spec) => driverOf(spec).inspect(spec),
  start: async (spec, activity) => driverOf(spec).start(spec, activity),
  stop: async (spec, activity) => driverOf(spec).stop(spec, activity),
  urlOf: async (spec) => driverOf(spec).urlOf(spec),
  hostSeenBy: async (spec) => driverOf(spec).hostSeenBy(spec),
  markLog: async (spec) => driverOf(spec).markLog(spec),
  scanLog: async (spec, since, options) => driverOf(spec).scanLog(spec, since, options),
};

/** Whether a service is a container of a Docker engine. */
export function isContainer(spec: ServiceSpec): spec is ContainerSpec {
  return "container" in spec;
}

/** Whether a service is a Deployment of a Kubernetes cluster. */
export function isDeployment(spec: ServiceSpec): spec is DeploymentSpec {
  return "deployment" in spec;
}

/** What there is to do with containers; loaded when it is needed: others do not wait for the engine's client. */
export function containers(): typeof import("./docker/driver") {
  return createRequire(__filename)("./docker/driver") as typeof import("./docker/driver");
}

/** What there is to do with Deployments; loaded when it is needed, for the cluster's client takes a second. */
export function deployments(): typeof import("./kubernetes/driver") {
  return createRequire(__filename)("./kubernetes/driver") as typeof import("./kubernetes/driver");
}

function driverOf(spec: ServiceSpec): Runtime {
  if (isDeployment(spec)) return deployments().deploymentRuntime;
  return isContainer(spec) ? containers().containerRuntime : processRuntime;
}
