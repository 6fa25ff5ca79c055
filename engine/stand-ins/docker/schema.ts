import type { PropertyValue } from "../../property/value";

/** What a property of @pulumi/docker is like: what its check, its diff and its outputs follow from. */
export interface Property {
  /** `object` is one block, `blocks` a list of them, `block set` a set. */
  readonly type: "string" | "int" | "bool" | "map" | "list" | "set" | "object" | "blocks" | "block set";
  /** What a block is made of. */
  readonly of?: Schema;
  /** A change of it is a new resource. */
  readonly replaces: boolean;
  readonly required: boolean;
  /** What the engine decides where the program says nothing. */
  readonly computed: boolean;
  /** Only an output. */
  readonly outputOnly: boolean;
  readonly fallback?: PropertyValue;
  /** What a string has to look like. */
  readonly pattern?: RegExp;
  /** The empty string says nothing. */
  readonly emptySaysNothing: boolean;
  /** A changed element is shown as a change of the whole set. */
  readonly shownWhole: boolean;
}

/** The properties of a type or a block by name. */
export type Schema = Readonly<Record<string, Property>>;

type Options = Partial<Omit<Property, "type">>;

const property =
  (type: Property["type"]) =>
  (options: Options = {}): Property => ({
    ...{ type, replaces: false, required: false, computed: false, outputOnly: false },
    ...{ emptySaysNothing: false, shownWhole: false, ...options },
  });

const text = property("string");
const int = property("int");
const bool = property("bool");
const map = property("map");
const list = property("list");
const set = property("set");
const object = property("object");
const blocks = property("blocks");
const blockSet = property("block set");

const replaces = { replaces: true };
const required = { required: true, replaces: true };
const computed = { computed: true, replaces: true };
const outputOnly = { computed: true, outputOnly: true };
const duration = text({ fallback: "0s", pattern: /^([\d.]+(ms|us|µs|ns|s|m|h))+$|^0$/ });

const labels: Schema = { label: text(required), value: text(required) };

const networkData: Schema = {
  gateway: text(),
  globalIpv6Address: text(),
  globalIpv6PrefixLength: int(),
  ipAddress: text(),
  ipPrefixLength: int(),
  ipv6Gateway: text(),
  macAddress: text(),
  networkName: text(),
};

/** How the container is run by the engine, and for how long this waits. */
const running: Schema = {
  attach: bool({ fallback: false }),
  containerLogs: text(outputOnly),
  containerReadRefreshTimeoutMilliseconds: int({ fallback: 15_000 }),
  destroyGraceSeconds: int(),
  exitCode: int(outputOnly),
  healthcheck: object({
    computed: true,
    of: {
      interval: duration,
      retries: int({ fallback: 0 }),
      startInterval: duration,
      startPeriod: duration,
      tests: list(),
      timeout: duration,
    },
  }),
  init: bool({ computed: true }),
  logDriver: text(computed),
  logOpts: map(replaces),
  logs: bool({ fallback: false }),
  maxRetryCount: int(),
  mustRun: bool({ fallback: true }),
  removeVolumes: bool({ fallback: true }),
  restart: text({ fallback: "no", pattern: /^(no|on-failure|always|unless-stopped)$/ }),
  rm: bool({ fallback: false }),
  start: bool({ fallback: true }),
  stopSignal: text(computed),
  stopTimeout: int(computed),
  wait: bool({ fallback: false }),
  waitTimeout: int({ fallback: 60 }),
};

const process: Schema = {
  command: list(computed),
  domainname: text(replaces),
  entrypoints: list(computed),
  envs: set(computed),
  groupAdds: set(replaces),
  hostname: text(computed),
  image: text(required),
  labels: blockSet({ ...computed, of: labels }),
  name: text(required),
  platform: text(computed),
  runtime: text(computed),
  stdinOpen: bool({ ...replaces, fallback: false }),
  tty: bool({ ...replaces, fallback: false }),
  user: text({ ...replaces, emptySaysNothing: true }),
  workingDir: text({ ...replaces, emptySaysNothing: true }),
};

const networking: Schema = {
  bridge: text(outputOnly),
  dns: set(replaces),
  dnsOpts: set(replaces),
  dnsSearches: set(replaces),
  hosts: blockSet({ ...replaces, of: { host: text(required), ip: text(required) } }),
  networkDatas: blocks({ ...outputOnly, of: networkData }),
  networkMode: text({ ...replaces, fallback: "bridge" }),
  networksAdvanced: blockSet({
    ...replaces,
    shownWhole: true,
    of: {
      aliases: set(replaces),
      driverOpts: set(replaces),
      gwPriority: int(replaces),
      ipv4Address: text(replaces),
      ipv6Address: text(replaces),
      linkLocalIps: set(replaces),
      macAddress: text(replaces),
      name: text(required),
    },
  }),
  ports: blocks({
    ...replaces,
    of: {
      external: int(computed),
      internal: int(required),
      ip: text({ ...replaces, fallback: "0.0.0.0" }),
      protocol: text({ ...replaces, fallback: "tcp" }),
    },
  }),
  publishAllPorts: bool(replaces),
};

const storage: Schema = {
  mounts: blockSet({
    ...replaces,
    shownWhole: true,
    of: {
      readOnly: bool(),
      source: text(),
      target: text(required),
      type: text({ ...required, pattern: /^(bind|volume|tmpfs)$/ }),
    },
  }),
  readOnly: bool({ ...replaces, fallback: false }),
  shmSize: int(computed),
  storageOpts: map(replaces),
  tmpfs: map(),
  volumes: blockSet({
    ...replaces,
    shownWhole: true,
    of: {
      containerPath: text(replaces),
      fromContainer: text(replaces),
      hostPath: text({ ...replaces, pattern: /^(\/|[A-Za-z]:)/ }),
      readOnly: bool(replaces),
      selinuxRelabel: text({ ...replaces, pattern: /^[zZ]$/ }),
      volumeName: text(replaces),
    },
  }),
};

const limits: Schema = {
  cpuPeriod: int(),
  cpuQuota: int(),
  cpuSet: text({ pattern: /^\d+([,-]\d+)*$/ }),
  cpuShares: int(),
  cpus: text(replaces),
  memory: int(),
  memoryReservation: int({ fallback: 0 }),
  memorySwap: int(),
  ulimits: blockSet({ ...replaces, of: { hard: int(required), name: text(required), soft: int(required) } }),
};

const rights: Schema = {
  capabilities: object({ ...replaces, shownWhole: true, of: { adds: set(replaces), drops: set(replaces) } }),
  cgroupParent: text(replaces),
  cgroupnsMode: text(replaces),
  devices: blockSet({
    ...replaces,
    shownWhole: true,
    of: {
      containerPath: text(replaces),
      hostPath: text(required),
      permissions: text({ ...replaces, fallback: "rwm" }),
    },
  }),
  ipcMode: text(computed),
  pidMode: text(replaces),
  privileged: bool(replaces),
  securityOpts: set(computed),
  sysctls: map(replaces),
  usernsMode: text(replaces),
};

export const container: Schema = { ...running, ...process, ...networking, ...storage, ...limits, ...rights };

export const network: Schema = {
  attachable: bool(replaces),
  driver: text(computed),
  ingress: bool(replaces),
  internal: bool(computed),
  ipamConfigs: blockSet({
    ...computed,
    shownWhole: true,
    of: { auxAddress: map(replaces), gateway: text(replaces), ipRange: text(replaces), subnet: text(replaces) },
  }),
  ipamDriver: text({ ...replaces, fallback: "default" }),
  ipamOptions: map(replaces),
  ipv6: bool(replaces),
  labels: blockSet({ ...replaces, of: labels }),
  name: text(required),
  options: map(computed),
  scope: text(outputOnly),
};

export const volume: Schema = {
  driver: text(computed),
  driverOpts: map(replaces),
  labels: blockSet({ ...replaces, of: labels }),
  mountpoint: text(outputOnly),
  name: text(computed),
};

export const remoteImage: Schema = {
  forceRemove: bool(),
  imageId: text(outputOnly),
  keepLocally: bool(),
  name: text(required),
  platform: text(replaces),
  pullTriggers: set(replaces),
  repoDigest: text(outputOnly),
  triggers: map(replaces),
};

/** What the provider itself is told. */
export const settings: Schema = { host: text() };

/** Inputs that the plugin has and this has not. */
export const notImplemented: ReadonlySet<string> = new Set([
  ...["uploads", "gpus", "deviceRequests", "deviceCgroupRules"],
  ...["deviceReadBps", "deviceReadIops", "deviceWriteBps", "deviceWriteIops"],
  ...["bindOptions", "volumeOptions", "tmpfsOptions", "cluster", "build"],
]);
