import { spawn } from "node:child_process";
import { closeSync, cpSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { Client } from "pg";

import { databaseAddress } from "../environment/database-address";
import { DotenvFile, expandedValues } from "../environment/dotenv-file";
import { parseDatabaseUrl } from "../postgres/address";
import { fillTables } from "./sample-tasks";

const project = resolve(__dirname, "..");
const fixtures = join(project, "tests", "fixtures");

/** The small OctoLLM's program: `node <this> --release 0.1.0`. */
export const octollmEntry = join(__dirname, "octollm", "main.cjs");

export interface InstallationOptions {
  /** Gets `.env`, `config/` and `logs/`; made if it is not there. */
  readonly folder: string;
  /** An empty database. */
  readonly databaseUrl: string;
  /** Port of the orchestrator; 8000 unless given. */
  readonly port?: number;
  /** How many tasks; 20,000 unless given. */
  readonly tasks?: number;
}

/** Where the parts of an installation are. */
export interface Installation {
  readonly folder: string;
  readonly env: string;
  readonly config: string;
  readonly log: string;
  readonly port: number;
}

function partsOf(folder: string, port: number): Installation {
  return {
    folder,
    env: join(folder, ".env"),
    config: join(folder, "config"),
    log: join(folder, "logs", "orchestrator.log"),
    port,
  };
}

/** An operator's `.env` with some values of this installation; every other byte is kept. */
export function operatorsEnv(values: Readonly<Record<string, string>>): Buffer {
  const file = DotenvFile.parse(readFileSync(join(fixtures, "env", "operator.env")));
  const lines = file.lines.map(({ text, end, assignment }) => {
    const value = assignment ? values[assignment.key] : undefined;
    return assignment && value !== undefined ? { text: assignment.head + value + assignment.tail, end } : { text, end };
  });
  return file.withLines(lines).toBuffer();
}

/** The statements of a migration of the catalogue. */
function upSql(file: string): string {
  const text = readFileSync(join(project, "releases", file), "utf8");
  return text.slice(text.indexOf("\n-- up\n"));
}

async function withClient<Result>(databaseUrl: string, work: (client: Client) => Promise<Result>): Promise<Result> {
  const { host, port, user, password, database } = parseDatabaseUrl(databaseUrl);
  const client = new Client({ host, port, user, password, database, application_name: "octollm demo" });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/**
 * Sets up an OctoLLM 0.1.0 as an operator has it: an edited `.env`, `config/`, and a database with tasks and their
 * history, the same ones at every call. Starts nothing.
 */
export async function createInstallation(options: InstallationOptions): Promise<Installation> {
  const installation = createFolder(options);
  await fillDatabase(options.databaseUrl, options.tasks ?? 20_000);
  return installation;
}

/** The folder of an OctoLLM as an operator has it before anything is installed: `.env`, `config/` and `logs/`. */
export function createFolder({ folder, databaseUrl, port = 8000 }: Omit<InstallationOptions, "tasks">): Installation {
  const { user, password, database } = parseDatabaseUrl(databaseUrl);
  const installation = partsOf(resolve(folder), port);
  mkdirSync(join(installation.folder, "logs"), { recursive: true });
  const identity = { POSTGRES_DB: database, POSTGRES_USER: user, POSTGRES_PASSWORD: password };
  const env = operatorsEnv({ ...identity, DATABASE_URL: databaseUrl, PORT: String(port) });
  writeFileSync(installation.env, env, { mode: 0o600 });
  cpSync(join(fixtures, "config"), installation.config, { recursive: true });
  return installation;
}

/** Gives an empty database the schema of 0.1.0 and that many tasks with their history, the same ones at every call. */
export async function fillDatabase(databaseUrl: string, tasks: number): Promise<void> {
  await withClient(databaseUrl, async (client) => {
    await client.query("BEGIN");
    await client.query(upSql("0.1.0/migrations/def456_initial_schema.sql"));
    await client.query(
      `CREATE TABLE alembic_version (
         version_num varchar(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))`,
    );
    await client.query("INSERT INTO alembic_version VALUES ('def456')");
    await fillTables(client, tasks);
    await client.query("COMMIT");
    // As on a database that autovacuum has seen to: estimates in previews come from these statistics.
    await client.query("VACUUM ANALYZE");
  });
}

/** The shell command that starts a release of the small OctoLLM. */
export function startCommand(release: string): string {
  const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
  return `exec ${quoted(process.execPath)} ${quoted(octollmEntry)} --release ${release}`;
}

/**
 * Starts a release by hand, as an operator does with nohup: in the background, from the installation's `.env`, its
 * output appended to the log. Answers when the service does.
 *
 * @returns the process's id
 * @throws with the end of the log when it does not answer within 20 seconds
 */
export async function startRelease(options: {
  readonly folder: string;
  readonly release: string;
  readonly port?: number;
}): Promise<number> {
  const environment = expandedValues(DotenvFile.parse(readFileSync(join(options.folder, ".env"))));
  const port = options.port ?? Number(environment.PORT ?? 8000);
  const { log } = partsOf(resolve(options.folder), port);
  const descriptor = openSync(log, "a");
  const child = spawn("/bin/sh", ["-c", startCommand(options.release)], {
    cwd: options.folder,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...environment, PORT: String(port) },
    detached: true,
    stdio: ["ignore", descriptor, descriptor],
  });
  closeSync(descriptor);
  let ended = false;
  child.once("exit", () => (ended = true));
  child.unref();
  for (let turn = 0; turn < 200 && !ended; turn++) {
    const response = await fetch(`http://127.0.0.1:${port}/health`).catch(() => null);
    await response?.body?.cancel();
    if (response?.ok) return child.pid ?? 0;
    await sleep(100);
  }
  if (!ended) child.kill("SIGKILL");
  const tail = readFileSync(log, "utf8").trimEnd().split("\n").slice(-5).join("\n  ");
  throw new Error(
    `OctoLLM ${options.release} did not start on port ${port}; nothing of it runs. Its log ends:\n  ${tail}`,
  );
}

/** What a database holds, for proofs that nothing was lost or changed. */
export interface Fingerprint {
  readonly tasks: number;
  /** MD5 over all columns of all tasks, in order of their ids. */
  readonly tasksMd5: string;
  readonly priorities: Readonly<Record<string, number>>;
  readonly history: number;
}

/** Takes the fingerprint of an installation's tasks and their history, in one snapshot. */
export async function fingerprint(databaseUrl: string): Promise<Fingerprint> {
  return withClient(databaseUrl, async (client) => {
    await client.query("SET TimeZone = 'UTC'");
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    const { rows } = await client.query<{ tasks: number; md5: string; history: number }>(
      `SELECT count(*)::integer AS tasks, (SELECT count(*)::integer FROM task_history) AS history,
              md5(coalesce(string_agg(md5(ROW(id, description, priority, status, context, result, created_at,
                                              updated_at)::text), '' ORDER BY id), '')) AS md5
         FROM tasks`,
    );
    const counts = await client.query<{ priority: number; tasks: number }>(
      "SELECT priority, count(*)::integer AS tasks FROM tasks GROUP BY priority ORDER BY priority",
    );
    await client.query("COMMIT");
    const [{ tasks, md5, history } = { tasks: 0, md5: "", history: 0 }] = rows;
    const priorities = Object.fromEntries(counts.rows.map((row) => [String(row.priority), row.tasks]));
    return { tasks, tasksMd5: md5, priorities, history };
  });
}

/** The URL that an installation's `.env` gives. */
export function databaseUrlOf(folder: string): string {
  const path = join(folder, ".env");
  const { host, port, user, password, database } = databaseAddress(DotenvFile.parse(readFileSync(path)), { path });
  return `postgresql://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${host}:${port}/${database}`;
}
