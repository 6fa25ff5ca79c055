import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import type Docker from "dockerode";
import { Client } from "pg";

import { fillDatabase, type Fingerprint, fingerprint, operatorsEnv } from "../../../demo/installation";
import { atExit } from "../../support/at-exit";
import { migrate } from "../../support/migrate";
import { until } from "../../support/until";
import { type DockerEngine, startEngine } from "./engine";
import { images, type Release } from "./images";

const fixtures = resolve(__dirname, "..", "..", "fixtures");

export interface InstallationOptions {
  /** 0.1.0 unless given. */
  readonly release?: Release;
  /** How many tasks; 200 unless given. */
  readonly tasks?: number;
  /** Which services are started besides the stores; orchestrator, reflex-layer and planner-arm unless given. */
  readonly services?: readonly string[];
  /** Whether a proxy of the operator's has port 8000, and the orchestrator publishes none. */
  readonly front?: boolean;
}

/**
 * An OctoLLM as operators have it: a folder with docker-compose.yml, `.env` and `config/`, started by docker-compose as project
 * `octollm`. The ring's network is its own, so ports are always the same: the orchestrator answers on 8000, PostgreSQL on 15432.
 */
export class DockerInstallation {
  readonly engine: DockerEngine;
  readonly folder: string;
  readonly orchestrator = "http://127.0.0.1:8000";
  readonly databaseUrl = "postgresql://octollm:not-a-real-password%3D%231@127.0.0.1:15432/octollm";

  constructor(engine: DockerEngine, folder: string) {
    this.engine = engine;
    this.folder = folder;
  }

  get docker(): Docker {
    return this.engine.docker;
  }

  /** docker-compose in the installation's folder; answers what it wrote. */
  compose(...words: string[]): string {
    const env = { ...process.env, DOCKER_HOST: this.engine.host, COMPOSE_PROJECT_NAME: "octollm" };
    return execFileSync("docker-compose", words, {
      cwd: this.folder,
      env,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  /** Rows of a query, over the published port. */
  async sql<Row extends object>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    const client = new Client({ connectionString: this.databaseUrl });
    await client.connect();
    try {
      return (await client.query<Row>(text, [...values])).rows;
    } finally {
      await client.end();
    }
  }

  /** Version and revision of whoever answers on the orchestrator's port; null when nobody healthy does. */
  async serving(): Promise<{ version: string; revision: string } | null> {
    const response = await fetch(`${this.orchestrator}/health`, { signal: AbortSignal.timeout(2_000) }).catch(
      () => null,
    );
    const body = (await response?.json().catch(() => null)) as { version: string; revision: string } | null | undefined;
    return response?.ok && body ? { version: body.version, revision: body.revision } : null;
  }

  /** What the database holds, for proofs that nothing was lost or changed. */
  async fingerprint(): Promise<Fingerprint> {
    return fingerprint(this.databaseUrl);
  }

  /** Id, start and restarts of every container, by name: equal before and after when none was touched. */
  async containers(): Promise<Record<string, { id: string; image: string; started: string; status: string }>> {
    const list = await this.docker.listContainers({ all: true });
    const looks = await Promise.all(list.map(({ Id }) => this.docker.getContainer(Id).inspect()));
    return Object.fromEntries(
      looks
        .map(({ Id, Name, Config, State }) => {
          const { Image: image } = Config;
          return [Name.slice(1), { id: Id, image, started: State.StartedAt, status: State.Status }] as const;
        })
        .toSorted(([left], [right]) => left.localeCompare(right)),
    );
  }

  /** Removes containers, networks, volumes and files. */
  async remove(): Promise<void> {
    await this.engine.clear();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The same installation with the port at a proxy, which is not one of OctoLLM's services. */
function withFront(compose: string): string {
  const port = '    ports:\n      - "127.0.0.1:8000:8000"\n';
  const front = `  front:
    image: ${images.front}
    container_name: front
    restart: unless-stopped
    command: ["front", "orchestrator:8000"]
${port}    networks: [octollm-network]
`;
  return compose.replace(port, "").replace("\nnetworks:\n", `\n${front}\nnetworks:\n`);
}

/** A folder with `.env`, `config/` and `logs/`, and nothing else. */
async function prepareFolder(): Promise<DockerInstallation> {
  const installation = new DockerInstallation(await startEngine(), mkdtempSync(join(tmpdir(), "octollm-compose-")));
  const { folder, databaseUrl } = installation;
  atExit(() => rmSync(folder, { recursive: true, force: true }));
  const inside = databaseUrl.replace("127.0.0.1:15432", "postgres:5432");
  // The ring's network ends here: a receiver far away would cost each task two seconds of waiting for a name server.
  const webhook = { WEBHOOK_URL: "http://127.0.0.1:9/octollm/webhook" };
  const stores = { REDIS_URL: "redis://redis:6379/0", QDRANT_URL: "http://qdrant:6333" };
  writeFileSync(join(folder, ".env"), operatorsEnv({ DATABASE_URL: inside, ...stores, ...webhook }), { mode: 0o600 });
  cpSync(join(fixtures, "config"), join(folder, "config"), { recursive: true });
  mkdirSync(join(folder, "logs"));
  return installation;
}

/** The same, for those who install OctoLLM there. */
export const startNothing = prepareFolder;

/** Sets up and starts an OctoLLM with docker-compose; waits until its orchestrator answers. */
export async function startInstallation(options: InstallationOptions = {}): Promise<DockerInstallation> {
  const { release = "0.1.0", tasks = 200, front = false } = options;
  const { services = ["orchestrator", "reflex-layer", "planner-arm"] } = options;
  const installation = await prepareFolder();
  const { folder, databaseUrl } = installation;
  const original = readFileSync(join(fixtures, "docker", "docker-compose.yml"), "utf8");
  const compose = front ? withFront(original) : original;
  const text = compose
    .replace("octollm-test/postgres:15", images.postgres)
    .replaceAll(/(octollm\/[\w-]+):0\.1\.0/g, `$1:${release}`);
  writeFileSync(join(folder, "docker-compose.yml"), text);
  installation.compose("up", "--detach", "postgres", "redis", "qdrant");
  await until("PostgreSQL takes connections", async () => (await installation.sql("SELECT 1")).length === 1);
  await fillDatabase(databaseUrl, tasks);
  await migrate(databaseUrl, release);
  installation.compose("up", "--detach", ...services, ...(front ? ["front"] : []));
  if (services.includes("orchestrator"))
    await until("the orchestrator answers", async () => (await installation.serving())?.version === release);
  return installation;
}
