import { connect } from "node:net";

import type { ContainerInspectInfo } from "dockerode";

import { engineAddress } from "./engine";
import { variablesOf } from "./variables";

/** A container of this host is asked within a moment, or not at all. */
const reachMilliseconds = 1_000;

/** Where a container answers requests at its own address, a URL without a path; null when it cannot be reached there. */
export async function ownUrl(engine: string, container: ContainerInspectInfo): Promise<string | null> {
  const port = portOf(container);
  const host = port && (await reachableAddress(engine, container, port));
  return host ? `http://${host}:${port}` : null;
}

/** The port that a container listens on, as far as it says so: its only one, else the one that PORT names. */
function portOf({ Config }: ContainerInspectInfo): number | null {
  const ports = Object.keys(Config.ExposedPorts ?? {}).flatMap((port) =>
    port.endsWith("/udp") ? [] : [Number.parseInt(port, 10)],
  );
  const named = Number(variablesOf(Config.Env).PORT);
  return ports.length === 1 ? (ports[0] ?? null) : (ports.find((port) => port === named) ?? null);
}

/** Names by which others on its networks reach a container. */
export function namesOf({ Name, NetworkSettings }: ContainerInspectInfo): string[] {
  const aliases = Object.values(NetworkSettings.Networks).flatMap(({ Aliases }) => (Aliases ?? []) as string[]);
  return [...new Set([Name.slice(1), ...aliases])];
}

/** A container that is on this host, and on a network of it, answers at its own address, if only that nothing listens. */
export async function reachableAddress(
  engine: string,
  { HostConfig, NetworkSettings, State }: ContainerInspectInfo,
  port: number,
): Promise<string | null> {
  if (!engineAddress(engine).startsWith("unix://") || !State.Running) return null;
  if (HostConfig.NetworkMode === "host") return "127.0.0.1";
  for (const { IPAddress } of Object.values(NetworkSettings.Networks))
    if (IPAddress !== "" && (await isReached(IPAddress, port))) return IPAddress;
  return null;
}

function isReached(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: reachMilliseconds });
    const end = (reached: boolean) => {
      socket.destroy();
      resolve(reached);
    };
    socket.once("connect", () => end(true));
    socket.once("timeout", () => end(false));
    socket.once("error", ({ code }: NodeJS.ErrnoException) => end(code === "ECONNREFUSED"));
  });
}
