import type { ContainerInspectInfo } from "dockerode";

import { bindingsOf } from "./bindings";
import { ask } from "./engine";
import { inspectContainer, releaseOf } from "./look";
import { namesOf } from "./own-address";

/** A container as an outsider finds it. */
export interface DiscoveredContainer {
  readonly name: string;
  /** Name of its service in a compose file; null for one that compose has not made. */
  readonly composeService: string | null;
  /** Folder of that compose file. */
  readonly composeFolder: string | null;
  /** Its image without tag and digest: `octollm/orchestrator`. */
  readonly repository: string;
  /** What its labels or the tag of its image say; null when they say none. */
  readonly release: string | null;
  readonly running: boolean;
  /** Port of this host by which a port of the container is reached. */
  readonly published: Readonly<Record<number, number>>;
  /** Names by which others on its networks reach it. */
  readonly names: readonly string[];
  /** Seconds that it is given to end; null when nothing says so. */
  readonly stopTimeout: number | null;
}

/** Every container of an engine, running or not; touches nothing. @throws EngineError */
export async function discoverContainers(engine: string): Promise<DiscoveredContainer[]> {
  const list = (await ask(engine, (docker) => docker.listContainers({ all: true }))) ?? [];
  const found = await Promise.all(list.map(({ Id }) => inspectContainer(engine, Id)));
  return found.flatMap((container) => (container ? [describe(container)] : []));
}

function describe(container: ContainerInspectInfo): DiscoveredContainer {
  const { Config, Name, State } = container;
  const { "com.docker.compose.service": service, "com.docker.compose.project.working_dir": folder } = Config.Labels;
  const { StopTimeout } = Config as { StopTimeout?: number | null };
  return {
    name: Name.slice(1),
    composeService: service ?? null,
    composeFolder: folder ?? null,
    repository: Config.Image.replace(/@.*$/, "").replace(/:[^/:]*$/, ""),
    release: releaseOf(container),
    running: State.Running && !State.Restarting,
    published: publishedPorts(container),
    names: namesOf(container),
    stopTimeout: StopTimeout ?? null,
  };
}

/** A stopped container publishes nothing: what it was told to publish counts, and the first place of a port. */
function publishedPorts(container: ContainerInspectInfo): Record<number, number> {
  const pairs = bindingsOf(container).flatMap(({ internal, protocol, external }): [number, number][] =>
    protocol === "tcp" && external ? [[internal, external]] : [],
  );
  return Object.fromEntries(pairs.toReversed());
}
