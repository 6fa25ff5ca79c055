import type { ContainerDefinition, Json } from "./definition";

/** A service's first container, where there is none that it could be made after. */
export interface FreshContainer {
  readonly container: string;
  /** Name by which others of the network reach it. */
  readonly alias: string;
  /** Empty for the engine's own. */
  readonly network: string;
  /** Of this host, on which the port is published. */
  readonly address: string;
  /** Of this host; 0 for none. */
  readonly port: number;
  /** Within the container. */
  readonly containerPort: number;
  /** Docker's own words; empty for the image's check. */
  readonly healthcheck: readonly string[];
  readonly graceSeconds: number;
}

/** What it is made of besides image and environment: all that is not said is as image and engine have it. */
export function freshDefinition(fresh: FreshContainer): ContainerDefinition {
  const { container, alias, network, address, port, containerPort, healthcheck, graceSeconds } = fresh;
  const published: Json = [{ internal: containerPort, external: port, ip: address, protocol: "tcp" }];
  return {
    name: container,
    restart: "unless-stopped",
    destroyGraceSeconds: graceSeconds,
    ...(network === "" ? {} : { networksAdvanced: [{ name: network, aliases: [alias] }] }),
    ...(port === 0 ? {} : { ports: published }),
    ...(healthcheck.length === 0 ? {} : { healthcheck: healthcheckOf(healthcheck) }),
  };
}

/** A check with the times that suit a container which is waited for. */
export function healthcheckOf(tests: readonly string[]): Json {
  return { tests, interval: "2s", timeout: "5s", startPeriod: "0s", retries: 30 };
}
