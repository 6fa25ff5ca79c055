import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";

import type { StoreSettings } from "../../phases/site";
import { type StoreSite, storeSite } from "../../phases/stores";
import { healthcheckOf } from "../../runtimes/docker/fresh";
import { storeLabels } from "../../runtimes/docker/labels";
import { siteOf } from "../../settings";
import { Foundation, StoreReadiness } from "../stores";
import type { Ground, GroundArgs } from "./deployment";

/**
 * The stores of a fresh installation: network, volumes and containers, made before anything can be looked at. What is made
 * once stays: volumes are protected, nothing of it is deleted or replaced in place, and containers are made anew only when
 * they have gone. docs/decisions.md has the reasons.
 */
export class DockerStores extends pulumi.ComponentResource implements Ground {
  declare readonly ready: pulumi.Resource[];

  constructor(name: string, { settings, provider }: GroundArgs, options?: pulumi.ComponentResourceOptions) {
    super("upgrade:index:DockerStores", name, {}, options);
    const site = storeSite(siteOf(settings));
    this.ready = site ? this.#make(name, site, { settings, provider }) : [];
    this.registerOutputs();
  }

  #make(name: string, site: StoreSite, { settings, provider }: GroundArgs): pulumi.Resource[] {
    const engine =
      site.host === "" ? undefined : new docker.Provider(`${name}-engine`, { host: site.host }, { parent: this });
    const foundation = new Foundation(`${name}-foundation`, site, { parent: this, provider });
    const stays = { parent: this, provider: engine, retainOnDelete: true, dependsOn: [foundation] };
    const rounds = foundation.made.network.apply(String);
    const network = new docker.Network(
      `${name}-network`,
      {
        name: site.network,
        driver: "bridge",
        labels: [
          { label: storeLabels.store, value: site.network },
          { label: storeLabels.round, value: rounds },
        ],
      },
      // Nothing of ours deletes one; what is in its place makes way before.
      { ...stays, deleteBeforeReplace: true },
    );
    return site.stores.map((store) => {
      const around = { foundation, network, address: settings.docker.address, stays };
      const container = this.#store(`${name}-${store.name}`, store, around);
      const round = foundation.made.stores.apply((stores) => stores[store.name]?.round ?? 0);
      return new StoreReadiness(
        `${name}-${store.name}-readiness`,
        { site, store: store.name, container: container.id, round, network: foundation.made.network },
        { parent: this, provider, dependsOn: [container] },
      );
    });
  }

  #store(name: string, store: StoreSettings, { foundation, network, address, stays }: Surroundings): docker.Container {
    const { port, containerPort, command, healthcheck } = store;
    const volumes =
      store.volume === "" ? [] : [{ volumeName: this.#volume(name, store, stays), containerPath: store.path }];
    const made = foundation.made.stores.apply((stores) => stores[store.name] ?? { round: 0, imageId: "" });
    return new docker.Container(
      name,
      {
        name: store.container,
        image: made.imageId,
        restart: "unless-stopped",
        destroyGraceSeconds: store.stopTimeout,
        envs: pulumi.secret(foundation.environments.apply((environments) => environments[store.name] ?? [])),
        ...(command.length === 0 ? {} : { command: [...command] }),
        networksAdvanced: [{ name: network.name, aliases: [store.name] }],
        ...(port === 0 ? {} : { ports: [{ internal: containerPort || port, external: port, ip: address }] }),
        volumes,
        ...(healthcheck.length === 0
          ? {}
          : { healthcheck: healthcheckOf(healthcheck) as docker.types.input.ContainerHealthcheck }),
        labels: [
          { label: storeLabels.store, value: store.name },
          { label: storeLabels.round, value: made.round.apply(String) },
        ],
      },
      { ...stays, deleteBeforeReplace: true },
    );
  }

  /** A changed label must never cost the data: the provider would delete the volume and make another. */
  #volume(name: string, { volume }: StoreSettings, stays: Surroundings["stays"]): pulumi.Output<string> {
    const options = { ...stays, protect: true, ignoreChanges: ["labels", "driver", "driverOpts"] };
    return new docker.Volume(`${name}-data`, { name: volume }, options).name;
  }
}

interface Surroundings {
  readonly foundation: Foundation;
  readonly network: docker.Network;
  readonly address: string;
  readonly stays: pulumi.CustomResourceOptions;
}
