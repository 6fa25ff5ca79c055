import * as pulumi from "@pulumi/pulumi";

import type { MadeStores, StoreSite } from "../phases/stores";

type Options = pulumi.CustomResourceOptions;

/** Looks whether the stores of a fresh installation can be made, and tells what they are made of. */
export class Foundation extends pulumi.CustomResource {
  declare readonly made: pulumi.Output<MadeStores>;
  /** `NAME=value`, by store. */
  declare readonly environments: pulumi.Output<Readonly<Record<string, string[]>>>;

  constructor(name: string, site: StoreSite, options?: Options) {
    super("upgrade:index:Foundation", name, { site, made: undefined, environments: undefined }, options);
  }
}

export interface StoreReadinessArgs {
  readonly site: StoreSite;
  readonly store: string;
  /** Id of its container. */
  readonly container: pulumi.Input<string>;
  /** How often it, and the network, have been made. */
  readonly round: pulumi.Input<number>;
  readonly network: pulumi.Input<number>;
}

/** Waits until a store is well. */
export class StoreReadiness extends pulumi.CustomResource {
  constructor(name: string, args: StoreReadinessArgs, options?: Options) {
    super("upgrade:index:StoreReadiness", name, { ...args }, options);
  }
}
