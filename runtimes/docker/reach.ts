import { serviceUrl } from "../address";
import type { ContainerSpec } from "../runtime";
import { EngineError } from "./engine";
import { inspectContainer } from "./look";
import { namesOf, ownUrl, reachableAddress } from "./own-address";

/**
 * Where a service answers requests from here: on its published port, else at its container's own address.
 *
 * @returns a URL without a path; null when it cannot be reached
 * @throws EngineError
 */
export async function containerUrl(spec: ContainerSpec): Promise<string | null> {
  if (spec.port !== 0) return serviceUrl(spec, "");
  const container = await inspectContainer(spec.engine, spec.container);
  return container && ownUrl(spec.engine, container);
}

/**
 * The address by which a container is to be reached from here that others on its networks know by a name.
 *
 * @param host - the name; one that is none of the container's is left as it is
 * @throws EngineError when the container cannot be reached
 */
export async function addressBehind(engine: string, name: string, host: string, port: number): Promise<string> {
  const container = await inspectContainer(engine, name);
  if (!container || !namesOf(container).includes(host)) return host;
  const address = await reachableAddress(engine, container, port);
  if (address !== null) return address;
  throw new EngineError(
    `The database's container '${name}' ${container.State.Running ? "publishes no port" : "does not run"}, so that it ` +
      `cannot be reached from here. ${
        container.State.Running
          ? `Publish it on this host alone: ports: ["127.0.0.1:15432:${port}"] in the compose file`
          : `Start it first: docker start ${name}`
      }`,
    null,
  );
}
