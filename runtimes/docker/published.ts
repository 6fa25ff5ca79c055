import type { ContainerSpec } from "../runtime";
import { bindingsOf } from "./bindings";
import { engineAddress } from "./engine";
import { inspectBoth } from "./look";

/**
 * The address of this host on which a service's container publishes its port, running or not; null for an engine of
 * another host, and for a container that publishes none.
 *
 * @throws EngineError
 */
export async function publishedAddress(spec: ContainerSpec): Promise<string | null> {
  if (!engineAddress(spec.engine).startsWith("unix://")) return null;
  const { present, retired } = await inspectBoth(spec);
  const container = present ?? retired;
  const places = container ? bindingsOf(container) : [];
  return places.find(({ external }) => external === spec.port)?.address ?? null;
}
