import type { ContainerCreateOptions } from "dockerode";

import type { PropertyValue } from "../../property/value";
import { textOf } from "./values";

const mebibyte = 1024 * 1024;
const units: Readonly<Record<string, number>> = { h: 3600e9, m: 60e9, s: 1e9, ms: 1e6, us: 1e3, µs: 1e3, ns: 1 };

/** Nanoseconds of `1m30s`, as Go reads it. */
export function nanosecondsOf(text: PropertyValue | undefined): number {
  const parts = (textOf(text) || "0s").matchAll(/([\d.]+)(h|ms|m|s|us|µs|ns)/g);
  return Math.round([...parts].reduce((sum, [, count, unit = "s"]) => sum + Number(count) * (units[unit] ?? 0), 0));
}

type Inputs = Readonly<Record<string, PropertyValue | undefined>>;

const texts = (value: PropertyValue | undefined): string[] => [...new Set((value ?? []) as string[])];
const blocks = (value: PropertyValue | undefined): Inputs[] => (value ?? []) as Inputs[];
const numberOf = (value: PropertyValue | undefined): number => Number(value ?? 0);
/** What says nothing is not said to the engine either. */
const said = (values: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(values).filter(
      ([, value]) =>
        ![undefined, null, "", 0, false].includes(value as null) &&
        (typeof value !== "object" || Object.keys(value as object).length > 0),
    ),
  );

function portsOf(inputs: Inputs): { exposed: Record<string, object>; bindings: Record<string, object[]> } {
  const exposed: Record<string, object> = {};
  const bindings: Record<string, object[]> = {};
  for (const { internal, protocol, external, ip } of blocks(inputs.ports)) {
    const port = `${textOf(internal)}/${textOf(protocol) || "tcp"}`;
    exposed[port] = {};
    (bindings[port] ??= []).push({ HostIp: textOf(ip), HostPort: String(numberOf(external)) });
  }
  return { exposed, bindings };
}

/** @throws for an entry that says neither where from nor where to */
function volumesOf(inputs: Inputs): { paths: Record<string, object>; binds: string[]; from: string[] } {
  const found = { paths: {} as Record<string, object>, binds: [] as string[], from: [] as string[] };
  for (const { containerPath, fromContainer, hostPath, readOnly, selinuxRelabel, volumeName } of blocks(
    inputs.volumes,
  )) {
    if (!fromContainer === !containerPath)
      throw new Error("An entry of 'volumes' needs either 'containerPath' or 'fromContainer'. Nothing was made.");
    if (fromContainer) found.from.push(textOf(fromContainer));
    else {
      found.paths[textOf(containerPath)] = {};
      const source = textOf(hostPath) || textOf(volumeName);
      const mode = [readOnly ? "ro" : "rw", textOf(selinuxRelabel)].filter(Boolean).join(",");
      if (source) found.binds.push(`${source}:${textOf(containerPath)}:${mode}`);
    }
  }
  return found;
}

function healthcheckOf(inputs: Inputs): object | undefined {
  const check = inputs.healthcheck as Inputs | null | undefined;
  if (!check) return undefined;
  return {
    Test: (check.tests ?? []) as string[],
    Interval: nanosecondsOf(check.interval),
    Timeout: nanosecondsOf(check.timeout),
    StartPeriod: nanosecondsOf(check.startPeriod),
    ...said({ StartInterval: nanosecondsOf(check.startInterval) }),
    Retries: numberOf(check.retries),
  };
}

/** What can be changed while a container runs. */
export function changeable(inputs: Inputs): Record<string, unknown> {
  const swap = numberOf(inputs.memorySwap);
  return {
    RestartPolicy: { Name: textOf(inputs.restart) || "no", MaximumRetryCount: numberOf(inputs.maxRetryCount) },
    ...said({
      CpuShares: numberOf(inputs.cpuShares),
      CpusetCpus: textOf(inputs.cpuSet),
      Memory: numberOf(inputs.memory) * mebibyte,
      MemoryReservation: numberOf(inputs.memoryReservation) * mebibyte,
      MemorySwap: swap > 0 ? swap * mebibyte : swap,
    }),
  };
}

function rights(inputs: Inputs): Record<string, unknown> {
  const { adds, drops } = (inputs.capabilities ?? {}) as Inputs;
  const options = texts(inputs.securityOpts);
  const unmasked = options.includes("systempaths=unconfined") ? { MaskedPaths: [], ReadonlyPaths: [] } : {};
  return {
    ...said({
      Privileged: inputs.privileged,
      CapAdd: texts(adds),
      CapDrop: texts(drops),
      SecurityOpt: options.filter((option) => option !== "systempaths=unconfined"),
      GroupAdd: texts(inputs.groupAdds),
      UsernsMode: inputs.usernsMode,
      PidMode: inputs.pidMode,
      IpcMode: inputs.ipcMode,
      CgroupnsMode: inputs.cgroupnsMode,
      CgroupParent: inputs.cgroupParent,
      Sysctls: inputs.sysctls,
      Devices: blocks(inputs.devices).map(({ hostPath, containerPath, permissions }) => ({
        PathOnHost: textOf(hostPath),
        PathInContainer: textOf(containerPath) || textOf(hostPath),
        CgroupPermissions: textOf(permissions),
      })),
    }),
    ...unmasked,
  };
}

function hostConfig(inputs: Inputs): Record<string, unknown> {
  const { bindings } = portsOf(inputs);
  const { binds, from } = volumesOf(inputs);
  const cpus = Number(inputs.cpus ?? 0);
  return {
    ...changeable(inputs),
    ...rights(inputs),
    ...said({
      NetworkMode: inputs.networkMode,
      PortBindings: bindings,
      PublishAllPorts: inputs.publishAllPorts,
      Dns: texts(inputs.dns),
      DnsOptions: texts(inputs.dnsOpts),
      DnsSearch: texts(inputs.dnsSearches),
      ExtraHosts: blocks(inputs.hosts).map(({ host, ip }) => `${textOf(host)}:${textOf(ip)}`),
      Binds: binds,
      VolumesFrom: from,
      Mounts: blocks(inputs.mounts).map(({ type, target, source, readOnly }) => ({
        ...{ Type: type, Target: target, Source: textOf(source), ReadOnly: readOnly === true },
      })),
      Tmpfs: inputs.tmpfs,
      StorageOpt: inputs.storageOpts,
      ShmSize: numberOf(inputs.shmSize) * mebibyte,
      ReadonlyRootfs: inputs.readOnly,
      AutoRemove: inputs.rm,
      Runtime: inputs.runtime,
      NanoCpus: Math.round(cpus * 1e9),
      CpuPeriod: cpus ? 0 : numberOf(inputs.cpuPeriod),
      CpuQuota: cpus ? 0 : numberOf(inputs.cpuQuota),
      Ulimits: blocks(inputs.ulimits).map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
    }),
    LogConfig: { Type: textOf(inputs.logDriver), Config: inputs.logOpts ?? {} },
    Init: inputs.init === true,
  };
}

/** What the engine is asked for. */
export function createBody(inputs: Inputs): ContainerCreateOptions {
  const { exposed } = portsOf(inputs);
  const labels = blocks(inputs.labels).map(({ label, value }) => [textOf(label), textOf(value)]);
  const body = {
    name: textOf(inputs.name),
    Image: textOf(inputs.image),
    ...said({
      platform: inputs.platform,
      Hostname: inputs.hostname,
      Domainname: inputs.domainname,
      Tty: inputs.tty,
      OpenStdin: inputs.stdinOpen,
      StopSignal: inputs.stopSignal,
      StopTimeout: inputs.stopTimeout,
      Env: texts(inputs.envs),
      Cmd: inputs.command,
      Entrypoint: inputs.entrypoints,
      User: inputs.user,
      WorkingDir: inputs.workingDir,
      ExposedPorts: exposed,
      Volumes: volumesOf(inputs).paths,
      Labels: Object.fromEntries(labels) as object,
    }),
    Healthcheck: healthcheckOf(inputs),
    HostConfig: hostConfig(inputs),
  };
  return body;
}

/** Networks to connect the container to, each with the engine's name for what is wanted there. */
export function endpointsOf(inputs: Inputs): { network: string; EndpointConfig: Record<string, unknown> }[] {
  return blocks(inputs.networksAdvanced).map((block) => ({
    network: textOf(block.name),
    EndpointConfig: {
      Aliases: texts(block.aliases),
      IPAMConfig: said({
        IPv4Address: block.ipv4Address,
        IPv6Address: block.ipv6Address,
        LinkLocalIPs: texts(block.linkLocalIps),
      }),
      ...said({
        MacAddress: block.macAddress,
        GwPriority: block.gwPriority,
        DriverOpts: Object.fromEntries(
          texts(block.driverOpts).map((option) => option.split(/=(.*)/s).slice(0, 2)),
        ) as object,
      }),
    },
  }));
}
