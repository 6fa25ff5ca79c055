import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { type Engine, engines, pulumiHasKubernetes } from "../../e2e/support/engines";
import { projectEnvironment, removeProject, stack } from "../../e2e/support/project";
import { attemptsOf, type LedgerAttempt } from "../../e2e/support/world";
import { TestStack } from "../../support/test-stack";
import { type InstallationOptions, type KubernetesInstallation, startInstallation } from "./installation";

/** The engines that can work on a cluster here. */
export const kubernetesEngines: readonly Engine[] = engines.filter(
  (engine) => engine === "standalone" || pulumiHasKubernetes,
);

const ports = { "reflex-layer": 8080, "planner-arm": 8001, orchestrator: 8000 } as const;

/** An OctoLLM that kubectl has applied, and the project that upgrades it. */
export class KubernetesStack extends TestStack {
  readonly octollm: KubernetesInstallation;
  /** Whom the program is; whoever administers the cluster unless set. */
  kubeconfig: string;

  private constructor(octollm: KubernetesInstallation, engine: Engine) {
    super(engine);
    this.octollm = octollm;
    this.kubeconfig = octollm.cluster.kubeconfig;
  }

  /** Its settings are written, and nothing has been run. */
  static async create(engine: Engine, options: InstallationOptions = {}): Promise<KubernetesStack> {
    const created = new KubernetesStack(await startInstallation(options), engine);
    const { services = ["reflex-layer", "planner-arm", "orchestrator"], release = "0.1.0" } = options;
    mkdirSync(created.site);
    await created.must("stack", "init", stack);
    created.set({
      version: release,
      target: "kubernetes",
      installation: created.site,
      kubernetes: { namespace: created.octollm.namespace },
      database: { service: "postgres" },
      services: services.map((name) => ({
        name,
        deployment: name,
        image: `octollm/${name}:{version}`,
        port: ports[name as keyof typeof ports],
        health: "/health",
      })),
    });
    return created;
  }

  /** The same, adopted. */
  static async adopted(engine: Engine, options: InstallationOptions = {}): Promise<KubernetesStack> {
    const created = await KubernetesStack.create(engine, options);
    await created.up();
    return created;
  }

  /** Where its backups, reports and records are. */
  get site(): string {
    return join(this.folder, "site");
  }

  get environment(): NodeJS.ProcessEnv {
    return { ...projectEnvironment(this.folder, this.engine), KUBECONFIG: this.kubeconfig };
  }

  attempts(): Promise<LedgerAttempt[]> {
    return attemptsOf(this.octollm.databaseUrl);
  }

  remove(): void {
    removeProject(this.folder);
    this.octollm.remove();
  }
}
