import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

import { Client } from "pg";

import {
  createFolder,
  createInstallation,
  type Installation,
  octollmEntry,
  startRelease,
} from "../../demo/installation";
import { freePort } from "../../demo/private-postgres";
import type { Site } from "../../phases/site";
import type { Plan } from "../../planner/plan";
import type { Properties } from "../../provider/codec";
import { processOf } from "../../runtimes/local/processes";
import { parseSettings, siteOf } from "../../settings";
import { pauseAutovacuum, testDatabase } from "./postgres";
import type { ProviderProcess, Resource } from "./provider-client";

const project = resolve(__dirname, "..", "..");
export const preflight: Resource = { type: "Preflight", name: "preflight" };

/** A real OctoLLM 0.1.0 with 200 tasks that serves, and the inputs that the program gives its phases. */
export class Installed {
  readonly site: Site;
  readonly installation: Installation;
  readonly databaseUrl: string;
  /** Process of the 0.1.0 that was started by hand; null where none was. */
  readonly #pid: number | null;

  private constructor(installation: Installation, databaseUrl: string, pid: number | null) {
    this.installation = installation;
    this.databaseUrl = databaseUrl;
    this.#pid = pid;
    const service = {
      name: "orchestrator",
      command: `exec node ${octollmEntry} --release {version}`,
      port: installation.port,
      health: "/health",
      log: "logs/orchestrator.log",
      stopTimeout: 10,
    };
    this.site = siteOf(
      parseSettings({
        version: "0.1.0",
        target: "local",
        installation: installation.folder,
        services: JSON.stringify([service]),
        quiesce: JSON.stringify({ timeout: 30 }),
      }),
    );
  }

  static async create(): Promise<Installed> {
    const folder = mkdtempSync(join(tmpdir(), "octollm-installed-"));
    const databaseUrl = await testDatabase();
    await pauseAutovacuum(databaseUrl);
    const installation = await createInstallation({ folder, databaseUrl, port: await freePort(), tasks: 200 });
    return new Installed(installation, databaseUrl, await startRelease({ folder, release: "0.1.0" }));
  }

  /** Nothing but the folder with its `.env`, and an empty database. */
  static async nothing(): Promise<Installed> {
    const folder = mkdtempSync(join(tmpdir(), "octollm-installed-"));
    const databaseUrl = await testDatabase();
    return new Installed(createFolder({ folder, databaseUrl, port: await freePort() }), databaseUrl, null);
  }

  /** Preflight's inputs, as the program declares them. */
  inputs(version: string, gates: Properties = {}): Properties {
    return {
      version,
      restoreFrom: "",
      acceptBreaking: "",
      reviewedPlan: "",
      acceptLoss: "",
      allowHazards: [],
      settings: this.site,
      ...gates,
    };
  }

  /** Runs every phase with its slice of the plan, as the program declares them, with the service's command between. */
  async runPhases(provider: ProviderProcess, plan: Plan): Promise<Record<string, Properties>> {
    const { attempt, revisions, to } = plan;
    const outputs: Record<string, Properties> = {};
    const run = async (type: string, name: string, slice: object) => {
      const inputs = { attempt, ...slice } as Properties;
      const checked = await provider.check({ type, name }, inputs);
      if (checked.failures.length > 0) throw new Error(checked.failures.join("\n"));
      outputs[name] = await provider.apply({ type, name }, inputs);
    };
    await run("Quiesce", "quiesce", plan.stops);
    await run("Backup", "backup", plan.backup);
    await run("Restore", "restore", plan.restore);
    await run("SchemaMigration", "pre", { phase: "pre", revisions: revisions.pre });
    await run("Environment", "environment", plan.environment);
    await this.service("start", to, attempt);
    await run("Resume", "resume", plan.deploy);
    await run("Verification", "verification", plan.checks);
    await run("SchemaMigration", "post", { phase: "post", revisions: revisions.post });
    await run("Completion", "completion", { release: to, planId: plan.id, wayBack: plan.rollback });
    return outputs;
  }

  /** What the deployment's command does, run as components/targets/local.ts declares it. */
  async service(word: "start" | "stop", release: string, attempt = 0): Promise<string> {
    const { installation, environmentFile, services } = this.site;
    const placed = JSON.stringify({ installation, environmentFile, service: services[0] });
    const environment = { OCTOLLM_RELEASE: release, OCTOLLM_ATTEMPT: String(attempt), OCTOLLM_SERVICE: placed };
    const { stdout } = await promisify(execFile)("node", ["bin/octollm", "service", word, "orchestrator"], {
      cwd: project,
      env: { ...process.env, ...environment },
    });
    return stdout;
  }

  /** What the service says it is; null when nothing answers. */
  async serving(): Promise<string | null> {
    const response = await fetch(`http://127.0.0.1:${this.installation.port}/health`).catch(() => null);
    return response ? ((await response.json()) as { version: string }).version : null;
  }

  async sql<Row = Record<string, unknown>>(text: string): Promise<Row[]> {
    return this.inDatabase<Row>(new URL(this.databaseUrl).pathname.slice(1), text);
  }

  /** The same in another database of the server. */
  async inDatabase<Row = Record<string, unknown>>(database: string, text: string): Promise<Row[]> {
    const url = new URL(this.databaseUrl);
    url.pathname = `/${database}`;
    const client = new Client({ connectionString: url.href });
    // A session that a test has ended is told by its query; without a listener it would end the test process.
    client.on("error", () => undefined);
    await client.connect();
    try {
      return (await client.query(text)).rows as Row[];
    } finally {
      await client.end();
    }
  }

  /** Everything that a preview must leave as it is: transaction ids, storage, schemas, locks, files, the process. */
  async everything(): Promise<object> {
    const [database] = await this.sql(
      `SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS next_xid,
              (SELECT md5(string_agg(format('%s %s %s %s', oid, relname, relfilenode, relpages), ',' ORDER BY oid)) FROM pg_class) AS relations,
              (SELECT string_agg(nspname, ',' ORDER BY nspname) FROM pg_namespace) AS schemas,
              (SELECT count(*)::integer FROM pg_locks WHERE locktype = 'advisory') AS advisory_locks`,
    );
    return { database, files: this.#files(), process: this.#pid === null ? null : processOf(this.#pid)?.identity };
  }

  #files(): string[] {
    const { folder } = this.installation;
    return readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((name) => !name.startsWith("logs"))
      .toSorted()
      .map((name) => {
        const path = join(folder, name);
        const { mtimeMs, mode, ino } = statSync(path);
        const content = statSync(path).isFile() ? createHash("sha256").update(readFileSync(path)).digest("hex") : "";
        return `${name} ${mtimeMs} ${mode} ${ino} ${content}`;
      });
  }

  /** Ends whatever release serves, and deletes the files. */
  async remove(): Promise<void> {
    const release = await this.serving();
    if (release !== null) await this.service("stop", release);
    if (this.#pid !== null && processOf(this.#pid)) process.kill(this.#pid, "SIGTERM");
    while (this.#pid !== null && processOf(this.#pid)) await sleep(20);
    rmSync(this.installation.folder, { recursive: true, force: true });
  }
}
