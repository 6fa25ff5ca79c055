import type { ContainerInspectInfo } from "dockerode";

import { durationOf } from "../../../runtimes/docker/duration";
import type { PropertyMap, PropertyValue } from "../../property/value";

const mebibyte = 1024 * 1024;
type Loose = Readonly<Record<string, PropertyValue | undefined>>;

/** Fields that the types of dockerode do not have. */
interface Inspected extends Omit<ContainerInspectInfo, "HostConfig" | "Config" | "NetworkSettings"> {
  readonly HostConfig: Loose;
  readonly Config: Loose;
  readonly NetworkSettings: {
    readonly Bridge?: string;
    readonly Ports?: Readonly<Record<string, readonly { HostIp: string; HostPort: string }[] | null>> | null;
    readonly Networks?: Readonly<Record<string, Loose>> | null;
  };
}

const inMebibytes = (bytes: PropertyValue | undefined): number => {
  const count = Number(bytes ?? 0);
  return count > 0 ? Math.trunc(count / mebibyte) : count;
};

function ports({ NetworkSettings }: Inspected): PropertyValue {
  return Object.entries(NetworkSettings.Ports ?? {})
    .map(([port, places]) => ({ port, number: Number.parseInt(port, 10), places: places ?? [] }))
    .toSorted((left, right) => left.number - right.number)
    .flatMap(({ port, number, places }) =>
      places.map(({ HostIp, HostPort }) => ({
        ...{ external: Number(HostPort), internal: number, ip: HostIp, protocol: port.split("/")[1] ?? "tcp" },
      })),
    );
}

function networkDatas({ NetworkSettings }: Inspected): PropertyValue {
  return Object.entries(NetworkSettings.Networks ?? {}).map(([networkName, network]) => ({
    gateway: network.Gateway ?? "",
    globalIpv6Address: network.GlobalIPv6Address ?? "",
    globalIpv6PrefixLength: network.GlobalIPv6PrefixLen ?? 0,
    ipAddress: network.IPAddress ?? "",
    ipPrefixLength: network.IPPrefixLen ?? 0,
    ipv6Gateway: network.IPv6Gateway ?? "",
    macAddress: network.MacAddress ?? "",
    networkName,
  }));
}

function healthcheck({ Config }: Inspected): PropertyMap | undefined {
  const check = Config.Healthcheck as Loose | null | undefined;
  if (!check) return undefined;
  const duration = (value: PropertyValue | undefined): string => durationOf(Number(value ?? 0));
  return {
    interval: duration(check.Interval),
    retries: check.Retries ?? 0,
    startInterval: duration(check.StartInterval),
    startPeriod: duration(check.StartPeriod),
    tests: check.Test ?? [],
    timeout: duration(check.Timeout),
  };
}

function hosts({ HostConfig }: Inspected): PropertyValue {
  return ((HostConfig.ExtraHosts ?? []) as string[]).map((line) => {
    const [host = "", ...ip] = line.split(":");
    return { host, ip: ip.join(":") };
  });
}

function mounts({ HostConfig }: Inspected): PropertyValue {
  return ((HostConfig.Mounts ?? []) as Loose[]).map(({ Type, Target, Source, ReadOnly }) => ({
    ...{ readOnly: ReadOnly ?? false, source: Source ?? "", target: Target ?? "", type: Type ?? "" },
  }));
}

function ofConfig({ Config }: Inspected): PropertyMap {
  return {
    command: Config.Cmd ?? [],
    domainname: Config.Domainname ?? "",
    entrypoints: typeof Config.Entrypoint === "string" ? [Config.Entrypoint] : (Config.Entrypoint ?? []),
    hostname: Config.Hostname ?? "",
    stdinOpen: Config.OpenStdin ?? false,
    stopSignal: Config.StopSignal ?? "",
    stopTimeout: Config.StopTimeout ?? 0,
    tty: Config.Tty ?? false,
    user: Config.User ?? "",
    workingDir: Config.WorkingDir ?? "",
  };
}

function ofHost({ HostConfig }: Inspected): PropertyMap {
  const { Name, MaximumRetryCount } = (HostConfig.RestartPolicy ?? {}) as Loose;
  const { CapAdd, CapDrop, NanoCpus } = HostConfig;
  const someCapabilities = Boolean((CapAdd as [] | null)?.length || (CapDrop as [] | null)?.length);
  return {
    ...(someCapabilities ? { capabilities: { adds: CapAdd ?? [], drops: CapDrop ?? [] } } : {}),
    ...(Number(NanoCpus ?? 0) > 0 ? { cpus: String(Number(NanoCpus) / 1e9) } : {}),
    cpuSet: HostConfig.CpusetCpus ?? "",
    cpuShares: HostConfig.CpuShares ?? 0,
    dns: HostConfig.Dns ?? [],
    dnsOpts: HostConfig.DnsOptions ?? [],
    dnsSearches: HostConfig.DnsSearch ?? [],
    groupAdds: HostConfig.GroupAdd ?? [],
    init: HostConfig.Init ?? false,
    ipcMode: HostConfig.IpcMode ?? "",
    logDriver: (HostConfig.LogConfig as Loose | undefined)?.Type ?? "",
    maxRetryCount: MaximumRetryCount ?? 0,
    memory: inMebibytes(HostConfig.Memory),
    memoryReservation: inMebibytes(HostConfig.MemoryReservation),
    memorySwap: inMebibytes(HostConfig.MemorySwap),
    networkMode: HostConfig.NetworkMode ?? "",
    privileged: HostConfig.Privileged ?? false,
    publishAllPorts: HostConfig.PublishAllPorts ?? false,
    readOnly: HostConfig.ReadonlyRootfs ?? false,
    restart: Name || "no",
    rm: HostConfig.AutoRemove ?? false,
    runtime: HostConfig.Runtime ?? "",
    securityOpts: HostConfig.SecurityOpt ?? [],
    shmSize: inMebibytes(HostConfig.ShmSize),
    storageOpts: HostConfig.StorageOpt ?? {},
    sysctls: HostConfig.Sysctls ?? {},
    tmpfs: HostConfig.Tmpfs ?? {},
    usernsMode: HostConfig.UsernsMode ?? "",
  };
}

const isGiven = (value: PropertyValue | undefined): boolean =>
  value != null && (typeof value !== "object" || Object.keys(value).length > 0);

/** What the plugin does not ask the engine unless the state knows it already. */
function ofKnown(found: Inspected, known: PropertyMap): PropertyMap {
  const { HostConfig, State } = found;
  const outputs: PropertyMap = {};
  // A stopped container has no ports; one that need not run keeps those of the state.
  if (isGiven(known.ports) && (State.Running || known.mustRun === true)) outputs.ports = ports(found);
  const options = (HostConfig.LogConfig as Loose | undefined)?.Config ?? {};
  outputs.logOpts = isGiven(known.logOpts) ? options : (known.logOpts ?? null);
  if (isGiven(known.pidMode)) outputs.pidMode = HostConfig.PidMode ?? "";
  if (isGiven(known.ulimits))
    outputs.ulimits = ((HostConfig.Ulimits ?? []) as Loose[]).map(({ Name, Soft, Hard }) => ({
      ...{ hard: Hard ?? 0, name: Name ?? "", soft: Soft ?? 0 },
    }));
  if (!State.Running) {
    outputs.exitCode = State.ExitCode;
    if (known.mustRun === true) outputs.mustRun = false;
  }
  return outputs;
}

/** Outputs that the engine knows: neither environment, labels, volumes nor aliases are ever compared. */
export function inspectedOutputs(container: ContainerInspectInfo, known: PropertyMap): PropertyMap {
  const found = container as unknown as Inspected;
  const byId = typeof known.image === "string" && known.image.startsWith("sha256:");
  const check = healthcheck(found);
  return {
    ...ofConfig(found),
    ...ofHost(found),
    ...ofKnown(found, known),
    ...(check ? { healthcheck: check } : {}),
    bridge: found.NetworkSettings.Bridge ?? "",
    hosts: hosts(found),
    image: byId ? found.Image : (found.Config.Image ?? ""),
    mounts: mounts(found),
    name: found.Name.replace(/^\//, ""),
    networkDatas: networkDatas(found),
    platform: found.Platform,
  };
}
