import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";

import type { ContainerPlan } from "../../planner/plan";
import { definitionKeys } from "../../runtimes/docker/definition";
import { labels } from "../../runtimes/docker/labels";
import { Readiness, Retire } from "../phases";
import type { Deployment, DeploymentArgs } from "./deployment";

/**
 * The services as containers of a Docker engine. Until a plan has moved the installation none is declared, and what runs
 * is only observed. Each one replaces the container that was there: that is renamed and kept until the new one is verified,
 * so the provider never deletes one. docs/decisions.md has the reasons.
 */
export class DockerDeployment extends pulumi.ComponentResource implements Deployment {
  declare readonly services: pulumi.Output<pulumi.Resource[]>;

  constructor(name: string, args: DeploymentArgs, options?: pulumi.ComponentResourceOptions) {
    super("upgrade:index:DockerDeployment", name, {}, options);
    const { host } = args.settings.docker;
    const engine = host === "" ? undefined : new docker.Provider(`${name}-engine`, { host }, { parent: this });
    const before = pulumi.output(options?.dependsOn).apply((resources) => [resources ?? []].flat());
    this.services = pulumi.all([args.deploy, before]).apply(([{ containers = [] }, first]) => {
      const ready = new Map<string, Readiness>();
      for (const plan of containers) {
        const earlier = plan.after.flatMap((service) => ready.get(service) ?? []);
        const dependsOn = [...first, ...earlier];
        ready.set(plan.service, this.#replace(`${name}-${plan.service}`, plan, { ...args, engine, dependsOn }));
      }
      return [...first, ...ready.values()];
    });
    this.registerOutputs();
  }

  /** Makes way for the service's container, makes it, and waits until it serves. */
  #replace(
    name: string,
    plan: ContainerPlan,
    { attempt, release, provider, engine, dependsOn }: Surroundings,
  ): Readiness {
    const own = { parent: this, provider };
    const retire = new Retire(`${name}-retire`, { attempt, ...plan }, { ...own, dependsOn });
    const image = docker.getRemoteImageOutput({ name: plan.imageId }, { parent: this, provider: engine });
    const container = new docker.Container(
      name,
      {
        ...definitionArgs(retire.definition),
        name: plan.container,
        image: image.id,
        envs: pulumi.secret(retire.environment),
        labels: pulumi
          .all([retire.definition, retire.madeBy, release])
          .apply(([definition, madeBy, version]) => [
            ...((definition.labels ?? []) as { label: string; value: string }[]),
            { label: labels.attempt, value: String(madeBy) },
            { label: labels.release, value: version },
          ]),
      },
      {
        parent: this,
        provider: engine,
        dependsOn: [retire],
        // The phase Retire has made way for the name, and our own phases remove the old container.
        deleteBeforeReplace: true,
        retainOnDelete: true,
      },
    );
    return new Readiness(
      `${name}-readiness`,
      { attempt, service: plan.service, container: container.id },
      { ...own, dependsOn: [container] },
    );
  }
}

interface Surroundings extends DeploymentArgs {
  readonly engine: docker.Provider | undefined;
  readonly dependsOn: pulumi.Resource[];
}

/** Every property that a definition may have, as inputs of their own; those that it lacks are left out. */
function definitionArgs(definition: Retire["definition"]): Record<string, pulumi.Output<never>> {
  const entries = definitionKeys.map((key) => [key, definition.apply((properties) => properties[key])] as const);
  return Object.fromEntries(entries) as unknown as Record<string, pulumi.Output<never>>;
}
