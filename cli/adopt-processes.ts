import { isAbsolute, join, relative } from "node:path";

import { readDotenv } from "../environment/write";
import type { ProcessSettings } from "../phases/site";
import { type DiscoveredService, discoverService } from "../runtimes/local/discover";
import type { FoundInstallation } from "./adopt";
import { commonRelease } from "./adopt-services";

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

interface FoundService extends Pick<ProcessSettings, "name" | "port" | "health" | "command" | "directory" | "log"> {
  readonly release: string | null;
}

/**
 * Finds the services of an OctoLLM that are processes of this host, and touches nothing.
 *
 * @param named - ports by service, in place of the usual ones
 * @throws Error that says what was not found
 */
export async function findProcesses(
  folder: string,
  named: Readonly<Record<string, number>>,
): Promise<FoundInstallation> {
  const services = await findServices(folder, named);
  return {
    version: commonRelease("services", services, false),
    settings: {
      services: services.map(({ name, command, directory, port, health: path, log }) => {
        return { name, command, directory, port, health: path, log };
      }),
    },
    lines: services.map(({ name, port, command }) => `${name} on port ${port}: ${command}`),
  };
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
