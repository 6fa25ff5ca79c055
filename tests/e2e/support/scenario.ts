import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { delimiter, join } from "node:path";

import { parse, stringify } from "yaml";

import { startRelease } from "../../../demo/installation";
import { serviceSpecs, type Site } from "../../../phases/site";
import { runtime } from "../../../runtimes/driver";
import { parseSettings, siteOf } from "../../../settings";
import { type Outcome, Running } from "./command";
import type { Engine } from "./engines";
import { gone, isService, killAll, processesIn } from "./processes";
import { makeProject, projectEnvironment, removeProject, selectStack, stack } from "./project";
import { type Copy, makeCopy } from "./template";
import {
  attemptsOf,
  fingerprintOf,
  type LedgerAttempt,
  query,
  revisionOf,
  revisionRows,
  schemaOf,
  servedOn,
  type World,
} from "./world";

type Settings = Record<string, unknown>;

export interface ScenarioOptions {
  readonly engine?: Engine;
  /** `installed`: no stack knows the installation yet. */
  readonly kind?: "installed" | "adopted";
  /** Settings of the stack, by their names without `octollm:`; adopted ones only. */
  readonly settings?: Settings;
}

/** One installation of OctoLLM 0.1.0 that serves, and the project that upgrades it. */
export class Scenario {
  readonly folder: string;
  readonly installation: string;
  readonly databaseUrl: string;
  readonly port: number;
  /** Who runs a command unless the call says otherwise. */
  readonly engine: Engine;
  readonly #checkouts: string[] = [];
  #tools = "";
  #wrapper: readonly string[] = [];

  private constructor({ folder, databaseUrl, port }: Copy, engine: Engine) {
    this.folder = folder;
    this.installation = join(folder, "octollm");
    this.databaseUrl = databaseUrl;
    this.port = port;
    this.engine = engine;
  }

  static async create({
    engine = "standalone",
    kind = "adopted",
    settings = {},
  }: ScenarioOptions = {}): Promise<Scenario> {
    const scenario = new Scenario(await makeCopy(kind), engine);
    if (kind === "installed") {
      await scenario.startByHand("0.1.0");
      return scenario;
    }
    scenario.set(settings);
    await scenario.startService("0.1.0");
    return scenario;
  }

  /** Starts a command without waiting for it; without an engine, for the words that need none. */
  start(argv: readonly string[], engine: Engine | null = this.engine): Running {
    const [program = "", ...before] = [...this.#wrapper, process.execPath];
    const env = projectEnvironment(this.folder, engine ?? this.engine);
    const named = engine === null ? [] : ["--engine", engine];
    return new Running(program, [...before, join("bin", "octollm"), ...argv, ...named], {
      cwd: this.folder,
      env: { ...env, PATH: [this.#tools, env.PATH].filter(Boolean).join(delimiter) },
    });
  }

  /** Programs that are found before those of the system, from now on: shell scripts by their names. */
  installTools(scripts: Readonly<Record<string, string>>): void {
    this.#tools = join(this.folder, "tools");
    mkdirSync(this.#tools, { recursive: true });
    for (const [name, script] of Object.entries(scripts))
      writeFileSync(join(this.#tools, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }

  /** A command line that every later command is given to; empty for none. */
  wrap(wrapper: readonly string[]): void {
    this.#wrapper = wrapper;
  }

  /** Runs `octollm` as its user would. */
  async octollm(argv: readonly string[], engine = this.engine): Promise<Outcome> {
    return this.start(argv, engine).ended;
  }

  /** The same; anything but exit code 0 is a failure of the test. */
  async must(argv: readonly string[], engine = this.engine): Promise<string> {
    const { code, output } = await this.octollm(argv, engine);
    assert.equal(code, 0, `'octollm ${argv.join(" ")}' ended with ${code}:\n${output}`);
    return output;
  }

  /** The same for a command that has to fail. */
  async mustFail(argv: readonly string[], engine = this.engine): Promise<string> {
    const { code, output } = await this.octollm(argv, engine);
    assert.notEqual(code, 0, `'octollm ${argv.join(" ")}' ended with 0:\n${output}`);
    return output;
  }

  up(engine = this.engine): Promise<string> {
    return this.must(["up", "--yes", "--skip-preview"], engine);
  }

  upFails(engine = this.engine): Promise<string> {
    return this.mustFail(["up", "--yes", "--skip-preview"], engine);
  }

  get #stackFile(): string {
    return join(this.folder, `Pulumi.${stack}.yaml`);
  }

  #config(): Settings {
    return (parse(readFileSync(this.#stackFile, "utf8")) as { config: Settings }).config;
  }

  /** Writes settings into the stack file, as an editor does. */
  set(settings: Settings): void {
    const document = parse(readFileSync(this.#stackFile, "utf8")) as { config: Settings };
    for (const [key, value] of Object.entries(settings)) document.config[`octollm:${key}`] = value;
    writeFileSync(this.#stackFile, stringify(document));
  }

  /** Changes the one service of the settings. */
  setService(change: Settings): void {
    const [service] = this.#config()["octollm:services"] as Settings[];
    this.set({ services: [{ ...service, ...change }] });
  }

  #site(): Site {
    const raw = Object.entries(this.#config()).map(([key, value]): [string, string] => {
      return [key.replace("octollm:", ""), typeof value === "string" ? value : JSON.stringify(value)];
    });
    return { ...siteOf(parseSettings(Object.fromEntries(raw))), installation: this.installation };
  }

  /** Starts the service as the program does. */
  async startService(release: string): Promise<void> {
    for (const spec of await serviceSpecs(this.#site(), release)) await runtime.start(spec);
  }

  async stopService(release: string): Promise<void> {
    for (const spec of await serviceSpecs(this.#site(), release)) await runtime.stop(spec);
  }

  /** Starts a release as an operator does, with nohup. */
  async startByHand(release: string): Promise<void> {
    await startRelease({ folder: this.installation, release, port: this.port });
  }

  /** Ends whatever serves. */
  async stopByHand(): Promise<void> {
    killAll(() => processesIn(this.folder).filter(isService));
    await gone(() => processesIn(this.folder).filter(isService), 5);
  }

  /** How releases of the service behave from their next start on: see service.cjs. */
  behave(behaviours: Readonly<Record<string, string>>): void {
    writeFileSync(join(this.installation, "behaviour.json"), JSON.stringify(behaviours));
  }

  get env(): string {
    return readFileSync(join(this.installation, ".env"), "utf8");
  }

  set env(text: string) {
    writeFileSync(join(this.installation, ".env"), text);
  }

  /** Everything of the installation that somebody could miss. */
  async world(): Promise<World> {
    return {
      data: await fingerprintOf(this.databaseUrl),
      env: this.env,
      revision: await revisionOf(this.databaseUrl),
      serves: await servedOn(this.port),
      schema: await schemaOf(this.databaseUrl),
    };
  }

  attempts(): Promise<LedgerAttempt[]> {
    return attemptsOf(this.databaseUrl);
  }

  revisions(): Promise<string[]> {
    return revisionRows(this.databaseUrl);
  }

  /** Every row of the ledger. */
  ledger(): Promise<object[]> {
    return query(
      this.databaseUrl,
      `SELECT to_jsonb(row) FROM octollm_upgrade.attempts AS row UNION ALL SELECT to_jsonb(row) FROM octollm_upgrade.events AS row
       UNION ALL SELECT to_jsonb(row) FROM octollm_upgrade.revisions AS row`,
    );
  }

  query<T extends object = Record<string, unknown>>(sql: string): Promise<T[]> {
    return query<T>(this.databaseUrl, sql);
  }

  /** Names of the complete backups, oldest first; and of what else lies in their folder. */
  backups(): string[] {
    const folder = join(this.installation, "backups");
    mkdirSync(folder, { recursive: true });
    return readdirSync(folder).sort();
  }

  /** Talks to the API of the release that serves. */
  async request(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
    const response = await fetch(`http://127.0.0.1:${this.port}${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    return { status: response.status, body: await response.json().catch(() => null) };
  }

  /** Leaves a lock of the stack as the Pulumi CLI writes it. */
  leaveLock(pid: number): void {
    const folder = join(this.folder, ".pulumi", "locks", "organization", "octollm", stack);
    mkdirSync(folder, { recursive: true });
    const holder = { pid, username: "tester", hostname: hostname(), timestamp: new Date().toISOString() };
    writeFileSync(join(folder, `${randomUUID()}.json`), JSON.stringify(holder));
  }

  /** The same project where somebody has moved it to. */
  from(folder: string): Scenario {
    const { databaseUrl, port, engine } = this;
    return new Scenario({ folder, databaseUrl, port }, engine);
  }

  /** Another checkout of the project, with the same stack of its own, for the same installation. */
  checkout(): Scenario {
    const folder = makeProject();
    this.#checkouts.push(folder);
    for (const name of [".pulumi", `Pulumi.${stack}.yaml`])
      cpSync(join(this.folder, name), join(folder, name), { recursive: true });
    selectStack(folder);
    const { databaseUrl, port, engine } = this;
    const checkout = new Scenario({ folder, databaseUrl, port }, engine);
    checkout.set({ installation: this.installation });
    return checkout;
  }

  /** Ends everything that works for this scenario and removes it. */
  async close(): Promise<void> {
    for (const folder of [this.folder, ...this.#checkouts]) {
      killAll(() => processesIn(folder));
      await gone(() => processesIn(folder), 5);
      removeProject(folder);
    }
  }
}
