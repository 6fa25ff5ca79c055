import { resolve } from "node:path";

import { Deployment as Workload } from "@pulumi/kubernetes/apps/v1/deployment";
import { ConfigMap } from "@pulumi/kubernetes/core/v1/configMap";
import { Secret } from "@pulumi/kubernetes/core/v1/secret";
import { PodDisruptionBudget } from "@pulumi/kubernetes/policy/v1/podDisruptionBudget";
import { Provider } from "@pulumi/kubernetes/provider";
import * as pulumi from "@pulumi/pulumi";

import type { DeploymentPlan } from "../../planner/plan";
import type { Settings } from "../../settings";
import { type Manifest, Manifests, Readiness } from "../phases";
import type { Deployment, DeploymentArgs } from "./deployment";

/**
 * The services as Deployments of a cluster, with the ConfigMap and the Secret of their variables. Until a plan has moved the
 * installation none is declared, and what runs is only observed. Nothing is ever deleted or replaced: what is declared is
 * what was there, changed. docs/decisions.md has the reasons.
 */
export class KubernetesDeployment extends pulumi.ComponentResource implements Deployment {
  declare readonly services: pulumi.Output<pulumi.Resource[]>;

  constructor(name: string, args: DeploymentArgs, options?: pulumi.ComponentResourceOptions) {
    super("upgrade:index:KubernetesDeployment", name, {}, options);
    const { attempt, deploy, provider, settings } = args;
    const cluster = providerOf(`${name}-cluster`, settings, this);
    const before = pulumi.output(options?.dependsOn).apply((resources) => [resources ?? []].flat());
    this.services = pulumi.all([deploy, before]).apply(([{ deployments }, first]) => {
      if (!deployments) return first;
      const own = { parent: this, provider };
      const manifests = new Manifests(
        `${name}-manifests`,
        { attempt, plans: deployments },
        { ...own, dependsOn: first },
      );
      const declared = { parent: this, provider: cluster, retainOnDelete: true };
      const variables = declareVariables(name, manifests, settings, { ...declared, dependsOn: [manifests] });
      const ready = new Map<string, Readiness>();
      for (const plan of deployments) {
        const dependsOn = [...variables, ...plan.after.flatMap((earlier) => ready.get(earlier) ?? [])];
        const workload = declareWorkload(`${name}-${plan.service}`, manifests, plan, { ...declared, dependsOn });
        const awaited = { attempt, service: plan.service };
        const then = { ...own, dependsOn: [workload] };
        ready.set(plan.service, new Readiness(`${name}-${plan.service}-readiness`, awaited, then));
      }
      return [...first, ...ready.values()];
    });
    this.registerOutputs();
  }
}

/** Takes over what is there, and changes it in place: docs/decisions.md says why each of its options is as it is. */
function providerOf(name: string, { kubernetes }: Settings, parent: pulumi.Resource): Provider {
  const { kubeconfig, context, namespace } = kubernetes;
  return new Provider(
    name,
    {
      ...(kubeconfig === "" ? {} : { kubeconfig: resolve(kubeconfig) }),
      ...(context === "" ? {} : { context }),
      namespace,
      // Whatever changes in the kubeconfig, no object is to be replaced.
      clusterIdentifier: `octollm-${namespace}`,
      upsertExistingObjects: true,
      enablePatchForce: true,
      enableConfigMapMutable: true,
      enableSecretMutable: true,
    },
    { parent },
  );
}

function declareVariables(
  name: string,
  manifests: Manifests,
  { kubernetes }: Settings,
  options: pulumi.CustomResourceOptions,
): pulumi.Resource[] {
  const configMap = new ConfigMap(`${name}-variables`, asArgs(manifests.configMap), options);
  if (kubernetes.secret === "") return [configMap];
  return [
    configMap,
    new Secret(`${name}-secrets`, asArgs(manifests.secret.apply((manifest) => manifest ?? {})), {
      ...options,
      // Annotations of ours and of kubectl have values of it.
      additionalSecretOutputs: ["metadata"],
    }),
  ];
}

function declareWorkload(
  name: string,
  { deployments, budgets }: Manifests,
  { service, budget }: DeploymentPlan,
  options: pulumi.CustomResourceOptions,
): pulumi.Resource {
  const of = (all: pulumi.Output<Readonly<Record<string, Manifest>>>) =>
    asArgs(all.apply((each) => each[service] ?? {}));
  if (budget) new PodDisruptionBudget(`${name}-budget`, of(budgets), options);
  return new Workload(name, of(deployments), options);
}

/** The parts of a manifest as inputs of their own, so that a diff names the one that changes. */
function asArgs(manifest: pulumi.Output<Manifest>): Record<(typeof parts)[number], pulumi.Output<never>> {
  const entries = parts.map((part) => [part, manifest.apply((whole) => whole[part])] as const);
  return Object.fromEntries(entries) as unknown as Record<(typeof parts)[number], pulumi.Output<never>>;
}

const parts = ["metadata", "spec", "data", "binaryData", "type"] as const;
