import type Docker from "dockerode";

import { type Image, type ImageConfig, withArchive } from "./archive";
import { baseLayer, type Layer, nodeLayer, postgresLayer, postgresMajor, programsLayer } from "./layers";

/** Releases of OctoLLM that there are images of. */
export const releases = ["0.1.0", "0.2.0", "1.0.0"] as const;
export type Release = (typeof releases)[number];

/** OctoLLM's services and the ports that they listen on within their containers. */
export const services: Readonly<Record<string, number>> = {
  orchestrator: 8000,
  "reflex-layer": 8080,
  "planner-arm": 8001,
  "retriever-arm": 8002,
  "coder-arm": 8003,
  "judge-arm": 8004,
  "safety-guardian-arm": 8005,
  "executor-arm": 8006,
};

/** The stores' images, and images of an orchestrator that fail. */
export const images = {
  postgres: `octollm-test/postgres:${postgresMajor()}`,
  redis: "octollm-test/redis:7",
  qdrant: "octollm-test/qdrant:1.7",
  exitsAtOnce: "octollm-test/exits-at-once:1",
  neverHealthy: "octollm-test/never-healthy:1",
  /** An operator's proxy: `command: ["front", "orchestrator:8000"]`. */
  front: "octollm-test/front:1",
  /** Runs any program of busybox: `Cmd: ["sleep", "60"]`. */
  tools: "octollm-test/tools:1",
} as const;

const path = "PATH=/usr/local/bin:/bin";

/** Asks a port's /health every second; needs no shell. */
function healthcheck(port: number): ImageConfig["Healthcheck"] {
  const test = ["CMD", "wget", "-q", "-O", "/dev/null", `http://127.0.0.1:${port}/health`];
  return { Test: test, Interval: 1e9, Timeout: 3e9 };
}

function serviceImage(service: string, port: number, release: string, layers: readonly Layer[]): Image {
  const isOrchestrator = service === "orchestrator";
  const program = isOrchestrator
    ? ["/bin/node", "/app/octollm.cjs", "--release", release]
    : ["/bin/node", "/app/helper.cjs", "arm", release];
  const config: ImageConfig = {
    Entrypoint: program,
    Env: [path, "HOST=0.0.0.0", `PORT=${port}`],
    ExposedPorts: { [`${port}/tcp`]: {} },
    Healthcheck: healthcheck(port),
    Labels: { "org.opencontainers.image.title": service, "org.opencontainers.image.version": release },
  };
  return { name: `octollm/${service}:${release}`, layers, config };
}

function helperImage(name: string, role: string, port: number, layers: readonly Layer[]): Image {
  const health = { Healthcheck: healthcheck(port), ExposedPorts: { [`${port}/tcp`]: {} } };
  const Env = [path, `PORT=${port}`];
  return {
    name,
    layers,
    config: { Entrypoint: ["/bin/node", "/app/helper.cjs", role, "1.0.0"], Env, ...(role === "redis" ? {} : health) },
  };
}

/** All images of the tests; layers are made, or were kept in `.cache/docker` by an earlier run. */
export function testImages(): Image[] {
  const base = baseLayer();
  const programs = [base, nodeLayer(), programsLayer()];
  const postgres: ImageConfig = {
    Entrypoint: ["/usr/local/bin/docker-entrypoint.sh"],
    // The data of a test is worth nothing after a power cut; durability would only cost time.
    Cmd: ["postgres", "-c", "fsync=off"],
    Env: [`PATH=/usr/local/bin:/usr/lib/postgresql/${postgresMajor()}/bin:/bin`, "PGDATA=/var/lib/postgresql/data"],
    ExposedPorts: { "5432/tcp": {} },
    StopSignal: "SIGINT",
    Volumes: { "/var/lib/postgresql/data": {} },
  };
  return [
    ...releases.flatMap((release) =>
      Object.entries(services).map(([service, port]) => serviceImage(service, port, release, programs)),
    ),
    { name: images.postgres, layers: [base, postgresLayer()], config: postgres },
    { name: images.tools, layers: [base], config: { Entrypoint: ["/bin/busybox"], Env: [path] } },
    { name: images.front, layers: programs, config: { Entrypoint: ["/bin/node", "/app/helper.cjs"], Env: [path] } },
    helperImage(images.redis, "redis", 6379, programs),
    helperImage(images.qdrant, "arm", 6333, programs),
    helperImage(images.exitsAtOnce, "exits-at-once", 8000, programs),
    helperImage(images.neverHealthy, "never-healthy", 8000, programs),
  ];
}

/** Builds every test image FROM scratch and loads it into an engine. */
export async function loadImages(docker: Docker): Promise<void> {
  await withArchive(testImages(), async (archive) => {
    const said = await docker.loadImage(archive);
    let text = "";
    for await (const piece of said as AsyncIterable<Buffer>) text += piece.toString();
    const [, fault] = /"error":"([^"]+)/.exec(text) ?? [];
    if (fault !== undefined) throw new Error(`the test images could not be loaded: ${fault}`);
  });
}
