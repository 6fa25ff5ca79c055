import * as pulumi from "@pulumi/pulumi";

import type { StopAfter } from "../phases/attempt";
import type { Site } from "../phases/site";
import type { RestorePlan } from "../planner/backups";
import type { Acceptances } from "../planner/gates";
import type {
  BackupPlan,
  CheckPlan,
  ContainerPlan,
  DeploymentPlan,
  DeployPlan,
  EnvironmentPlan,
  Plan,
  RevisionStep,
  RollbackPlan,
  StopPlan,
} from "../planner/plan";
import type { ReportSettings } from "../report/write";

type Options = pulumi.CustomResourceOptions;

/** A slice of the plan as inputs, with the number of the attempt that it belongs to. */
type Slice<T> = { readonly [Key in keyof T]: pulumi.Input<T[Key]> } & { readonly attempt: pulumi.Input<number> };

export interface PreflightArgs extends Acceptances {
  readonly version: string;
  readonly restoreFrom: string;
  readonly stopAfter: StopAfter;
  readonly report: ReportSettings;
  /** Which webhooks are told, in words: their URLs are secrets. */
  readonly notify: pulumi.Input<readonly string[]>;
  /** Every setting that a later phase uses. */
  readonly settings: Site;
}

/** Looks at the installation, plans, and opens the attempt: the only resource that knows the world. */
export class Preflight extends pulumi.CustomResource {
  declare readonly plan: pulumi.Output<Plan>;

  constructor(name: string, args: PreflightArgs, options?: Options) {
    super(
      "upgrade:index:Preflight",
      name,
      { ...args, plan: undefined, serverVersion: undefined, schemaVersion: undefined },
      options,
    );
  }
}

/** Stops services, and waits until no other client is left in the database. */
export class Quiesce extends pulumi.CustomResource {
  constructor(name: string, args: Slice<StopPlan>, options?: Options) {
    super("upgrade:index:Quiesce", name, { ...args }, options);
  }
}

/** Backs up database, `.env` and configuration, and reads the backup back. */
export class Backup extends pulumi.CustomResource {
  declare readonly path: pulumi.Output<string | undefined>;

  constructor(name: string, args: Slice<BackupPlan>, options?: Options) {
    super(
      "upgrade:index:Backup",
      name,
      { ...args, backupId: undefined, path: undefined, bytes: undefined, seconds: undefined },
      options,
    );
  }
}

/** Puts a backup in the place of database, `.env` and configuration; nothing when the plan restores nothing. */
export class Restore extends pulumi.CustomResource {
  constructor(name: string, args: Slice<RestorePlan>, options?: Options) {
    super("upgrade:index:Restore", name, { ...args, keptDatabase: undefined }, options);
  }
}

export interface SchemaMigrationArgs {
  readonly attempt: pulumi.Input<number>;
  readonly phase: "pre" | "post";
  readonly revisions: pulumi.Input<readonly RevisionStep[]>;
}

/** Applies or undoes revisions: exactly the SQL of its inputs. */
export class SchemaMigration extends pulumi.CustomResource {
  constructor(name: string, args: SchemaMigrationArgs, options?: Options) {
    super("upgrade:index:SchemaMigration", name, { ...args, done: undefined }, options);
  }
}

/** Rewrites the planned lines of `.env`. */
export class Environment extends pulumi.CustomResource {
  constructor(name: string, args: Slice<EnvironmentPlan>, options?: Options) {
    super("upgrade:index:Environment", name, { ...args }, options);
  }
}

/** Makes way for the new container of a service, and tells what it is made of. */
export class Retire extends pulumi.CustomResource {
  /** As `ContainerDefinition`; its own type is too deep for an output. */
  declare readonly definition: pulumi.Output<Readonly<Record<string, unknown>>>;
  declare readonly environment: pulumi.Output<string[]>;
  /** Number of the attempt whose container is declared. */
  declare readonly madeBy: pulumi.Output<number>;

  constructor(name: string, args: Slice<ContainerPlan>, options?: Options) {
    const outputs = { definition: undefined, environment: undefined, madeBy: undefined };
    super("upgrade:index:Retire", name, { ...args, ...outputs }, options);
  }
}

export interface ManifestsArgs {
  readonly attempt: pulumi.Input<number>;
  readonly plans: pulumi.Input<readonly DeploymentPlan[]>;
}

/** An object of a cluster as it is to be; its own type is too deep for an output. */
export type Manifest = Readonly<Record<string, unknown>>;

/** Reads the objects that are to change, remembers what they were like, and tells what they are to be. */
export class Manifests extends pulumi.CustomResource {
  declare readonly configMap: pulumi.Output<Manifest>;
  /** Null where the installation has none. */
  declare readonly secret: pulumi.Output<Manifest | null>;
  /** By service. */
  declare readonly deployments: pulumi.Output<Readonly<Record<string, Manifest>>>;
  /** By service; not all have one. */
  declare readonly budgets: pulumi.Output<Readonly<Record<string, Manifest>>>;

  constructor(name: string, args: ManifestsArgs, options?: Options) {
    const outputs = { configMap: undefined, secret: undefined, deployments: undefined, budgets: undefined };
    super("upgrade:index:Manifests", name, { ...args, ...outputs, madeBy: undefined }, options);
  }
}

export interface ReadinessArgs {
  readonly attempt: pulumi.Input<number>;
  readonly service: string;
  /** Id of its container; absent for a service that is none. */
  readonly container?: pulumi.Input<string>;
}

/** Waits until a service serves its new release; of containers, then stops the one that it follows. */
export class Readiness extends pulumi.CustomResource {
  constructor(name: string, args: ReadinessArgs, options?: Options) {
    super("upgrade:index:Readiness", name, { ...args }, options);
  }
}

/** Waits until every service serves the release. */
export class Resume extends pulumi.CustomResource {
  declare readonly downtimeSeconds: pulumi.Output<number | undefined>;

  constructor(name: string, args: Slice<DeployPlan>, options?: Options) {
    super("upgrade:index:Resume", name, { ...args, downtimeSeconds: undefined }, options);
  }
}

/** Makes the checks of the release. */
export class Verification extends pulumi.CustomResource {
  constructor(name: string, args: Slice<CheckPlan>, options?: Options) {
    super("upgrade:index:Verification", name, { ...args, passed: undefined }, options);
  }
}

export interface CompletionArgs {
  readonly attempt: pulumi.Input<number>;
  readonly release: pulumi.Input<string>;
  readonly planId: pulumi.Input<string>;
  readonly wayBack: pulumi.Input<RollbackPlan>;
}

/** Closes the attempt: its release is the installation's from now on. */
export class Completion extends pulumi.CustomResource {
  constructor(name: string, args: CompletionArgs, options?: Options) {
    super("upgrade:index:Completion", name, { ...args, backup: undefined }, options);
  }
}
