import * as pulumi from "@pulumi/pulumi";

import type { Plan } from "../planner/plan";
import { type Settings, siteOf } from "../settings";
import {
  Backup,
  Completion,
  Environment,
  Preflight,
  Quiesce,
  Restore,
  Resume,
  SchemaMigration,
  Verification,
} from "./phases";
import { UpgradeProvider } from "./provider";
import { deployTo, groundFor } from "./targets/deployment";

/**
 * An installation at the wanted version: the phases in their order, each with its slice of the plan that Preflight made.
 */
export class Upgrade extends pulumi.ComponentResource {
  declare readonly plan: pulumi.Output<Plan>;
  declare readonly backup: pulumi.Output<string | undefined>;
  declare readonly downtimeSeconds: pulumi.Output<number | undefined>;

  constructor(name: string, settings: Settings, options?: pulumi.ComponentResourceOptions) {
    super("upgrade:index:Upgrade", name, {}, options);
    const provider = createProvider(name, settings, this);
    const after = (...dependsOn: pulumi.Resource[]) => ({ parent: this, provider, dependsOn });

    const { version, restoreFrom, acceptBreaking, reviewedPlan, acceptLoss, allowHazards, stopAfter } = settings;
    const { window, windowOverride, report } = settings;
    const accepted = { acceptBreaking, reviewedPlan, acceptLoss, allowHazards, window, windowOverride };
    const gates = { ...accepted, stopAfter, restoreFrom };
    const notify = tellWhom(settings, { parent: this, provider });
    const ground = groundFor({ settings, provider }, { parent: this });
    const preflight = new Preflight(
      "preflight",
      { version, ...gates, report, notify, settings: siteOf(settings) },
      after(...(ground?.ready ?? [])),
    );
    const { plan } = preflight;
    const attempt = plan.attempt;

    const quiesce = new Quiesce("quiesce", { attempt, ...slice(plan.stops, "services", "reasons") }, after(preflight));
    const backup = new Backup("backup", { attempt, ...slice(plan.backup, "required", "contents") }, after(quiesce));
    const restorePlan = slice(plan.restore, "backup", "wish", "way", "incoming", "before", "lines");
    const restore = new Restore("restore", { attempt, ...restorePlan }, after(backup));
    const pre = new SchemaMigration("pre", { attempt, phase: "pre", revisions: plan.revisions.pre }, after(restore));
    const environment = new Environment(
      "environment",
      { attempt, ...slice(plan.environment, "file", "undo", "apply", "lines", "variables", "compose") },
      after(pre),
    );
    const deployment = deployTo(
      settings.target,
      "services",
      { settings, attempt, release: plan.to, deploy: plan.deploy, provider },
      { parent: this, dependsOn: [preflight, environment] },
    );
    const served = { parent: this, provider, dependsOn: deployment.services };
    const resume = new Resume("resume", { attempt, ...slice(plan.deploy, "release", "services") }, served);
    const checks = slice(plan.checks, "release", "revision", "countsMustMatch", "task", "lines");
    const verification = new Verification("verification", { attempt, ...checks }, after(resume));
    const post = new SchemaMigration(
      "post",
      { attempt, phase: "post", revisions: plan.revisions.post },
      after(verification),
    );
    new Completion("completion", { attempt, release: plan.to, planId: plan.id, wayBack: plan.rollback }, after(post));

    this.plan = plan;
    this.backup = backup.path;
    this.downtimeSeconds = resume.downtimeSeconds;
    this.registerOutputs();
  }
}

/** A secret URL goes to a provider of its own; without one the default provider serves. */
function createProvider(name: string, { databaseUrl }: Settings, parent: pulumi.Resource): UpgradeProvider | undefined {
  if (databaseUrl === "") return undefined;
  return new UpgradeProvider(name, { databaseUrl: pulumi.secret(databaseUrl) }, { parent });
}

/**
 * Gives the webhooks to the provider, by a function and not as inputs of a resource: their URLs are secrets, and what is no
 * input is in no state. Preflight waits for the answer.
 */
function tellWhom({ notify }: Settings, options: pulumi.InvokeOptions): pulumi.Input<readonly string[]> {
  if (notify.length === 0) return [];
  const answer = pulumi.runtime.invoke("upgrade:index:notify", { targets: notify }, options) as Promise<{
    told: string[];
  }>;
  return answer.then(({ told }) => told);
}

/** Some properties of an output, each as an output of its own, so that a diff names the one that changed. */
function slice<T extends object, Key extends keyof T>(
  output: pulumi.Output<T>,
  ...keys: Key[]
): { readonly [K in Key]: pulumi.Output<T[K]> } {
  const entries = keys.map((key) => [key, output.apply((value) => value[key])] as const);
  return Object.fromEntries(entries) as unknown as { readonly [K in Key]: pulumi.Output<T[K]> };
}
