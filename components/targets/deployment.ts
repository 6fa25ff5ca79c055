import { createRequire } from "node:module";

import type * as pulumi from "@pulumi/pulumi";

import type { DeployPlan } from "../../planner/plan";
import type { Settings } from "../../settings";

/** What every target is given: which release of which installation, in which attempt. */
export interface DeploymentArgs {
  readonly settings: Settings;
  readonly attempt: pulumi.Input<number>;
  readonly release: pulumi.Input<string>;
  /** What the plan declares: each target looks for its own part. */
  readonly deploy: pulumi.Output<DeployPlan>;
  /** Of our own resources; absent for the default one. */
  readonly provider: pulumi.ProviderResource | undefined;
}

/** A target's component, and what must be there before the release serves. */
export interface Deployment extends pulumi.ComponentResource {
  readonly services: pulumi.Input<pulumi.Resource[]>;
}

/** What a target makes before the installation can be looked at, and what has to be there by then. */
export interface Ground extends pulumi.ComponentResource {
  readonly ready: pulumi.Resource[];
}

export type GroundArgs = Pick<DeploymentArgs, "settings" | "provider">;

type Deploy = new (name: string, args: DeploymentArgs, options?: pulumi.ComponentResourceOptions) => Deployment;

// The SDKs of all targets would take long to load: only the one in use is.
const load = createRequire(__filename);

/** What runs where: one component per target. */
const targets: Readonly<Record<Settings["target"], () => Deploy>> = {
  local: () => (load("./local") as typeof import("./local")).LocalDeployment,
  docker: () => (load("./docker") as typeof import("./docker")).DockerDeployment,
  kubernetes: () => (load("./kubernetes") as typeof import("./kubernetes")).KubernetesDeployment,
};

/** Makes what a fresh installation stands on; nothing where that is somebody else's. */
export function groundFor(args: GroundArgs, options: pulumi.ComponentResourceOptions): Ground | null {
  const { target, docker } = args.settings;
  if (target !== "docker" || docker.stores.length === 0) return null;
  const { DockerStores } = load("./docker-stores") as typeof import("./docker-stores");
  return new DockerStores("stores", args, options);
}

/** Declares the services of the release on the target that the settings name. */
export function deployTo(
  target: Settings["target"],
  name: string,
  args: DeploymentArgs,
  options: pulumi.ComponentResourceOptions,
): Deployment {
  return new (targets[target]())(name, args, options);
}
