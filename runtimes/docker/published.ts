import type { ContainerSpec } from "../runtime";
import { engineAddress } from "./engine";
import { lookAt } from "./look";

/**
 * The address of this host on which a service's container publishes its port, running or not; null for an engine of
 * another host, and for a container that publishes none.
 *
 * @throws EngineError
 */
export async function publishedAddress(spec: ContainerSpec): Promise<string | null> {
  if (!engineAddress(spec.engine).startsWith("unix://")) return null;
  const { present, retired } = await lookAt(spec);
  const bindings = ((present ?? retired)?.HostConfig.PortBindings ?? {}) as Record<
    string,
    readonly { HostIp?: string; HostPort?: string }[] | null
  >;
  const place = Object.values(bindings)
    .flatMap((places) => places ?? [])
    .find(({ HostPort }) => Number(HostPort) === spec.port);
  return place ? place.HostIp || "0.0.0.0" : null;
}
