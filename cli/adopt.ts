import { relative, resolve } from "node:path";

import { Command, InvalidArgumentError, Option } from "commander";

import { look } from "../phases/preflight";
import { stampUnstamped } from "../phases/stamp";
import { parseSettings, siteOf } from "../settings";
import { composeFileOf, findContainers } from "./adopt-containers";
import { findDeployments } from "./adopt-deployments";
import { findProcesses } from "./adopt-processes";
import { asText, installationFrom, refuseIfConfigured, writeStack } from "./new-stack";
import { print } from "./output";
import { providePassphrase } from "./passphrase";
import { openProject, projectFolder } from "./project";

/** What was found of an installation. */
export interface FoundInstallation {
  /** The release that all of its services serve. */
  readonly version: string;
  /** For texts; absent for one that is in its folder. */
  readonly where?: string;
  /** Settings of the stack besides version, target and folder. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** What to tell the operator, a line for each service. */
  readonly lines: readonly string[];
}

const targets = ["local", "docker", "kubernetes"] as const;
type Target = (typeof targets)[number];

interface AdoptOptions {
  readonly stack: string;
  readonly installation: string;
  readonly target?: Target;
  readonly service: Readonly<Record<string, string>>;
  readonly revision?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace?: string;
  readonly configMap?: string;
  readonly secret?: string;
}

/** Options of which each means target `kubernetes`. */
const clusterOptions = ["kubeconfig", "context", "namespace", "configMap", "secret"] as const;

/** `octollm adopt`: finds what runs, writes the stack's settings, and changes nothing of the installation. */
export function adoptCommand(): Command {
  return new Command("adopt")
    .description("find the OctoLLM that runs here and write a stack for it; changes nothing of the installation")
    .option("-s, --stack <name>", "name of the new stack", "dev")
    .option("--installation <folder>", "folder with its .env, or for what is kept of a cluster's", ".")
    .addOption(
      new Option("--target <target>", "where it runs; docker where the folder has a compose file, else local").choices(
        targets,
      ),
    )
    .option(
      "--service <name=place>",
      "a service and its port, container or Deployment, in place of the usual ones; may be repeated",
      collectService,
      {},
    )
    .option("--revision <id>", "stamp a database without alembic_version, whose schema is this revision's")
    .option("--kubeconfig <file>", "on Kubernetes: the kubeconfig, else that of KUBECONFIG or ~/.kube/config")
    .option("--context <name>", "on Kubernetes: the kubeconfig's context, else its current one")
    .option("--namespace <name>", "on Kubernetes: where OctoLLM is; octollm unless given")
    .option("--config-map <name>", "on Kubernetes: the ConfigMap with the variables, where services have several")
    .option("--secret <name>", "on Kubernetes: the Secret with the secret variables, where services have several")
    .action(adopt);
}

function collectService(text: string, services: Readonly<Record<string, string>>): Record<string, string> {
  const [, name = "", place = ""] = /^([a-z][a-z0-9-]*)=([\w./-]+)$/.exec(text) ?? [];
  if (!name)
    throw new InvalidArgumentError(
      "It reads <name>=<port>, <name>=<container> or <name>=<deployment>, such as orchestrator=8000 or orchestrator=octollm-orchestrator.",
    );
  return { ...services, [name]: place };
}

async function adopt(options: AdoptOptions): Promise<void> {
  const folder = resolve(options.installation);
  const project = projectFolder();
  const target = targetOf(options, folder);
  const { version, where = folder, settings, lines } = await find(target, folder, options);
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
  print(`Found OctoLLM ${version} in ${where}:`);
  for (const line of lines) print(`  ${line}`);
  print(`  database ${world.database} at revision ${world.revisions.join(", ")}, PostgreSQL ${database.serverVersion}`);
  print(
    `Wrote ${relative(process.cwd(), backend.config(options.stack).file)} and selected stack '${options.stack}'. Nothing else was changed.`,
  );
  print(`Next:\n  octollm preview    shows that adopting changes nothing\n  octollm up         adopts`);
}

function targetOf(options: AdoptOptions, folder: string): Target {
  const given = clusterOptions.find((key) => options[key] !== undefined);
  const { target = given === undefined ? (composeFileOf(folder) === null ? "local" : "docker") : "kubernetes" } =
    options;
  if (given === undefined || target === "kubernetes") return target;
  throw new Error(
    `--${given === "configMap" ? "config-map" : given} is of target kubernetes, and this is ${target}. Nothing was written. Leave one of them out.`,
  );
}

function find(target: Target, folder: string, options: AdoptOptions): Promise<FoundInstallation> {
  const { service, kubeconfig = "", context = "", namespace = "octollm" } = options;
  if (target === "docker") return findContainers(folder, service);
  if (target === "local") return findProcesses(folder, portsOf(service));
  const { configMap, secret } = options;
  const sources = { ...(configMap === undefined ? {} : { configMap }), ...(secret === undefined ? {} : { secret }) };
  return findDeployments({ kubeconfig: kubeconfig && resolve(kubeconfig), context, namespace, ...sources }, service);
}

/** Processes are found by their ports. */
function portsOf(services: AdoptOptions["service"]): Record<string, number> {
  return Object.fromEntries(
    Object.entries(services).map(([name, place]) => {
      if (/^\d{1,5}$/.test(place)) return [name, Number(place)];
      throw new Error(
        `'${place}' of '${name}' is no port. Nothing was written. Containers are adopted with --target docker, Deployments with --target kubernetes.`,
      );
    }),
  );
}
