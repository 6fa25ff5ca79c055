import { makeSecret, type PropertyMap, unknownValue } from "../../../engine/property/value";

/** A resource that the plugin made, whose changes are asked for. */
export type StateName = "web" | "bare" | "imported" | "broken" | "volume" | "network" | "image";

/** Which kind of resource each state is of. */
export const kinds: Readonly<Record<StateName, string>> = {
  web: "Container",
  bare: "Container",
  imported: "Container",
  broken: "Container",
  volume: "Volume",
  network: "Network",
  image: "RemoteImage",
};

/** What `docker.Container` and its like are written as in a state. */
export const typeOf = (kind: string): string => `docker:index/${kind.charAt(0).toLowerCase()}${kind.slice(1)}:${kind}`;

const planner = "octollm/planner-arm:0.1.0";
const healthcheck = {
  tests: ["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8001/health"],
  interval: "1s",
  timeout: "3s",
};
const port = { internal: 8001, external: 18_000, ip: "127.0.0.1" };
const network = { name: "standin-net", aliases: ["b", "a"] };
const volume = { volumeName: "standin-data", containerPath: "/v" };
const labels = [
  { label: "l", value: "1" },
  { label: "k", value: "2" },
];

const web: PropertyMap = {
  ...{ name: "standin-web", image: planner, envs: ["B=2", "A=1"], labels, healthcheck, wait: true },
  ...{ ports: [port], networksAdvanced: [network], volumes: [volume], logDriver: "json-file" },
  ...{ logOpts: { "max-size": "10m" }, restart: "unless-stopped", destroyGraceSeconds: 5, memory: 64, memorySwap: 128 },
};
const bare: PropertyMap = { name: "standin-bare", image: planner };
const label = [{ label: "a", value: "b" }];
const theVolume: PropertyMap = { name: "standin-data", labels: label };
const theNetwork: PropertyMap = { name: "standin-net", labels: label };
const theImage: PropertyMap = { name: "octollm/orchestrator:0.1.0", keepLocally: true };

/** What each state was made from; `imported` and `broken` are `web` with less in its outputs. */
export const inputs: Readonly<Record<StateName, PropertyMap>> = {
  ...{ web, bare, imported: web, broken: web },
  ...{ volume: theVolume, network: theNetwork, image: theImage },
};

const without = (from: PropertyMap, ...keys: string[]): PropertyMap =>
  Object.fromEntries(Object.entries(from).filter(([key]) => !keys.includes(key)));

/** One property of `web` at a time, each with every value that is worth asking for. */
const webChanges: Readonly<Record<string, readonly PropertyMap[string][]>> = {
  image: ["octollm/planner-arm:0.2.0", unknownValue],
  envs: [
    ...[["A=1", "B=2", "B=2"], ["A=1", "B=2", "C=3"], ["B=3", "A=1"], ["B=2"], []],
    ...[["A=1", unknownValue], unknownValue, makeSecret(["B=3", "A=1"]), ["A=1", makeSecret("B=3")]],
  ],
  ports: [
    ...[[{ ...port, external: 18_001 }], [port, { internal: 8002, external: 18_002 }], [{ ...port, protocol: "udp" }]],
    ...[[{ internal: 8001, external: 18_000 }], [{ internal: 8001, ip: "127.0.0.1" }], []],
  ],
  networksAdvanced: [
    ...[[{ ...network, aliases: ["a", "b"] }], [{ ...network, aliases: ["c", "a"] }], [network, { name: "other" }]],
    ...[[{ ...network, ipv4Address: "172.18.0.9" }], [{ name: unknownValue, aliases: ["a"] }]],
  ],
  volumes: [
    ...[[{ ...volume, containerPath: "/w" }], [volume, { volumeName: "other", containerPath: "/w" }]],
    ...[[{ ...volume, readOnly: true }], [{ ...volume, readOnly: false }]],
  ],
  labels: [
    ...[
      [{ label: "l", value: "9" }, labels[1] as PropertyMap],
      [...labels, { label: "z", value: "3" }],
    ],
    ...[labels.slice(1), labels.toReversed()],
  ],
  logOpts: [{ "max-size": "20m" }, { "max-size": "10m", "max-file": "3" }, {}],
  healthcheck: [
    ...[
      { ...healthcheck, interval: "2s" },
      { ...healthcheck, interval: "1000ms" },
      { ...healthcheck, retries: 3 },
    ],
    ...[{ ...healthcheck, tests: ["CMD", "true"] }, without(healthcheck, "timeout")],
  ],
  memory: [128, 0],
  memorySwap: [256, -1],
  restart: ["always"],
  maxRetryCount: [2],
  destroyGraceSeconds: [6],
  wait: [false],
  waitTimeout: [90],
  mustRun: [false],
  start: [false],
  rm: [true],
  init: [true],
  readOnly: [true, false],
  command: [["a"], []],
  entrypoints: [["/bin/node", "/app/helper.cjs", "arm", "0.1.0"], ["/bin/node"], ["/bin/node", "/app/helper.cjs", "x"]],
  hostname: ["h"],
  domainname: ["d"],
  user: ["1", ""],
  workingDir: ["/tmp"],
  networkMode: ["host"],
  name: ["standin-other"],
  stopTimeout: [3],
  stopSignal: ["SIGINT"],
  cpuShares: [5],
  cpuSet: ["0"],
  cpus: ["1.5"],
  tmpfs: [{ "/tmp": "" }],
  capabilities: [{ adds: ["NET_ADMIN"] }],
  mounts: [[{ type: "volume", source: "standin-data", target: "/m" }]],
  hosts: [[{ host: "a", ip: "192.0.2.1" }]],
  ulimits: [[{ name: "nofile", soft: 1, hard: 2 }]],
  devices: [[{ hostPath: "/dev/null" }]],
  dns: [["192.0.2.1"]],
  groupAdds: [["7"]],
  securityOpts: [["no-new-privileges"]],
  sysctls: [{ "net.core.somaxconn": "1" }],
  privileged: [true],
  publishAllPorts: [true],
  logDriver: ["local"],
  shmSize: [128],
  ipcMode: ["host"],
  pidMode: ["host"],
};

const unchangedKeys = ["envs", "labels", "healthcheck", "logDriver", "name"];
const dropped = [...unchangedKeys, "ports", "networksAdvanced", "volumes", "logOpts", "memory", "memorySwap", "wait"];

export interface DiffCase {
  readonly name: string;
  readonly state: StateName;
  readonly inputs: PropertyMap;
  readonly ignoreChanges?: readonly string[];
}

function ofWeb(): DiffCase[] {
  const values = Object.entries(webChanges).flatMap(([key, list]) =>
    list.map(
      (value, index) => ({ name: `web ${key} ${index + 1}`, state: "web", inputs: { ...web, [key]: value } }) as const,
    ),
  );
  const absent = [...dropped, "restart", "destroyGraceSeconds"].map(
    (key) => ({ name: `web without ${key}`, state: "web", inputs: without(web, key) }) as const,
  );
  return [...values, ...absent];
}

const variant = (state: StateName, name: string, change: PropertyMap): DiffCase => ({
  name: `${state} ${name}`,
  state,
  inputs: { ...inputs[state], ...change },
});

/** Changes of which the plugin says what they mean. */
export const diffCases: readonly DiffCase[] = [
  ...Object.entries(inputs).map(([state, same]) => ({
    name: `${state} unchanged`,
    state: state as StateName,
    inputs: same,
  })),
  ...ofWeb(),
  variant("web", "two at once", { image: "x", restart: "always", memory: 32 }),
  { name: "web image ignored", state: "web", inputs: { ...web, image: "x", restart: "no" }, ignoreChanges: ["image"] },
  ...(["envs", "healthcheck", "labels", "networksAdvanced", "ports", "volumes", "logOpts", "memory"] as const).map(
    (key) => variant("bare", `with ${key}`, { [key]: web[key] as PropertyMap[string] }),
  ),
  { name: "imported without envs", state: "imported", inputs: without(web, "envs") },
  { name: "imported all ignored", state: "imported", inputs: without(web, "envs"), ignoreChanges: ["*"] },
  variant("imported", "with no envs", { envs: [] }),
  variant("volume", "label", { labels: [{ label: "a", value: "c" }] }),
  { name: "volume without labels", state: "volume", inputs: without(theVolume, "labels") },
  variant("volume", "same driver", { driver: "local" }),
  variant("volume", "driver", { driver: "nfs" }),
  variant("volume", "options", { driverOpts: { a: "1" } }),
  variant("volume", "name", { name: "standin-other" }),
  { name: "volume without a name", state: "volume", inputs: without(theVolume, "name") },
  variant("network", "label", { labels: [{ label: "a", value: "c" }] }),
  { name: "network without labels", state: "network", inputs: without(theNetwork, "labels") },
  variant("network", "same driver", { driver: "bridge" }),
  variant("network", "driver", { driver: "macvlan" }),
  variant("network", "internal", { internal: true }),
  variant("network", "attachable", { attachable: true }),
  variant("network", "addresses", { ipamConfigs: [{ subnet: "10.9.0.0/24" }] }),
  variant("network", "options", { options: { a: "1" } }),
  variant("network", "name", { name: "standin-other" }),
  variant("image", "name", { name: "octollm/orchestrator:0.2.0" }),
  { name: "image not kept", state: "image", inputs: without(theImage, "keepLocally") },
  variant("image", "triggers", { triggers: { a: "1" } }),
  variant("image", "pull triggers", { pullTriggers: ["a"] }),
];

/** Inputs that are checked, good and bad. */
export const checkCases: readonly { readonly name: string; readonly kind: string; readonly inputs: PropertyMap }[] = [
  { name: "a container with all", kind: "Container", inputs: web },
  { name: "a container with little", kind: "Container", inputs: bare },
  { name: "a container with a secret", kind: "Container", inputs: { ...bare, envs: makeSecret(["A=1"]) } },
  {
    name: "a container with unknowns",
    kind: "Container",
    inputs: { ...bare, image: unknownValue, ports: [{ internal: unknownValue }] },
  },
  { name: "a container with numbers as text", kind: "Container", inputs: { ...bare, memory: "64", start: "false" } },
  { name: "a container without an image", kind: "Container", inputs: { name: "standin-web" } },
  { name: "a container with a wrong policy", kind: "Container", inputs: { ...bare, restart: "sometimes" } },
  { name: "a container with a port that is none", kind: "Container", inputs: { ...bare, ports: [{ external: 1 }] } },
  { name: "a container with something else", kind: "Container", inputs: { ...bare, colour: "red" } },
  { name: "a network", kind: "Network", inputs: theNetwork },
  { name: "a volume", kind: "Volume", inputs: theVolume },
  { name: "an image", kind: "RemoteImage", inputs: theImage },
];
