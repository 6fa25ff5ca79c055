import { relative, resolve } from "node:path";

import { Command, InvalidArgumentError, Option } from "commander";

import { look } from "../phases/preflight";
import { stampUnstamped } from "../phases/stamp";
import { parseSettings, siteOf } from "../settings";
import { composeFileOf, findContainers } from "./adopt-containers";
import { findProcesses } from "./adopt-processes";
import { asText, installationFrom, refuseIfConfigured, writeStack } from "./new-stack";
import { print } from "./output";
import { providePassphrase } from "./passphrase";
import { openProject, projectFolder } from "./project";

/** What was found of an installation. */
export interface FoundInstallation {
  /** The release that all of its services serve. */
  readonly version: string;
  /** Settings of the stack besides version, target and folder. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** What to tell the operator, a line for each service. */
  readonly lines: readonly string[];
}

type Target = "local" | "docker";

interface AdoptOptions {
  readonly stack: string;
  readonly installation: string;
  readonly target?: Target;
  readonly service: Readonly<Record<string, string>>;
  readonly revision?: string;
}

/** `octollm adopt`: finds what runs, writes the stack's settings, and changes nothing of the installation. */
export function adoptCommand(): Command {
  return new Command("adopt")
    .description("find the OctoLLM that runs here and write a stack for it; changes nothing of the installation")
    .option("-s, --stack <name>", "name of the new stack", "dev")
    .option("--installation <folder>", "folder with its .env", ".")
    .addOption(
      new Option("--target <target>", "where it runs; docker where the folder has a compose file, else local").choices([
        "local",
        "docker",
      ]),
    )
    .option(
      "--service <name=place>",
      "a service and its port, or its container, in place of the usual ones; may be repeated",
      collectService,
      {},
    )
    .option("--revision <id>", "stamp a database without alembic_version, whose schema is this revision's")
    .action(adopt);
}

function collectService(text: string, services: Readonly<Record<string, string>>): Record<string, string> {
  const [, name = "", place = ""] = /^([a-z][a-z0-9-]*)=([\w.-]+)$/.exec(text) ?? [];
  if (!name)
    throw new InvalidArgumentError(
      "It reads <name>=<port> or <name>=<container>, such as orchestrator=8000 or orchestrator=octollm-orchestrator.",
    );
  return { ...services, [name]: place };
}

async function adopt(options: AdoptOptions): Promise<void> {
  const folder = resolve(options.installation);
  const project = projectFolder();
  const target = options.target ?? (composeFileOf(folder) === null ? "local" : "docker");
  const { version, settings, lines } =
    target === "docker"
      ? await findContainers(folder, options.service)
      : await findProcesses(folder, portsOf(options.service));
  providePassphrase(project, true);
  process.chdir(project);
  const backend = openProject();
  const installation = installationFrom(project, folder);
  const all = { version, target, installation, ...settings };
  refuseIfConfigured(backend, options.stack, "adopt");
  // The same look as Preflight's: what it would refuse is refused before a stack is made.
  const site = siteOf(parseSettings(asText(all)));
  if (options.revision !== undefined) {
    await stampUnstamped(site, options.revision, options.stack);
    print(`Stamped the database: alembic_version says ${options.revision}.`);
  }
  const found = await look({ site, version, restoreFrom: "", emptyStack: true, databaseUrl: "" });
  if (found.outcome.kind === "refused")
    throw new Error(
      `${options.revision === undefined ? "Nothing was written" : "No stack was written"}. To be adopted, the installation must first be put right:\n` +
        found.outcome.reasons.map(({ path, text }) => `  ${path}: ${text}`).join("\n"),
    );
  await writeStack(backend, options.stack, all);
  const { world, database } = found.observation;
  print(`Found OctoLLM ${version} in ${folder}:`);
  for (const line of lines) print(`  ${line}`);
  print(`  database ${world.database} at revision ${world.revisions.join(", ")}, PostgreSQL ${database.serverVersion}`);
  print(
    `Wrote ${relative(process.cwd(), backend.config(options.stack).file)} and selected stack '${options.stack}'. Nothing else was changed.`,
  );
  print(`Next:\n  octollm preview    shows that adopting changes nothing\n  octollm up         adopts`);
}

/** Processes are found by their ports. */
function portsOf(services: AdoptOptions["service"]): Record<string, number> {
  return Object.fromEntries(
    Object.entries(services).map(([name, place]) => {
      if (/^\d{1,5}$/.test(place)) return [name, Number(place)];
      throw new Error(
        `'${place}' of '${name}' is no port. Nothing was written. Containers are adopted with --target docker.`,
      );
    }),
  );
}
