import assert from "node:assert/strict";

import type { ContainerInspectInfo, ImageInspectInfo } from "dockerode";

import {
  type ContainerDefinition,
  definitionKeys,
  definitionOf,
  wordlessSettings,
} from "../../runtimes/docker/definition";

const id = "4f5a6b7c8d9e4f5a6b7c8d9e";

/** A container that says nothing of its own, as the engine answers. */
function found(config: object = {}, host: object = {}, more: object = {}): ContainerInspectInfo {
  return {
    Id: id,
    Name: "/octollm-orchestrator",
    Config: { Hostname: id.slice(0, 12), Labels: {}, Env: [], Image: "octollm/orchestrator:0.1.0", ...config },
    HostConfig: { NetworkMode: "bridge", ShmSize: 64 << 20, MemorySwappiness: null, ...host },
    NetworkSettings: { Networks: { bridge: { Aliases: null } } },
    Mounts: [],
    ...more,
  } as unknown as ContainerInspectInfo;
}

const image = {
  Config: {
    Cmd: ["serve"],
    Entrypoint: ["/bin/app"],
    User: "app",
    WorkingDir: "/app",
    Labels: { "org.opencontainers.image.version": "0.1.0" },
    Healthcheck: { Test: ["CMD", "true"], Interval: 5e9 },
  },
} as unknown as ImageInspectInfo;

function define(container: ContainerInspectInfo, restart?: { name: string; retries: number }): ContainerDefinition {
  return definitionOf(container, image, { restart, graceSeconds: 30 });
}

/** What every definition says. */
const always = { name: "octollm-orchestrator", restart: "no", destroyGraceSeconds: 30 };

describe("what a container's successor is made of", () => {
  it("is nothing more where the container says nothing of its own: hostname, network, limits are the engine's", () => {
    assert.deepEqual(define(found()), always);
  });

  it("leaves to the new image what the old one has given: command, user, labels, health check", () => {
    assert.deepEqual(define(found({ ...image.Config, Hostname: id.slice(0, 12) })), always);
  });

  it("keeps what the operator has said, also where the image says something else", () => {
    const own = { Cmd: ["serve", "--debug"], User: "root", Hostname: "octopus", Tty: true };
    const labels = { "org.opencontainers.image.version": "mine", team: "octopus", "octollm.attempt": "3" };
    const check = { Test: ["CMD", "false"], Interval: 90e9, Timeout: 1.5e9, StartPeriod: 0, Retries: 2 };
    assert.deepEqual(define(found({ ...image.Config, ...own, Labels: labels, Healthcheck: check })), {
      ...always,
      ...{ command: ["serve", "--debug"], user: "root", hostname: "octopus", tty: true },
      labels: [
        { label: "org.opencontainers.image.version", value: "mine" },
        { label: "team", value: "octopus" },
      ],
      healthcheck: { tests: ["CMD", "false"], interval: "1m30s", timeout: "1.5s", startPeriod: "0s", retries: 2 },
    });
  });

  it("repeats the command beside an entry point of its own, which would take the image's away", () => {
    const { entrypoints, command } = define(found({ ...image.Config, Entrypoint: ["/bin/other"] }));
    assert.deepEqual([entrypoints, command], [["/bin/other"], ["serve"]]);
  });

  it("has the restart policy of before the stop, not that which kept it stopped", () => {
    const stopped = found({}, { RestartPolicy: { Name: "no", MaximumRetryCount: 0 } });
    const { restart, maxRetryCount } = define(stopped, { name: "on-failure", retries: 4 });
    assert.deepEqual([restart, maxRetryCount], ["on-failure", 4]);
    assert.equal(define(found({}, { RestartPolicy: { Name: "always" } })).restart, "always");
  });

  it("is on the operator's networks by their aliases, without those that the engine has added", () => {
    const Networks = {
      octollm_default: { Aliases: ["orchestrator", id.slice(0, 12), "octollm-orchestrator", "orchestrator"] },
      a_net: { Aliases: null, IPAMConfig: { IPv4Address: "172.30.0.5" } },
    };
    const definition = define(found({}, { NetworkMode: "octollm_default" }, { NetworkSettings: { Networks } }));
    assert.equal(definition.networkMode, undefined);
    assert.deepEqual(definition.networksAdvanced, [
      { name: "a_net", ipv4Address: "172.30.0.5" },
      { name: "octollm_default", aliases: ["orchestrator"] },
    ]);
  });

  for (const mode of ["host", "none", "container:0123456789ab"])
    it(`with network mode '${mode}' is on no network besides`, () => {
      const Networks = { host: { Aliases: ["x"] } };
      const { networkMode, networksAdvanced } = define(
        found({}, { NetworkMode: mode }, { NetworkSettings: { Networks } }),
      );
      assert.deepEqual([networkMode, networksAdvanced], [mode, undefined]);
    });

  it("keeps every volume: named ones, folders, and those that nobody has named, by the name that the engine gave", () => {
    const volume = (Name: string, Destination: string) => ({ Type: "volume", Name, Destination });
    const Mounts = [
      volume("0a1b2c3d", "/var/lib/x"),
      volume("octollm_data", "/data"),
      volume("mounted", "/m"),
      { Type: "bind", Source: "/srv", Destination: "/srv" },
    ];
    const host = {
      Binds: ["octollm_data:/data:rw", "/srv:/srv:ro,z"],
      Mounts: [{ Type: "volume", Source: "mounted", Target: "/m" }],
    };
    const { volumes, mounts } = define(found({}, host, { Mounts }));
    assert.deepEqual(volumes, [
      { volumeName: "octollm_data", containerPath: "/data" },
      { hostPath: "/srv", containerPath: "/srv", readOnly: true },
      { volumeName: "0a1b2c3d", containerPath: "/var/lib/x" },
    ]);
    assert.deepEqual(mounts, [{ type: "volume", source: "mounted", target: "/m" }]);
  });

  it("says nothing that is declared nowhere: every property of it is handed on", () => {
    const host = {
      ...{ NanoCpus: 1e9, Memory: 64 << 20, Privileged: true, CapAdd: ["A"], Tmpfs: { "/t": "" }, Init: true },
      ...{ PortBindings: { "1/tcp": [{ HostPort: "1" }] }, Dns: ["192.0.2.1"], ExtraHosts: ["a:192.0.2.2"] },
      ...{ LogConfig: { Type: "local", Config: { "max-size": "1m" } }, Sysctls: { a: "1" }, PidMode: "host" },
    };
    const handedOn = new Set<string>([...definitionKeys, "name", "labels"]);
    const said = Object.keys(define(found({ StopSignal: "SIGINT", StopTimeout: 3, Domainname: "d" }, host)));
    assert.ok(said.length > 18, said.join());
    assert.deepEqual(
      said.filter((key) => !handedOn.has(key)),
      [],
    );
  });
});

describe("settings that a successor could not be given", () => {
  const cases: readonly [object, string[]][] = [
    [{}, []],
    [{ VolumesFrom: [], Links: null, PidsLimit: 0, MemorySwappiness: -1, Isolation: "default", AutoRemove: false }, []],
    [{ AutoRemove: true, VolumesFrom: ["other"] }, ["VolumesFrom", "AutoRemove"]],
    [{ PidsLimit: 100, OomScoreAdj: -500 }, ["OomScoreAdj", "PidsLimit"]],
    [{ MemorySwappiness: 10 }, ["MemorySwappiness"]],
    [{ DeviceRequests: [{ Driver: "nvidia" }] }, ["DeviceRequests"]],
    [{ Memory: (64 << 20) + 1 }, ["Memory"]],
    [{ Memory: 64 << 20 }, []],
    [{ Mounts: [{ Target: "/data", VolumeOptions: {} }] }, []],
    [{ Mounts: [{ Target: "/data", VolumeOptions: { Subpath: "a" } }] }, ["Mounts.VolumeOptions.Subpath"]],
  ];
  for (const [host, expected] of cases)
    it(`are ${expected.join(", ") || "none"} of ${JSON.stringify(host)}`, () => {
      assert.deepEqual(wordlessSettings(found({}, host)), expected);
    });
});
