import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { parse, stringify } from "yaml";

import { createInstallation, startRelease } from "../../../demo/installation";
import { freePort } from "../../../demo/private-postgres";
import { environmentDigest } from "../../../planner/installation";
import { testDatabase, testServer } from "../../support/postgres";
import { Running } from "./command";
import { gone, killAll, processesIn } from "./processes";
import { makeProject, projectEnvironment, selectStack, stack } from "./project";
import { query } from "./world";

/** How many tasks an installation of these tests has. */
export const taskCount = 500;

/** The program that the tests' service is. */
export const serviceScript = resolve(__dirname, "service.cjs");

/** The service's command, with `{version}` for the release. */
export const serviceCommand = `exec '${process.execPath}' '${serviceScript}' --release {version}`;

/** Where the parts of a copy are. */
export interface Copy {
  readonly folder: string;
  readonly databaseUrl: string;
  readonly port: number;
}

/** An installation and the stack that has adopted it, to be copied: nothing of it runs. */
interface Template extends Copy {
  readonly database: string;
}

const nameOf = (databaseUrl: string) => new URL(databaseUrl).pathname.slice(1);

async function installed(): Promise<Template> {
  const folder = makeProject();
  const databaseUrl = await testDatabase();
  const port = await freePort();
  await createInstallation({ folder: join(folder, "octollm"), databaseUrl, port, tasks: taskCount });
  return { folder, databaseUrl, port, database: nameOf(databaseUrl) };
}

async function adopted(): Promise<Template> {
  const template = await copyOf(await once("installed", installed));
  const { folder, port } = template;
  await startRelease({ folder: join(folder, "octollm"), release: "0.1.0", port });
  for (const argv of [
    ["adopt", "--stack", stack, "--installation", "octollm", "--service", `orchestrator=${port}`],
    ["up", "--yes", "--skip-preview"],
  ]) {
    const running = new Running(process.execPath, [join("bin", "octollm"), ...argv, "--engine", "standalone"], {
      cwd: folder,
      env: projectEnvironment(folder, "standalone"),
    });
    const { code, output } = await running.ended;
    if (code !== 0)
      throw new Error(`the template cannot be adopted: 'octollm ${argv.join(" ")}' ended with ${code}:\n${output}`);
    if (argv[0] === "adopt") describeService(folder);
  }
  killAll(() => processesIn(folder));
  await gone(() => processesIn(folder), 5);
  return { ...template, database: nameOf(template.databaseUrl) };
}

/** The settings name the tests' own service, which is the one that `startRelease` starts unless it is told otherwise. */
function describeService(folder: string): void {
  const file = join(folder, `Pulumi.${stack}.yaml`);
  const settings = parse(readFileSync(file, "utf8")) as { config: Record<string, { command: string }[]> };
  for (const service of settings.config["octollm:services"] ?? []) service.command = serviceCommand;
  writeFileSync(file, stringify(settings));
}

const made = new Map<string, Promise<Template>>();

function once(name: string, make: () => Promise<Template>): Promise<Template> {
  const template = made.get(name) ?? make();
  made.set(name, template);
  return template;
}

/**
 * A copy of the template: a project, an installation and a database of its own, in which nothing runs yet.
 *
 * @param kind - `installed`: no stack knows it; `adopted`: the stack `dev` has adopted it
 */
export async function makeCopy(kind: "installed" | "adopted"): Promise<Copy> {
  return copyOf(await once(kind, kind === "installed" ? installed : adopted));
}

async function copyOf(template: Template): Promise<Copy> {
  const server = await testServer();
  const folder = makeProject();
  const port = await freePort();
  const database = `${template.database.slice(0, -8)}${Math.random().toString(16).slice(2, 10).padEnd(8, "0")}`;
  server.createDatabase(database, template.database);
  for (const name of ["octollm", ".pulumi", `Pulumi.${stack}.yaml`])
    if (existsSync(join(template.folder, name)))
      cpSync(join(template.folder, name), join(folder, name), { recursive: true });
  for (const name of ["logs", ".octollm"]) rmSync(join(folder, "octollm", name), { recursive: true, force: true });
  mkdirSync(join(folder, "octollm", "logs"));
  const digest = () => environmentDigest(readFileSync(join(folder, "octollm", ".env")));
  const rewrite = (file: string, change: (text: string) => string) =>
    writeFileSync(
      file,
      change(readFileSync(file, "utf8"))
        .replaceAll(template.database, database)
        .replaceAll(template.folder, folder)
        .replace(new RegExp(`\\b${template.port}\\b`, "g"), String(port)),
    );
  const before = digest();
  rewrite(join(folder, "octollm", ".env"), (text) => text);
  const texts = [join(folder, `Pulumi.${stack}.yaml`), ...stateFiles(folder)].filter((path) => existsSync(path));
  for (const file of texts) rewrite(file, (text) => text.replaceAll(before, digest()));
  // What was adopted is this very file, or else every test would begin with an edited one.
  if (texts.length > 0)
    await query(server.url(database), `UPDATE octollm_upgrade.attempts SET environment_digest = '${digest()}'`);
  if (existsSync(join(folder, `Pulumi.${stack}.yaml`))) selectStack(folder);
  return { folder, databaseUrl: server.url(database), port };
}

function stateFiles(folder: string): string[] {
  const states = join(folder, ".pulumi", "stacks", "octollm");
  return existsSync(states) ? readdirSync(states).map((name) => join(states, name)) : [];
}
