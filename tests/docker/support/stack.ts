import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { parse, stringify } from "yaml";

import { type Outcome, Running } from "../../e2e/support/command";
import { type Engine, engines, pulumiHasDocker } from "../../e2e/support/engines";
import { type Found, gone, isPulumisOwn, killAll, workersIn } from "../../e2e/support/processes";
import { makeProject, projectEnvironment, removeProject, stack } from "../../e2e/support/project";
import { attemptsOf, type LedgerAttempt } from "../../e2e/support/world";
import { images } from "./images";
import { type DockerInstallation, type InstallationOptions, startInstallation, startNothing } from "./installation";

/** The engines that can work on Docker here. */
export const dockerEngines: readonly Engine[] = engines.filter((engine) => engine === "standalone" || pulumiHasDocker);

/** An OctoLLM that docker-compose started, and the project that upgrades it. */
export class DockerStack {
  readonly octollm: DockerInstallation;
  readonly folder: string;
  readonly engine: Engine;

  private constructor(octollm: DockerInstallation, engine: Engine) {
    this.octollm = octollm;
    this.engine = engine;
    this.folder = makeProject();
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

  /** Starts `octollm` without waiting for it. */
  start(...argv: readonly string[]): Running {
    const isChore = ["adopt", "install", "status", "abort", "backups", "verify"].includes(argv[0] ?? "");
    const named = isChore ? [] : ["--engine", this.engine];
    const words = [join("bin", "octollm"), ...argv, ...named];
    return new Running(process.execPath, words, { cwd: this.folder, env: this.environment });
  }

  async run(...argv: readonly string[]): Promise<Outcome> {
    return this.start(...argv).ended;
  }

  async must(...argv: readonly string[]): Promise<string> {
    const { code, output } = await this.run(...argv);
    assert.equal(code, 0, `'octollm ${argv.join(" ")}' ended with ${code}:\n${output}`);
    return output;
  }

  async mustFail(...argv: readonly string[]): Promise<string> {
    const { code, output } = await this.run(...argv);
    assert.notEqual(code, 0, `'octollm ${argv.join(" ")}' ended with 0:\n${output}`);
    return output;
  }

  up(): Promise<string> {
    return this.must("up", "--yes", "--skip-preview");
  }

  upFails(): Promise<string> {
    return this.mustFail("up", "--yes", "--skip-preview");
  }

  /** Sets a release, with what lets it pass. */
  wants(version: string): void {
    this.set({ version, ...(version === "1.0.0" ? { acceptBreaking: version } : {}) });
  }

  /** Writes settings into the stack file, as an editor does. */
  set(settings: Readonly<Record<string, unknown>>): void {
    const file = join(this.folder, `Pulumi.${stack}.yaml`);
    const document = parse(readFileSync(file, "utf8")) as { config: Record<string, unknown> };
    for (const [key, value] of Object.entries(settings)) document.config[`octollm:${key}`] = value;
    writeFileSync(file, stringify(document));
  }

  /** A setting as the stack file has it. */
  setting(key: string): unknown {
    const { config } = parse(readFileSync(join(this.folder, `Pulumi.${stack}.yaml`), "utf8")) as {
      config: Record<string, unknown>;
    };
    return config[`octollm:${key}`];
  }

  /** The services as the stack file has them. */
  get services(): readonly Record<string, unknown>[] {
    return this.setting("services") as Record<string, unknown>[];
  }

  /** The state as it is on the disk. */
  get state(): string {
    return readFileSync(join(this.folder, ".pulumi", "stacks", "octollm", `${stack}.json`), "utf8");
  }

  get env(): string {
    return readFileSync(join(this.octollm.folder, ".env"), "utf8");
  }

  /** Kills a command's engine with SIGKILL, and waits until nothing works for it any more. */
  async kill(run: Running): Promise<void> {
    const engine = ({ pid, command }: Found) => pid === run.pid || /\bpulumi up\b/.test(command);
    killAll(() => workersIn(this.folder).filter(engine));
    await run.ended;
    const left = await gone(() => workersIn(this.folder).filter((found) => !isPulumisOwn(found)), 20);
    assert.deepEqual(left, [], "something goes on working without its engine");
  }

  attempts(): Promise<LedgerAttempt[]> {
    return attemptsOf(this.octollm.databaseUrl);
  }

  async remove(): Promise<void> {
    removeProject(this.folder);
    await this.octollm.remove();
  }
}
