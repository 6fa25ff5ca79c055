import type { ContainerSpec, Reach } from "../runtime";
import { engineAddress } from "./engine";
import { inspectContainer } from "./look";

/**
 * How a container reaches programs of this machine: by the gateway of its network, behind which a firewall may be. One of
 * another machine's engine reaches none.
 */
export async function hostSeenBy({ engine, container }: ContainerSpec): Promise<Reach | null> {
  if (!engineAddress(engine).startsWith("unix://")) return null;
  const found = await inspectContainer(engine, container);
  if (found === null) return null;
  if (found.HostConfig.NetworkMode === "host") return { address: "127.0.0.1", certain: true };
  const [address] = Object.values(found.NetworkSettings.Networks)
    .map(({ Gateway }) => Gateway)
    .filter((gateway) => gateway !== "");
  return address === undefined ? null : { address, certain: false };
}
