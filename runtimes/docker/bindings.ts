import type { ContainerInspectInfo } from "dockerode";

/** A port of a container, and where the host has it. */
export interface PortBinding {
  readonly internal: number;
  readonly protocol: string;
  /** Address of the host; `0.0.0.0` for all of them. */
  readonly address: string;
  /** Port of the host; null where the engine chooses one. */
  readonly external: number | null;
}

/** What a container was told to publish, running or not, in the order of its own ports. */
export function bindingsOf({ HostConfig }: Pick<ContainerInspectInfo, "HostConfig">): PortBinding[] {
  const bindings = (HostConfig.PortBindings ?? {}) as Record<
    string,
    readonly { HostIp?: string; HostPort?: string }[] | null
  >;
  return Object.entries(bindings)
    .toSorted(([a], [b]) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
    .flatMap(([port, places]) => {
      const [internal, protocol = ""] = port.split("/");
      return (places ?? []).map(({ HostIp, HostPort }) => ({
        internal: Number(internal),
        protocol,
        address: HostIp || "0.0.0.0",
        external: HostPort ? Number(HostPort) : null,
      }));
    });
}
