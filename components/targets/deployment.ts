import type * as pulumi from "@pulumi/pulumi";

import type { Settings } from "../../settings";
import { LocalDeployment } from "./local";

/** What every target is given: which release of which installation, in which attempt. */
export interface DeploymentArgs {
  readonly settings: Settings;
  readonly attempt: pulumi.Input<number>;
  readonly release: pulumi.Input<string>;
}

type Deploy = new (
  name: string,
  args: DeploymentArgs,
  options?: pulumi.ComponentResourceOptions,
) => pulumi.ComponentResource;

/** What runs where: one component per target. settings.ts refuses the targets that have none. */
const targets: Readonly<Partial<Record<Settings["target"], Deploy>>> = { local: LocalDeployment };

/** Declares the services of the release on the target that the settings name. */
export function deployTo(
  target: Settings["target"],
  name: string,
  args: DeploymentArgs,
  options: pulumi.ComponentResourceOptions,
): pulumi.ComponentResource {
  const Deployment = targets[target];
  if (!Deployment) throw new Error(`target '${target}' passed the settings and has no deployment`);
  return new Deployment(name, args, options);
}
