import type { ContainerInspectInfo, ImageInspectInfo } from "dockerode";

import { bindingsOf } from "./bindings";
import { durationOf } from "./duration";
import type { RestartPolicy } from "./record";

/** JSON. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/**
 * All that is said of a container besides its image and its environment, in the words of `docker:index/container:Container`;
 * what is as the image or the engine have it anyway is absent.
 */
export type ContainerDefinition = Readonly<Record<string, Json>>;

type Config = Partial<ContainerInspectInfo["Config"]> & {
  readonly StopSignal?: string;
  readonly StopTimeout?: number | null;
};
type Host = ContainerInspectInfo["HostConfig"];

/** Every property that a definition may have. */
export const definitionKeys = [
  ...["restart", "maxRetryCount", "destroyGraceSeconds"],
  ...[
    "entrypoints",
    "command",
    "user",
    "workingDir",
    "stopSignal",
    "stopTimeout",
    "hostname",
    "domainname",
    "tty",
    "stdinOpen",
  ],
  ...["networkMode", "networksAdvanced", "ports", "dns", "dnsOpts", "dnsSearches", "hosts", "publishAllPorts"],
  ...["volumes", "mounts", "tmpfs", "shmSize", "readOnly"],
  ...["memory", "memoryReservation", "memorySwap", "cpus", "cpuShares", "cpuSet", "cpuPeriod", "cpuQuota", "ulimits"],
  ...["privileged", "capabilities", "securityOpts", "groupAdds", "init", "pidMode", "ipcMode", "usernsMode", "sysctls"],
  ...["devices", "healthcheck", "logDriver", "logOpts"],
] as const;

/** A container as it was found. */
interface Found {
  readonly container: ContainerInspectInfo;
  /** Its image's own configuration; what the container says alike is not said again. */
  readonly image: Config;
}

const mebibyte = 1024 * 1024;

/**
 * Reads off a container how another one is made that differs only in image and environment.
 *
 * @param restart - the policy it had before it was stopped
 * @param graceSeconds - how long the service may take to end
 */
export function definitionOf(
  container: ContainerInspectInfo,
  image: ImageInspectInfo | null,
  { restart, graceSeconds }: { readonly restart: RestartPolicy | undefined; readonly graceSeconds: number },
): ContainerDefinition {
  const found: Found = { container, image: image?.Config ?? {} };
  const policy = restart ?? policyOf(container);
  return present({
    name: container.Name.slice(1),
    restart: policy.name,
    maxRetryCount: policy.retries || undefined,
    destroyGraceSeconds: graceSeconds,
    ...processOf(found),
    ...networkOf(found),
    ...storageOf(found),
    ...limitsOf(container.HostConfig),
    ...rightsOf(container.HostConfig),
    labels: labelsOf(found),
    healthcheck: healthCheckOf(found),
    ...logOf(container.HostConfig),
  });
}

/** How the engine restarts it now. */
export function policyOf({ HostConfig }: ContainerInspectInfo): RestartPolicy {
  const { Name, MaximumRetryCount } = HostConfig.RestartPolicy ?? { Name: "" };
  return { name: Name || "no", retries: MaximumRetryCount ?? 0 };
}

type Loose = Readonly<Record<string, Json | undefined>>;

/** Without what is not said, is empty, or is off. */
function present(properties: Loose): ContainerDefinition {
  const isSaid = (value: Json | undefined) =>
    value !== undefined &&
    value !== null &&
    value !== "" &&
    value !== false &&
    !(typeof value === "object" && Object.keys(value).length === 0);
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => isSaid(value))) as ContainerDefinition;
}

/** The engine lists things in any order; what is declared has one. */
function by(key: string): (a: ContainerDefinition, b: ContainerDefinition) => number {
  const text = (properties: ContainerDefinition) => JSON.stringify(properties[key] ?? "");
  return (a, b) => text(a).localeCompare(text(b));
}

function processOf({ container: { Id, Config }, image }: Found): Loose {
  const config: Config = Config;
  const own = <Value extends Json>(value: Value | undefined | null, images: unknown): Value | undefined =>
    value == null || JSON.stringify(value) === JSON.stringify(images ?? null) ? undefined : value;
  const entrypoints = own(listOf(config.Entrypoint), listOf(image.Entrypoint));
  return {
    entrypoints,
    // With an entry point of its own, a container does not get its image's command.
    command: entrypoints === undefined ? own(config.Cmd, image.Cmd) : (config.Cmd ?? undefined),
    user: own(config.User, image.User),
    workingDir: own(config.WorkingDir, image.WorkingDir),
    stopSignal: own(config.StopSignal, image.StopSignal),
    stopTimeout: config.StopTimeout ?? undefined,
    // The engine gives each container its id for a name.
    hostname: config.Hostname !== undefined && Id.startsWith(config.Hostname) ? undefined : config.Hostname,
    domainname: config.Domainname,
    tty: config.Tty,
    stdinOpen: config.OpenStdin,
  };
}

function listOf(value: string | string[] | undefined | null): string[] | undefined {
  if (value == null) return undefined;
  return typeof value === "string" ? [value] : value;
}

function networkOf({ container }: Found): Loose {
  const { HostConfig, NetworkSettings } = container;
  const mode = HostConfig.NetworkMode ?? "default";
  const special = ["host", "none"].includes(mode) || mode.startsWith("container:");
  const networks = special ? [] : Object.entries(NetworkSettings.Networks);
  return {
    networkMode: special ? mode : undefined,
    // With a network of the operator's as its mode, the provider would silently lose the aliases on it.
    networksAdvanced: networks
      .filter(([name]) => name !== "bridge")
      .map(([name, { Aliases, IPAMConfig }]) => {
        const { IPv4Address, IPv6Address } = (IPAMConfig ?? {}) as Partial<Record<string, string>>;
        return present({
          name,
          aliases: aliasesOf(container, Aliases),
          ipv4Address: IPv4Address,
          ipv6Address: IPv6Address,
        });
      })
      .toSorted(by("name")),
    ports: portsOf(container),
    dns: HostConfig.Dns,
    dnsOpts: HostConfig.DnsOptions,
    dnsSearches: HostConfig.DnsSearch,
    hosts: ((HostConfig.ExtraHosts ?? []) as string[]).map((line) => {
      const colon = line.indexOf(":");
      return { host: line.slice(0, colon), ip: line.slice(colon + 1) };
    }),
    publishAllPorts: HostConfig.PublishAllPorts,
  };
}

/** The engine adds the container's id, and some versions its name: these the next container has of itself. */
function aliasesOf({ Id, Name }: ContainerInspectInfo, aliases: unknown): string[] {
  const all = Array.isArray(aliases) ? (aliases as string[]) : [];
  const isOwn = (alias: string) => (alias.length >= 12 && Id.startsWith(alias)) || alias === Name.slice(1);
  return [...new Set(all.filter((alias) => !isOwn(alias)))].toSorted();
}

/** In the provider's own order: it compares them one by one. */
function portsOf(container: ContainerInspectInfo): Json[] {
  return bindingsOf(container).map(({ address: ip, ...port }) => present({ ...port, ip }));
}

function storageOf({ container: { HostConfig, Mounts } }: Found): Loose {
  const binds = (HostConfig.Binds ?? []).map(bindOf);
  const declared = new Set([
    ...binds.map(({ containerPath }) => containerPath),
    ...((HostConfig.Mounts ?? []) as readonly { Target: string }[]).map(({ Target }) => Target),
  ]);
  // Volumes without a name that an image asks for hold data as well: the next container gets the same ones.
  const nameless = (Mounts ?? [])
    .filter(({ Type, Name, Destination }) => Type === "volume" && Name !== undefined && !declared.has(Destination))
    .map(({ Name = "", Destination }) => ({ volumeName: Name, containerPath: Destination }));
  return {
    volumes: [...binds, ...nameless].toSorted(by("containerPath")),
    mounts: ((HostConfig.Mounts ?? []) as unknown as readonly Record<string, Json>[]).map((mount) =>
      present({ type: mount.Type, source: mount.Source, target: mount.Target, readOnly: mount.ReadOnly }),
    ),
    tmpfs: HostConfig.Tmpfs,
    shmSize: HostConfig.ShmSize === 64 * mebibyte ? undefined : inMebibytes(HostConfig.ShmSize),
    readOnly: HostConfig.ReadonlyRootfs,
  };
}

function bindOf(bind: string): Readonly<Record<string, Json>> {
  const [source = "", containerPath = "", mode = ""] = bind.split(":");
  const place = source.startsWith("/") ? { hostPath: source } : { volumeName: source };
  return present({ ...place, containerPath, readOnly: mode.split(",").includes("ro") });
}

/** Bytes as the provider wants them. */
function inMebibytes(bytes: number | undefined): number | undefined {
  return bytes ? bytes / mebibyte : undefined;
}

function limitsOf(host: Host): Loose {
  return {
    memory: inMebibytes(host.Memory),
    memoryReservation: inMebibytes(host.MemoryReservation),
    // Also where it is the twice of the memory that the engine takes of itself: unsaid, the provider would take it away.
    memorySwap: swapOf(host.MemorySwap),
    cpus: host.NanoCpus ? String(host.NanoCpus / 1e9) : undefined,
    cpuShares: host.CpuShares || undefined,
    cpuSet: host.CpusetCpus,
    cpuPeriod: host.CpuPeriod || undefined,
    cpuQuota: host.CpuQuota || undefined,
    ulimits: (host.Ulimits ?? []).map(({ Name, Soft, Hard }) => ({
      name: Name ?? "",
      soft: Soft ?? 0,
      hard: Hard ?? 0,
    })),
  };
}

function swapOf(bytes: number | undefined): number | undefined {
  return bytes === -1 ? -1 : inMebibytes(bytes);
}

function rightsOf(host: Host): Loose {
  const adds = sorted(host.CapAdd);
  const drops = sorted(host.CapDrop);
  return {
    privileged: host.Privileged,
    capabilities: present({ adds, drops }),
    securityOpts: sorted(host.SecurityOpt),
    groupAdds: sorted(host.GroupAdd),
    init: host.Init,
    pidMode: host.PidMode,
    ipcMode: ["", "private", "shareable"].includes(host.IpcMode ?? "") ? undefined : host.IpcMode,
    usernsMode: host.UsernsMode,
    sysctls: host.Sysctls,
    devices: ((host.Devices ?? []) as readonly Record<string, string>[]).map((device) =>
      present({
        hostPath: device.PathOnHost,
        containerPath: device.PathInContainer,
        permissions: device.CgroupPermissions,
      }),
    ),
  };
}

function sorted(list: unknown): string[] {
  return Array.isArray(list) ? (list as string[]).toSorted() : [];
}

/** The operator's own labels; those of the image come with the image. */
function labelsOf({ container, image }: Found): Json[] {
  return Object.entries(container.Config.Labels)
    .filter(([label, value]) => !label.startsWith("octollm.") && image.Labels?.[label] !== value)
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([label, value]) => ({ label, value }));
}

function healthCheckOf({ container, image }: Found): Json | undefined {
  const check = container.Config.Healthcheck;
  if (!check?.Test || check.Test.length === 0 || JSON.stringify(check) === JSON.stringify(image.Healthcheck))
    return undefined;
  const duration = (nanoseconds: number | undefined) => durationOf(nanoseconds ?? 0);
  return {
    tests: check.Test,
    interval: duration(check.Interval),
    timeout: duration(check.Timeout),
    startPeriod: duration(check.StartPeriod),
    retries: check.Retries ?? 0,
  };
}

/** How the engine keeps the log; the engine's own default is not said again. */
function logOf({ LogConfig }: Host): Loose {
  if (!LogConfig) return {};
  return { logDriver: LogConfig.Type === "json-file" ? undefined : LogConfig.Type, logOpts: LogConfig.Config as Json };
}

/** Settings of the engine that the provider has no word for, and what they are when nobody has set them. */
const wordless: Readonly<Record<string, (value: unknown) => boolean>> = {
  VolumesFrom: isNothing,
  Links: isNothing,
  Cgroup: isNothing,
  UTSMode: isNothing,
  Isolation: (value) => isNothing(value) || value === "default",
  OomScoreAdj: isNothing,
  OomKillDisable: isNothing,
  PidsLimit: (value) => isNothing(value) || Number(value) <= 0,
  CpusetMems: isNothing,
  BlkioWeight: isNothing,
  MemorySwappiness: (value) => isNothing(value) || value === -1,
  DeviceCgroupRules: isNothing,
  DeviceRequests: isNothing,
  StorageOpt: isNothing,
  AutoRemove: isNothing,
};

function isNothing(value: unknown): boolean {
  return !value || (typeof value === "object" && Object.keys(value).length === 0);
}

/** What of a container a new one could not be given: names of settings in `docker inspect`. */
export function wordlessSettings({ HostConfig }: ContainerInspectInfo): string[] {
  const host = HostConfig as Readonly<Record<string, unknown>>;
  const memory = ["Memory", "MemoryReservation", "ShmSize"].filter((key) => Number(host[key] ?? 0) % mebibyte !== 0);
  // Without it, the container would find the whole volume where it had a folder of it.
  const mounts = (host.Mounts ?? []) as readonly { readonly VolumeOptions?: { readonly Subpath?: string } }[];
  const subpath = mounts.some(({ VolumeOptions }) => VolumeOptions?.Subpath) ? ["Mounts.VolumeOptions.Subpath"] : [];
  const unsaid = Object.entries(wordless).flatMap(([key, isUnset]) => (isUnset(host[key]) ? [] : [key]));
  return [...unsaid, ...memory, ...subpath];
}
