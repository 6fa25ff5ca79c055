import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { type Engine, engines, pulumiHasKubernetes } from "../../e2e/support/engines";
import { projectEnvironment, removeProject } from "../../e2e/support/project";
import { attemptsOf, type LedgerAttempt } from "../../e2e/support/world";
import { TestStack } from "../../support/test-stack";
import { type InstallationOptions, type KubernetesInstallation, startInstallation } from "./installation";

/** The engines that can work on a cluster here. */
export const kubernetesEngines: readonly Engine[] = engines.filter(
  (engine) => engine === "standalone" || pulumiHasKubernetes,
);

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

  /** Nothing has been run, and there is no stack. */
  static async deployed(engine: Engine, options: InstallationOptions = {}): Promise<KubernetesStack> {
    const created = new KubernetesStack(await startInstallation(options), engine);
    mkdirSync(created.site);
    return created;
  }

  /** Its settings are written, and nothing else has been run. */
  static async create(engine: Engine, options: InstallationOptions = {}): Promise<KubernetesStack> {
    const created = await KubernetesStack.deployed(engine, options);
    await created.adopt();
    return created;
  }

  /** The same, adopted. */
  static async adopted(engine: Engine, options: InstallationOptions = {}): Promise<KubernetesStack> {
    const created = await KubernetesStack.create(engine, options);
    await created.up();
    return created;
  }

  /** The words of `octollm adopt` that find it. */
  get adoptWords(): readonly string[] {
    const { namespace } = this.octollm;
    return ["adopt", "--target", "kubernetes", "--namespace", namespace, "--installation", this.site];
  }

  /** Writes the settings of what is found; answers what was said. */
  adopt(...words: readonly string[]): Promise<string> {
    return this.must(...this.adoptWords, ...words);
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
