import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";

import { openBackend } from "../engine/main";
import { processRuntime } from "../runtimes/local/process";
import type { ProcessSpec } from "../runtimes/runtime";
import { freePort, PrivatePostgres, reachableFolder } from "./private-postgres";

const project = resolve(__dirname, "..");

/** Name of the tour's stack. */
export const tourStack = "tour";

/** Everything of the tour is below this folder, and in the stack `tour`. */
export const tourFolder = join(project, ".octollm-tour");

/** Folder of the installation that the tour upgrades. */
export const installationFolder = join(tourFolder, "octollm");

const serverFolder = () => join(reachableFolder(tourFolder), "postgres");
const notes = join(tourFolder, "tour.json");

/** A path as the reader types it. */
export function shown(path: string): string {
  return relative(process.cwd(), path) || ".";
}

/** What the service of the tour is, for stopping it. */
function serviceSpec(port: number): ProcessSpec {
  return {
    name: "orchestrator",
    command: "",
    directory: installationFolder,
    environment: {},
    port,
    health: "/health",
    log: join(installationFolder, "logs", "orchestrator.log"),
    release: "0.1.0",
    stateFolder: join(installationFolder, ".octollm", "services"),
    startTimeoutSeconds: 30,
    stopTimeoutSeconds: 10,
  };
}

/** A private server with an empty database, and a free port for the service. */
export async function prepareSite(): Promise<{ server: PrivatePostgres; port: number; databaseUrl: string }> {
  mkdirSync(tourFolder, { recursive: true, mode: 0o755 });
  const port = await freePort();
  writeFileSync(notes, JSON.stringify({ port }));
  const server = await PrivatePostgres.create(serverFolder());
  server.createDatabase("octollm");
  return { server, port, databaseUrl: server.url("octollm") };
}

/** Ends what this or an earlier, killed tour left running: its service and its server. */
export async function stopEverything(): Promise<void> {
  if (existsSync(notes)) {
    const { port } = JSON.parse(readFileSync(notes, "utf8")) as { port: number };
    await processRuntime.stop(serviceSpec(port));
  }
  PrivatePostgres.stopLeftover(serverFolder());
}

/** Removes every trace of an earlier tour: processes, folder, stack. */
export async function removeEarlierTour(): Promise<void> {
  await stopEverything();
  PrivatePostgres.destroyLeftover(serverFolder());
  rmSync(tourFolder, { recursive: true, force: true });
  const backend = openBackend(project, process.env);
  const { location } = backend;
  for (const path of [location.history(tourStack), location.backups(tourStack), location.locks(tourStack)])
    rmSync(path, { recursive: true, force: true });
  for (const ending of ["", ".bak", ".attrs", ".bak.attrs"])
    rmSync(location.checkpoint(tourStack) + ending, { force: true });
  rmSync(backend.config(tourStack).file, { force: true });
}
