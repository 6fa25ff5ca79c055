import type { DotenvFile } from "../environment/dotenv-file";
import { expandedValues } from "../environment/dotenv-file";
import { containers } from "../runtimes/driver";
import { PhaseError } from "./attempt";
import type { Successor } from "./containers";
import type { Site } from "./site";

/**
 * What a service's first container is made of: there is none before it, so the settings tell. It gets all of `.env`, so that
 * later releases' variables reach it as well.
 *
 * @param environment - `.env` as it is when the container is made
 */
export function firstContainer({ services, docker }: Site, name: string, environment: DotenvFile): Successor {
  const service = services.find((one) => one.name === name);
  if (!service || !("container" in service)) throw new PhaseError(`The settings have no service '${name}'.`);
  const { container, port, containerPort = port, healthcheck = [], stopTimeout } = service;
  const { stores = [], address = "127.0.0.1" } = docker ?? {};
  const network = stores.length > 0 ? (docker?.network ?? "") : "";
  const place = { container, alias: name, network, address, port, containerPort };
  return {
    definition: containers().freshDefinition({ ...place, healthcheck, graceSeconds: stopTimeout }),
    environment: { ...expandedValues(environment), ...service.environment },
  };
}
