import * as pulumi from "@pulumi/pulumi";

/** What the provider `upgrade` is told beyond what each resource says. */
export interface UpgradeProviderArgs {
  /** URL of the database; absent when the installation's own `.env` has it. */
  readonly databaseUrl?: pulumi.Input<string>;
}

/** The provider `upgrade`, given explicitly so that a secret of the configuration reaches it and no resource. */
export class UpgradeProvider extends pulumi.ProviderResource {
  constructor(name: string, args: UpgradeProviderArgs, options?: pulumi.ResourceOptions) {
    super("upgrade", name, { ...args }, options);
  }
}
