import { readFileSync } from "node:fs";
import { join } from "node:path";

import { type Engine, engines, pulumiHasDocker } from "../../e2e/support/engines";
import { projectEnvironment, removeProject } from "../../e2e/support/project";
import { attemptsOf, type LedgerAttempt } from "../../e2e/support/world";
import { TestStack } from "../../support/test-stack";
import { images } from "./images";
import { type DockerInstallation, type InstallationOptions, startInstallation, startNothing } from "./installation";

/** The engines that can work on Docker here. */
export const dockerEngines: readonly Engine[] = engines.filter((engine) => engine === "standalone" || pulumiHasDocker);

/** An OctoLLM that docker-compose started, and the project that upgrades it. */
export class DockerStack extends TestStack {
  readonly octollm: DockerInstallation;

  private constructor(octollm: DockerInstallation, engine: Engine) {
    super(engine);
    this.octollm = octollm;
  }

  static async create(engine: Engine, options: InstallationOptions = {}): Promise<DockerStack> {
    return new DockerStack(await startInstallation(options), engine);
  }

  /** The same, adopted. */
  static async adopted(engine: Engine, options: InstallationOptions = {}): Promise<DockerStack> {
    const created = await DockerStack.create(engine, options);
    await created.must("adopt", "--installation", created.octollm.folder);
    await created.up();
    return created;
  }

  /** A folder and a stack that installs these services of a release there. */
  static async nothing(engine: Engine, release: string): Promise<DockerStack> {
    const created = new DockerStack(await startNothing(), engine);
    const services = ["orchestrator", "reflex-layer", "planner-arm"].flatMap((name) => ["--service", name]);
    const stores = (["postgres", "redis", "qdrant"] as const).flatMap((name) => ["--image", `${name}=${images[name]}`]);
    await created.must(
      "install",
      "--installation",
      created.octollm.folder,
      "--release",
      release,
      ...services,
      ...stores,
    );
    return created;
  }

  get environment(): NodeJS.ProcessEnv {
    return { ...projectEnvironment(this.folder, this.engine), DOCKER_HOST: this.octollm.engine.host };
  }

  get env(): string {
    return readFileSync(join(this.octollm.folder, ".env"), "utf8");
  }

  attempts(): Promise<LedgerAttempt[]> {
    return attemptsOf(this.octollm.databaseUrl);
  }

  async remove(): Promise<void> {
    removeProject(this.folder);
    await this.octollm.remove();
  }
}
