import { existsSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";

import { ComposeFile } from "../compose/compose-file";
import { composeService, type Dependency } from "../compose/service";
import { databaseAddress } from "../environment/database-address";
import { type DotenvFile, expandedValues } from "../environment/dotenv-file";
import { readDotenv } from "../environment/write";
import type { ContainerSettings } from "../phases/site";
import type { DiscoveredContainer } from "../runtimes/docker/discover";
import { containers as containerDriver } from "../runtimes/driver";
import { askHealth, isHealthy } from "../runtimes/health";
import type { FoundInstallation } from "./adopt";
import { commonRelease, isImageOf, knownServices } from "./adopt-services";

/** Names that docker compose itself looks for, in its order. */
const composeNames = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];

const health = "/health";

/** The compose file of a folder; null when it has none. */
export function composeFileOf(folder: string): string | null {
  return composeNames.find((name) => existsSync(join(folder, name))) ?? null;
}

interface FoundService {
  readonly service: string;
  readonly container: DiscoveredContainer;
  readonly port: number;
  readonly release: string | null;
}

/**
 * Finds the containers of an OctoLLM, and touches nothing.
 *
 * @param named - container names by service, in place of those that are found
 * @throws Error that says what was not found, or is ambiguous
 */
export async function findContainers(
  folder: string,
  named: Readonly<Record<string, string>>,
): Promise<FoundInstallation> {
  const all = await containerDriver().discoverContainers("");
  const { file: environment } = await readDotenv(join(folder, ".env"));
  const services: FoundService[] = [];
  for (const service of await knownServices(Object.keys(named))) {
    const container = pick(service, named[service], all, folder);
    if (container) services.push(await describe(service, container));
  }
  if (services.length === 0)
    throw new Error(
      `No container of this Docker engine is a service of an OctoLLM. Nothing was written. Name them:\n` +
        `  octollm adopt --target docker --installation ${folder} --service orchestrator=<container>`,
    );
  const compose = composeFileOf(folder);
  return {
    version: commonRelease(
      "containers",
      services.map(({ service: name, release }) => ({ name, release })),
      true,
    ),
    settings: {
      services: orderServices(services, compose === null ? null : dependencies(folder, compose, environment)),
      ...(compose === null ? {} : { composeFile: compose }),
      ...(await databaseSettings(environment, all)),
    },
    lines: services.map(({ service, container, port }) => {
      return `${service}: container ${container.name}, ${port === 0 ? "no published port" : `port ${port}`}`;
    }),
  };
}

function pick(
  service: string,
  name: string | undefined,
  all: readonly DiscoveredContainer[],
  folder: string,
): DiscoveredContainer | null {
  if (name !== undefined) {
    const container = all.find((candidate) => candidate.name === name);
    if (container) return container;
    throw new Error(`The Docker engine has no container '${name}' for '${service}'. Nothing was written.`);
  }
  const byImage = all.filter(({ repository }) => isImageOf(service, repository));
  const here = byImage.filter(({ composeFolder }) => composeFolder !== null && isSame(composeFolder, folder));
  const [container, ...others] = here.length > 0 ? here : byImage;
  if (!container || others.length === 0) return container ?? null;
  throw new Error(
    `Several containers may be '${service}': ${[container, ...others].map((one) => one.name).join(", ")}. Nothing was ` +
      `written. Name the right one: octollm adopt --target docker --service ${service}=<container>`,
  );
}

function isSame(one: string, other: string): boolean {
  return existsSync(one) && realpathSync(one) === realpathSync(other);
}

async function describe(service: string, container: DiscoveredContainer): Promise<FoundService> {
  if (!container.running)
    throw new Error(
      `Container '${container.name}' of '${service}' does not run, and only what runs can be adopted. Nothing was ` +
        `written. Start it first: docker start ${container.name}`,
    );
  for (const port of Object.values(container.published)) {
    const answer = await askHealth(port, health);
    if (isHealthy(answer)) return { service, container, port, release: answer.version ?? container.release };
  }
  return { service, container, port: 0, release: container.release };
}

/** What a service depends on, by its name in the compose file. */
type Dependencies = (service: string) => readonly Dependency[];

function dependencies(folder: string, name: string, environment: DotenvFile): Dependencies {
  const path = join(folder, name);
  const file = ComposeFile.parse(readFileSync(path), path);
  const values = expandedValues(environment);
  return (service) => composeService(file, service, values).dependsOn;
}

function orderServices(
  services: readonly FoundService[],
  dependsOn: Dependencies | null,
): Partial<ContainerSettings>[] {
  const byCompose = new Map(services.map((found) => [found.container.composeService ?? found.service, found]));
  const done: FoundService[] = [];
  const dependenciesOf = ({ container: { composeService: name } }: FoundService): readonly Dependency[] =>
    name === null || dependsOn === null ? [] : dependsOn(name);
  const find = (list: readonly Dependency[]) => list.flatMap(({ service }) => byCompose.get(service) ?? []);
  const place = (found: FoundService): void => {
    if (done.includes(found)) return;
    for (const other of find(dependenciesOf(found))) place(other);
    done.push(found);
  };
  // As with compose, others that only have to be started are not waited for.
  const waiting = (found: FoundService) =>
    find(dependenciesOf(found).filter(({ condition }) => condition !== "service_started"));
  services.forEach(place);
  return done.map((found) => {
    const { service: name, container, port } = found;
    const known = dependsOn !== null && container.composeService !== null;
    return {
      name,
      container: container.name,
      image: `${container.repository}:{version}`,
      port,
      ...(known ? { dependsOn: waiting(found).map(({ service }) => service) } : {}),
      ...(container.stopTimeout === null ? {} : { stopTimeout: container.stopTimeout }),
    };
  });
}

/**
 * The containers reach the database by a name of their network; from here it is reached by the port that it publishes, else at
 * its container's own address, which is looked up each time.
 */
async function databaseSettings(
  environment: DotenvFile,
  all: readonly DiscoveredContainer[],
): Promise<Record<string, unknown>> {
  const { host, port } = databaseAddress(environment, { key: "DATABASE_URL" });
  const container = all.find(({ names }) => names.includes(host));
  if (!container) return {};
  const published = container.published[port];
  if (published !== undefined) return { database: { host: "127.0.0.1", port: published, container: container.name } };
  await containerDriver().addressBehind("", container.name, host, port);
  return { database: { container: container.name } };
}
