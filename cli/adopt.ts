import { existsSync } from "node:fs";
import { isAbsolute, join, relative, resolve } from "node:path";

import { Command, InvalidArgumentError } from "commander";

import type { Backend } from "../engine/main";
import { readDotenv } from "../environment/write";
import { look } from "../phases/preflight";
import type { ProcessSettings } from "../phases/site";
import { stampUnstamped } from "../phases/stamp";
import { type DiscoveredService, discoverService } from "../runtimes/local/discover";
import { parseSettings, siteOf } from "../settings";
import { print } from "./output";
import { providePassphrase } from "./passphrase";
import { openProject, projectFolder } from "./project";

/** Services of an OctoLLM and the ports that they have unless somebody changed them, in starting order. */
const usualPorts: Readonly<Record<string, number>> = {
  "reflex-layer": 8080,
  "planner-arm": 8001,
  "retriever-arm": 8002,
  "coder-arm": 8003,
  "judge-arm": 8004,
  "safety-guardian-arm": 8005,
  "executor-arm": 8006,
  orchestrator: 8000,
};

const health = "/health";

interface AdoptOptions {
  readonly stack: string;
  readonly installation: string;
  readonly service: Readonly<Record<string, number>>;
  readonly revision?: string;
}

/** `octollm adopt`: finds what runs, writes the stack's settings, and changes nothing of the installation. */
export function adoptCommand(): Command {
  return new Command("adopt")
    .description("find the OctoLLM that runs here and write a stack for it; changes nothing of the installation")
    .option("-s, --stack <name>", "name of the new stack", "dev")
    .option("--installation <folder>", "folder with its .env", ".")
    .option(
      "--service <name=port>",
      "a service and its port, in place of the usual ones; may be repeated",
      collectService,
      {},
    )
    .option("--revision <id>", "stamp a database without alembic_version, whose schema is this revision's")
    .action(adopt);
}

function collectService(text: string, services: Readonly<Record<string, number>>): Record<string, number> {
  const [, name = "", port = ""] = /^([a-z][a-z0-9-]*)=(\d{1,5})$/.exec(text) ?? [];
  if (!name) throw new InvalidArgumentError("It reads <name>=<port>, such as orchestrator=8000.");
  return { ...services, [name]: Number(port) };
}

async function adopt(options: AdoptOptions): Promise<void> {
  const folder = resolve(options.installation);
  const project = projectFolder();
  const services = await findServices(folder, options.service);
  providePassphrase(project, true);
  process.chdir(project);
  const backend = openProject();
  const settings = describeStack(folder, project, services);
  refuseIfConfigured(backend, options.stack);
  // The same look as Preflight's: what it would refuse is refused before a stack is made.
  const parsed = parseSettings(asText(settings));
  const site = siteOf(parsed);
  if (options.revision !== undefined) {
    await stampUnstamped(site, options.revision, options.stack);
    print(`Stamped the database: alembic_version says ${options.revision}.`);
  }
  const found = await look({ site, version: parsed.version, restoreFrom: "", emptyStack: true, databaseUrl: "" });
  if (found.outcome.kind === "refused")
    throw new Error(
      `${options.revision === undefined ? "Nothing was written" : "No stack was written"}. To be adopted, the installation must first be put right:\n` +
        found.outcome.reasons.map(({ path, text }) => `  ${path}: ${text}`).join("\n"),
    );
  await writeStack(backend, options.stack, settings);
  const { world, database } = found.observation;
  print(`Found OctoLLM ${parsed.version} in ${folder}:`);
  for (const { name, port, command } of services) print(`  ${name} on port ${port}: ${command}`);
  print(`  database ${world.database} at revision ${world.revisions.join(", ")}, PostgreSQL ${database.serverVersion}`);
  print(
    `Wrote ${relative(process.cwd(), backend.config(options.stack).file)} and selected stack '${options.stack}'. Nothing else was changed.`,
  );
  print(`Next:\n  octollm preview    shows that adopting changes nothing\n  octollm up         adopts`);
}

interface FoundService extends Pick<ProcessSettings, "name" | "port" | "health" | "command" | "directory" | "log"> {
  readonly release: string | null;
}

async function findServices(folder: string, named: Readonly<Record<string, number>>): Promise<FoundService[]> {
  const { file } = await readDotenv(join(folder, ".env"));
  const orchestrator = Number(file.get("PORT") ?? usualPorts.orchestrator);
  const wanted = Object.keys(named).length > 0 ? named : { ...usualPorts, orchestrator };
  const found: FoundService[] = [];
  for (const [name, port] of Object.entries(wanted)) {
    const service = await discoverService(port, health);
    // Without a name from the operator, only what says its release is believed to be an OctoLLM.
    if (service && (name in named || service.release !== null)) found.push(describeService(name, service, folder));
    else if (name in named)
      throw new Error(`Nothing answers ${health} on port ${port} for '${name}'. Nothing was written.`);
  }
  if (found.length > 0) return found;
  throw new Error(
    `No service of an OctoLLM answers on the usual ports (${Object.values(wanted).join(", ")}). Nothing was written. Name them:\n` +
      `  octollm adopt --installation ${folder} --service orchestrator=8000`,
  );
}

function describeService(name: string, service: DiscoveredService, folder: string): FoundService {
  const { release, port } = service;
  const placed = (path: string | null, otherwise: string) => {
    if (path === null) return otherwise;
    const inside = relative(folder, path);
    return inside.startsWith("..") || isAbsolute(inside) ? path : inside || ".";
  };
  return {
    name,
    port,
    health,
    release,
    command: release === null ? service.command : service.command.replaceAll(release, "{version}"),
    directory: placed(service.directory, "."),
    log: placed(service.log, `logs/${name}.log`),
  };
}

function describeStack(folder: string, project: string, services: readonly FoundService[]): Record<string, unknown> {
  const releases = new Set(services.map(({ release }) => release));
  const [version] = releases;
  if (releases.size !== 1 || !version)
    throw new Error(
      `The services do not agree on one release:\n${services.map(({ name, release }) => `  ${name}: ${release ?? "says none"}\n`).join("")}` +
        "Nothing was written. Bring them to one release first.",
    );
  const inside = relative(project, folder);
  return {
    version,
    target: "local",
    installation: inside.startsWith("..") || isAbsolute(inside) ? folder : inside || ".",
    services: services.map(({ name, command, directory, port, health: path, log }) => {
      return { name, command, directory, port, health: path, log };
    }),
  };
}

function asText(settings: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)]),
  );
}

function refuseIfConfigured(backend: Backend, stack: string): void {
  const config = backend.config(stack);
  if (config.get("octollm:version") === undefined) return;
  throw new Error(
    `${config.file} has settings already; they were left alone. Use that stack (octollm preview --stack ${stack}), or ` +
      `name another one: octollm adopt --stack <name>`,
  );
}

async function writeStack(backend: Backend, stack: string, settings: Record<string, unknown>): Promise<void> {
  if (!existsSync(backend.location.checkpoint(stack))) await backend.createStack(stack);
  const config = backend.config(stack);
  for (const [key, value] of Object.entries(settings))
    config.set(`octollm:${key}`, value as Parameters<typeof config.set>[1]);
  config.save();
  backend.select(stack);
}
