import { local } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

import type { PlacedService } from "../../phases/site";
import type { Deployment, DeploymentArgs } from "./deployment";

/**
 * The services as processes of this host. The commands are constant, because every changed input runs one: what changes
 * stands in the environment. Starting leaves a service alone that already serves the release.
 */
export class LocalDeployment extends pulumi.ComponentResource implements Deployment {
  declare readonly services: pulumi.Resource[];

  constructor(name: string, args: DeploymentArgs, options?: pulumi.ComponentResourceOptions) {
    super("upgrade:index:LocalDeployment", name, {}, options);
    const { installation, environmentFile } = args.settings;
    // A component does not hand its own dependencies on to its children.
    let before = options?.dependsOn;
    this.services = [];
    for (const service of args.settings.services) {
      if (!("command" in service)) throw new Error(`service '${service.name}' of target local is no process`);
      const start = `node bin/octollm service start ${service.name}`;
      const command = new local.Command(
        `${name}-${service.name}`,
        {
          create: start,
          update: start,
          delete: `node bin/octollm service stop ${service.name}`,
          environment: {
            OCTOLLM_RELEASE: args.release,
            OCTOLLM_ATTEMPT: pulumi.output(args.attempt).apply(String),
            OCTOLLM_SERVICE: JSON.stringify({ installation, environmentFile, service } satisfies PlacedService),
          },
          addPreviousOutputInEnv: false,
        },
        { parent: this, dependsOn: before },
      );
      before = [command];
      this.services.push(command);
    }
    this.registerOutputs();
  }
}
