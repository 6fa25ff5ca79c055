import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import Docker from "dockerode";

import { loadImages } from "./images";

const readyWithin = 60_000;

/**
 * A Docker engine of the tests' own: dockerd with its data, sockets and network in namespaces and a folder that `ring`
 * made and removes.
 */
export class DockerEngine {
  readonly socket: string;
  /** What DOCKER_HOST says: `unix:///...`. */
  readonly host: string;
  readonly docker: Docker;
  readonly #folder: string;
  #daemon: ChildProcess | undefined;

  constructor(folder: string) {
    this.#folder = folder;
    this.socket = join(folder, "docker.sock");
    this.host = `unix://${this.socket}`;
    this.docker = new Docker({ socketPath: this.socket });
  }

  /** Starts dockerd, and waits until it answers. */
  async start(): Promise<void> {
    const log = openSync(this.#log, "a");
    const folders = ["--data-root", join(this.#folder, "data"), "--exec-root", join(this.#folder, "run")];
    // A parent of its own for the containers' control groups: `ring` removes it by name.
    const groups = [
      "--exec-opt",
      "native.cgroupdriver=cgroupfs",
      "--cgroup-parent",
      `/${this.#folder.split("/").pop()}`,
    ];
    const place = ["--pidfile", join(this.#folder, "dockerd.pid"), "--host", this.host];
    const daemon = spawn("dockerd", [...folders, ...place, ...groups], { stdio: ["ignore", log, log] });
    closeSync(log);
    // The tests' end is its end as well: `ring` ends the namespace of processes.
    daemon.unref();
    this.#daemon = daemon;
    for (const end = Date.now() + readyWithin; Date.now() < end && daemon.exitCode === null; await sleep(50))
      if (await this.docker.ping().catch(() => false)) return;
    daemon.kill("SIGKILL");
    const tail = readFileSync(this.#log, "utf8").trimEnd().split("\n").slice(-15).join("\n");
    throw new Error(`dockerd did not answer within ${readyWithin / 1000} s. It wrote:\n${tail}`);
  }

  /** Ends dockerd; containers get its SIGTERM with SIGTERM, and live on without it after SIGKILL. */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const daemon = this.#daemon;
    if (!daemon || daemon.exitCode !== null || daemon.signalCode !== null) return;
    daemon.ref();
    const ended = once(daemon, "exit");
    daemon.kill(signal);
    await ended;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** Removes every container, every network and every volume; images stay. */
  async clear(): Promise<void> {
    const containers = await this.docker.listContainers({ all: true });
    await Promise.all(containers.map(({ Id }) => this.docker.getContainer(Id).remove({ force: true, v: true })));
    await this.docker.pruneNetworks();
    const { Volumes } = await this.docker.listVolumes();
    await Promise.all(Volumes.map(({ Name }) => this.docker.getVolume(Name).remove()));
  }

  get #log(): string {
    return join(this.#folder, "dockerd.log");
  }
}

let shared: Promise<DockerEngine> | undefined;

/** The one Docker engine of this run of the ring, with all test images; started on first use. */
export async function startEngine(): Promise<DockerEngine> {
  shared ??= start();
  return shared;
}

async function start(): Promise<DockerEngine> {
  const folder = process.env.OCTOLLM_TEST_DOCKER;
  if (folder === undefined)
    throw new Error(
      "These tests need a Docker engine of their own. Run: npm run test:docker -- tests/docker/<name>.test.ts",
    );
  const engine = new DockerEngine(folder);
  await engine.start();
  await loadImages(engine.docker);
  return engine;
}
