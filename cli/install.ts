import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";

import { Command, InvalidArgumentError } from "commander";

import { databaseAddress } from "../environment/database-address";
import type { DotenvFile } from "../environment/dotenv-file";
import { readDotenv } from "../environment/write";
import { lookAtStores, storeSite } from "../phases/stores";
import { judgeStores } from "../phases/stores-refusals";
import { loadCatalogue } from "../releases/catalogue";
import type { Release } from "../releases/release";
import { containers } from "../runtimes/driver";
import { parseSettings, siteOf } from "../settings";
import { newEnvironment, type StoreName, usualStores } from "./install-stores";
import { asText, installationFrom, refuseIfConfigured, writeStack } from "./new-stack";
import { print } from "./output";
import { providePassphrase } from "./passphrase";
import { openProject, projectFolder } from "./project";

interface InstallOptions {
  readonly stack: string;
  readonly installation: string;
  readonly release?: string;
  readonly service: readonly string[];
  readonly image: Readonly<Record<string, string>>;
  readonly databasePort: number;
}

/** `octollm install`: writes a stack that installs OctoLLM on a Docker engine; makes nothing there. */
export function installCommand(): Command {
  return new Command("install")
    .description(
      "write a stack that installs OctoLLM where there is none, as containers of a Docker engine; 'up' does it",
    )
    .option("-s, --stack <name>", "name of the new stack", "dev")
    .option("--installation <folder>", "folder for its .env; that is written when there is none", ".")
    .option("--release <version>", "what is installed; the newest of the catalogue unless given")
    .option(
      "--service <name>",
      "one of its services, in place of all; may be repeated",
      (name, names) => [...names, name],
      [] as string[],
    )
    .option(
      "--image <store=image>",
      `image of ${Object.keys(usualStores).join(", ")}, in place of the usual one; may be repeated`,
      collectImage,
      {},
    )
    .option("--database-port <port>", "port of 127.0.0.1 that PostgreSQL publishes", portOf, 15_432)
    .action(install);
}

function collectImage(text: string, images: Readonly<Record<string, string>>): Record<string, string> {
  const [, name = "", image = ""] = /^([a-z]+)=(\S+)$/.exec(text) ?? [];
  if (name in usualStores) return { ...images, [name]: image };
  throw new InvalidArgumentError(
    `It reads <store>=<image>, such as postgres=postgres:16; stores are ${Object.keys(usualStores).join(", ")}.`,
  );
}

function portOf(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new InvalidArgumentError("It is a port, such as 15432.");
}

async function install(options: InstallOptions): Promise<void> {
  const folder = resolve(options.installation);
  const project = projectFolder();
  const release = await chooseRelease(options.release);
  const names = chooseServices(release, options.service);
  const environment = await readEnvironment(join(folder, ".env"));
  if (environment.file) judgeAddress(environment.file);
  const stores = Object.entries(usualStores).map(([name, usual]) => {
    const port = name === "postgres" ? { port: options.databasePort } : {};
    return { name, ...usual, ...port, image: options.image[name] ?? usual.image };
  });
  await refuseMissing([...names.map((name) => release.images[name] ?? ""), ...stores.map(({ image }) => image)]);
  const services = await Promise.all(names.map((name) => serviceSettings(release, name, names, environment.file)));
  providePassphrase(project, true);
  process.chdir(project);
  const backend = openProject();
  refuseIfConfigured(backend, options.stack, "install");
  const settings = {
    version: release.version,
    target: "docker",
    installation: installationFrom(project, folder),
    services,
    docker: { network: "octollm-network", stores },
    database: { host: "127.0.0.1", port: options.databasePort, container: usualStores.postgres.container },
  };
  if (environment.file) await refuseWhatIsThere(settings);
  mkdirSync(join(folder, "config"), { recursive: true });
  if (environment.file === null) writeFileSync(join(folder, ".env"), environment.text, { mode: 0o600, flag: "wx" });
  await writeStack(backend, options.stack, settings);
  print(`OctoLLM ${release.version} is to be installed in ${folder}:`);
  for (const { name, image } of stores) print(`  ${name}: ${image}`);
  for (const { name, port } of services)
    print(`  ${name}: ${port === 0 ? "no published port" : `port ${port} of 127.0.0.1`}`);
  if (environment.file === null) print("Wrote .env with a password of its own. Read it, and add the models' keys.");
  print(
    `Wrote ${relative(process.cwd(), backend.config(options.stack).file)} and selected stack '${options.stack}'. Nothing else was made.`,
  );
  print("Next:\n  octollm preview    shows all that is made\n  octollm up         makes it");
}

async function chooseRelease(version: string | undefined): Promise<Release> {
  const { releases } = await loadCatalogue();
  const release = version === undefined ? releases.at(-1) : releases.find((one) => one.version === version);
  if (release) return release;
  throw new Error(
    `There is no release '${version ?? ""}'. Nothing was written. The catalogue has ${releases.map((one) => one.version).join(", ")}.`,
  );
}

/** Those that others need first come first. */
function chooseServices({ version, images }: Release, wanted: readonly string[]): string[] {
  const unknown = wanted.find((name) => !(name in images));
  if (unknown !== undefined)
    throw new Error(
      `OctoLLM ${version} has no service '${unknown}'. Nothing was written. It has ${Object.keys(images).join(", ")}.`,
    );
  const names = wanted.length > 0 ? [...new Set(wanted)] : Object.keys(images);
  return names.toSorted((a, b) => Number(a === "orchestrator") - Number(b === "orchestrator"));
}

/** The operator's own, or one to begin with. */
async function readEnvironment(path: string): Promise<{ readonly file: DotenvFile | null; readonly text: string }> {
  if (!existsSync(path)) return { file: null, text: newEnvironment() };
  return { file: (await readDotenv(path)).file, text: "" };
}

/** The services reach the database by its name in the network. */
function judgeAddress(file: DotenvFile): void {
  const store: StoreName = "postgres";
  const { host, port } = databaseAddress(file);
  if (host === store && port === usualStores.postgres.containerPort) return;
  throw new Error(
    `DATABASE_URL in .env leads to ${host}:${port}, and the services will find the database at postgres:5432. Nothing was ` +
      "written. Correct it, then run it again.",
  );
}

/** A pull may take long, or fail: it is nothing for the middle of an installation. */
async function refuseMissing(images: readonly string[]): Promise<void> {
  const found = await Promise.all(images.map((image) => containers().imageFacts("", image)));
  const missing = images.filter((_image, index) => found[index] === null);
  if (missing.length === 0) return;
  throw new Error(
    `The Docker engine lacks images. Nothing was written. Bring them there first:\n${missing.map((image) => `  docker pull ${image}`).join("\n")}`,
  );
}

async function serviceSettings(release: Release, name: string, all: readonly string[], environment: DotenvFile | null) {
  const image = release.images[name] ?? "";
  const [own] = await containers().imagePorts("", image);
  const isServed = name === "orchestrator";
  const port = isServed ? (own ?? 8000) : 0;
  // A PORT in .env is one service's, and every container gets all of .env.
  const isMistaken =
    own !== undefined && environment?.get("PORT") !== undefined && environment.get("PORT") !== String(own);
  return {
    name,
    container: `octollm-${name}`,
    image: image.replace(release.version, "{version}"),
    port,
    dependsOn: isServed ? all.filter((other) => other !== name) : [],
    ...(isMistaken ? { environment: { PORT: String(own) } } : {}),
  };
}

/** The same look as the first preview's, before a stack is made. */
async function refuseWhatIsThere(settings: Readonly<Record<string, unknown>>): Promise<void> {
  const stores = storeSite(siteOf(parseSettings(asText(settings))));
  const reasons = stores === null ? [] : await judgeStores(stores, await lookAtStores(stores), null);
  if (reasons.length === 0) return;
  throw new Error(
    `Nothing was written. To be installed here, OctoLLM needs something else first:\n${reasons.map(({ path, text }) => `  ${path}: ${text}`).join("\n")}`,
  );
}
