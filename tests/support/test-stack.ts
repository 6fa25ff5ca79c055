import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { parse, stringify } from "yaml";

import { type Outcome, Running } from "../e2e/support/command";
import type { Engine } from "../e2e/support/engines";
import { type Found, gone, isPulumisOwn, killAll, workersIn } from "../e2e/support/processes";
import { makeProject, stack } from "../e2e/support/project";

/** A project with a stack, which one of the engines works on. */
export abstract class TestStack {
  readonly folder: string;
  /** Who runs the commands; another may take over. */
  engine: Engine;

  constructor(engine: Engine) {
    this.engine = engine;
    this.folder = makeProject();
  }

  abstract get environment(): NodeJS.ProcessEnv;

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
    const read = parse(readFileSync(file, "utf8")) as { readonly config?: Readonly<Record<string, unknown>> };
    const { config, ...others } = read;
    const entries = Object.entries(settings).map(([key, value]) => [`octollm:${key}`, value]);
    writeFileSync(file, stringify({ ...others, config: { ...config, ...(Object.fromEntries(entries) as object) } }));
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

  /** Kills a command's engine with SIGKILL, and waits until nothing works for it any more. */
  async kill(run: Running): Promise<void> {
    const engine = ({ pid, command }: Found) => pid === run.pid || /\bpulumi up\b/.test(command);
    killAll(() => workersIn(this.folder).filter(engine));
    await run.ended;
    const left = await gone(() => workersIn(this.folder).filter((found) => !isPulumisOwn(found)), 20);
    assert.deepEqual(left, [], "something goes on working without its engine");
  }
}
