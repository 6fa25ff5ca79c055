import { createWriteStream } from "node:fs";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";

import type { ContainerInspectInfo } from "dockerode";

import type { Activity } from "../runtime";
import { bindingsOf } from "./bindings";
import { ask, EngineError, tell } from "./engine";
import { inspectContainer } from "./look";

/** A named volume, and who uses it. */
export interface VolumeFacts {
  /** Containers that have it mounted, running or not; null when there is no such volume. */
  readonly users: readonly VolumeUser[] | null;
}

export interface VolumeUser {
  readonly container: string;
  readonly running: boolean;
  /** Where it has the volume. */
  readonly path: string;
  /** Ports of the host that it publishes. */
  readonly published: readonly number[];
}

/** Looks at a volume, and touches nothing. @throws EngineError */
export async function volumeFacts(engine: string, volume: string): Promise<VolumeFacts> {
  if ((await ask(engine, (docker) => docker.getVolume(volume).inspect())) === null) return { users: null };
  const filters = { volume: [volume] };
  const list = (await ask(engine, (docker) => docker.listContainers({ all: true, filters }))) ?? [];
  const found = await Promise.all(list.map(({ Id }) => inspectContainer(engine, Id)));
  return { users: found.flatMap((container) => (container ? userOf(container, volume) : [])) };
}

function userOf(container: ContainerInspectInfo, volume: string): VolumeUser[] {
  const { Name, State, Mounts } = container;
  const mount = Mounts.find((each) => each.Type === "volume" && each.Name === volume);
  const published = bindingsOf(container).flatMap(({ external }) => external ?? []);
  return mount ? [{ container: Name.slice(1), running: State.Running, path: mount.Destination, published }] : [];
}

/**
 * Archives a volume by the engine itself, which reads it through one of the containers that have it: nothing needs to be on this
 * host but the archive, no further image, and no rights on the engine's files.
 *
 * @param file - is made: a `.tar.gz` with the one folder that the volume is mounted as
 * @throws EngineError, or an error of the file
 */
export async function archiveVolume(
  engine: string,
  { container, path }: VolumeUser,
  file: string,
  signal: AbortSignal,
): Promise<void> {
  const archive = await ask(engine, (docker) => docker.getContainer(container).getArchive({ path }));
  if (archive === null) throw new EngineError(`Container '${container}' has no '${path}' any more.`, 404);
  await pipeline(archive as Readable, createGzip({ level: 1 }), createWriteStream(file, { mode: 0o600 }), { signal });
}

/** Stops a store, whose restart policy stays: a store that was stopped by name is not restarted by the engine. */
export async function stopStore(engine: string, container: string, { progress }: Activity): Promise<void> {
  progress?.(`stopping container '${container}', to archive its volume`);
  await tell(engine, (docker) => docker.getContainer(container).stop(), [304]);
}

/** Starts it again; one that somebody has removed meanwhile is not ours to make. */
export async function startStore(engine: string, container: string, { progress }: Activity): Promise<void> {
  progress?.(`starting container '${container}' again`);
  await tell(engine, (docker) => docker.getContainer(container).start(), [304, 404]);
}
