import fs from "node:fs";
import path from "node:path";

import { type EffectiveConfig, effectiveConfig } from "../config/effective";
import { type Project, readProject } from "../config/project";
import { createSecrets, openSecrets, readPassphrase, type Secrets } from "../config/secrets";
import { StackConfig } from "../config/stack-config";
import { ExitCode, OperatorError } from "../errors";
import {
  type Checkpoint,
  createCheckpoint,
  lastWritten,
  type LoadedState,
  loadState,
  readCheckpoint,
  stackNames,
} from "./checkpoint";
import { Location } from "./location";
import { selectedStack, selectStack } from "./workspace";

/** A project and the place where its stacks are kept. Opening it reads Pulumi.yaml and nothing else. */
export class Backend {
  readonly project: Project;
  readonly location: Location;
  readonly #env: NodeJS.ProcessEnv;
  readonly #cwd: string;
  readonly #configFile: string | undefined;
  readonly #opened = new Map<string, Promise<Secrets>>();

  /** @param configFile - settings in place of those of the stack's own file */
  constructor(cwd: string, env: NodeJS.ProcessEnv, configFile?: string) {
    this.#env = env;
    this.#cwd = cwd;
    this.#configFile = configFile;
    this.project = readProject(cwd);
    this.location = new Location(env, cwd, this.project.name, this.project.backendUrl);
  }

  stackNames(): string[] {
    this.location.open();
    return stackNames(this.location);
  }

  /** The selected stack, whether or not it still exists. */
  get selected(): string | undefined {
    return selectedStack(this.#env, this.location, this.project.file);
  }

  select(stack: string | undefined): void {
    selectStack(this.#env, this.location, this.project.file, stack);
  }

  /** The stack a command is about: the named one, else the selected one; it must exist. */
  requireStack(name: string | undefined): string {
    const stack = name === undefined ? this.selected : shortName(name, this.project.name);
    if (!stack) {
      throw new OperatorError(
        "no stack selected; type `stack select <name>` or name one with --stack. `stack ls` lists them.",
        ExitCode.stackNotFound,
      );
    }
    if (!this.stackNames().includes(stack)) {
      throw new OperatorError(
        `no stack named '${stack}' found in ${this.location.folder}. \`stack init ${stack}\` makes one.`,
        ExitCode.stackNotFound,
      );
    }
    return stack;
  }

  /** Makes a new stack, its settings file and its secrets. */
  async createStack(name: string): Promise<void> {
    const stack = shortName(name, this.project.name);
    if (!/^[A-Za-z0-9_.-]{1,100}$/.test(stack)) {
      throw new OperatorError(
        `invalid stack name '${stack}': letters, digits, '-', '_' and '.' only`,
        ExitCode.configuration,
      );
    }
    this.location.open();
    if (stackNames(this.location).includes(stack)) throw new OperatorError(`stack '${stack}' already exists`);
    const config = this.config(stack);
    await this.ensureSecrets(config);
    fs.mkdirSync(path.dirname(this.location.checkpoint(stack)), { recursive: true });
    createCheckpoint(this.location, stack);
  }

  config(stack: string): StackConfig {
    return new StackConfig(this.project, stack, this.#configFile);
  }

  /** The passphrase of the environment. */
  get passphrase(): string | undefined {
    return readPassphrase(this.#env, this.#cwd);
  }

  /** The stack's secrets; undefined when it has none. A wrong passphrase is refused here. */
  secrets(config: StackConfig): Promise<Secrets | undefined> {
    const salt = config.salt;
    if (!salt) return Promise.resolve(undefined);
    let opened = this.#opened.get(salt);
    if (!opened) {
      opened = openSecrets(salt, this.passphrase);
      this.#opened.set(salt, opened);
    }
    return opened;
  }

  /** The stack's secrets, made and noted in its settings when there are none yet. */
  async ensureSecrets(config: StackConfig): Promise<Secrets> {
    const present = await this.secrets(config);
    if (present) return present;
    const created = await createSecrets(this.passphrase);
    config.salt = created.salt;
    config.save();
    this.#opened.set(created.salt, Promise.resolve(created));
    return created;
  }

  /** The stack's settings with the project's defaults, decrypted and checked. */
  async effectiveConfig(stack: string): Promise<EffectiveConfig> {
    const config = this.config(stack);
    return effectiveConfig(this.project, stack, config, await this.secrets(config), true);
  }

  checkpoint(stack: string): Checkpoint {
    return readCheckpoint(this.location, stack);
  }

  lastWritten(stack: string): Date {
    return lastWritten(this.location, stack);
  }

  /** The stack's resources, their secrets decrypted. */
  async loadState(stack: string): Promise<LoadedState> {
    const checkpoint = this.checkpoint(stack);
    return loadState(checkpoint, await this.secrets(this.config(stack)), this.passphrase);
  }
}

/** `dev`, from `dev` or `organization/project/dev`. */
function shortName(name: string, project: string): string {
  const parts = name.split("/");
  const [stack = "", owner, organisation] = parts.reverse();
  if (parts.length > 3 || (organisation ?? "organization") !== "organization" || (owner ?? project) !== project) {
    throw new OperatorError(`the stack '${name}' is not one of project '${project}'`, ExitCode.stackNotFound);
  }
  return stack;
}

/**
 * Opens the project that `cwd` is in and its state folder.
 *
 * @param configFile - settings in place of those of the stack's own file
 */
export function openBackend(cwd: string, env: NodeJS.ProcessEnv, configFile?: string): Backend {
  return new Backend(cwd, env, configFile);
}
