import type { ContainerInspectInfo, NetworkInspectInfo } from "dockerode";

import type { Activity } from "../runtime";
import { ask, tell } from "./engine";
import { imageFacts } from "./facts";
import { storeLabels } from "./labels";
import { inspectContainer, isWell } from "./look";

/** A store of a fresh installation, and where it is to be. */
export interface StoreSpec {
  readonly name: string;
  readonly container: string;
  readonly image: string;
  /** Empty for none. */
  readonly volume: string;
  readonly network: string;
  /** As of a ContainerSpec. */
  readonly engine: string;
  readonly startTimeoutSeconds: number;
  readonly stopTimeoutSeconds: number;
}

/** What there is of a store. */
export interface StoreLook {
  readonly name: string;
  /** Null when there is none. */
  readonly container: MadeContainer | null;
  readonly hasVolume: boolean;
  /** Id of its image; null when the engine has none. */
  readonly imageId: string | null;
}

/** A container of the store's name. */
export interface MadeContainer {
  /** How often the stack had made it by then; null for one that no stack has made. */
  readonly round: number | null;
  readonly running: boolean;
  /** Running, and well by its own check. */
  readonly well: boolean;
}

/** The network: how often it had been made, null for one that no stack has made, and how many containers are in it. */
export interface MadeNetwork {
  readonly round: number | null;
  readonly containers: number;
}

/** Looks at stores and their network; touches nothing. @throws EngineError */
export async function lookAtStores(
  specs: readonly StoreSpec[],
): Promise<{ readonly network: MadeNetwork | null; readonly stores: readonly StoreLook[] }> {
  const [first] = specs;
  const [network, stores] = await Promise.all([
    first ? inspectNetwork(first) : null,
    Promise.all(specs.map((spec) => lookAtStore(spec))),
  ]);
  return { network: network && describeNetwork(network), stores };
}

async function lookAtStore({ name, container, image, volume, engine }: StoreSpec): Promise<StoreLook> {
  const [found, wanted, data] = await Promise.all([
    inspectContainer(engine, container),
    imageFacts(engine, image),
    volume === "" ? null : ask(engine, (docker) => docker.getVolume(volume).inspect()),
  ]);
  return { name, container: found && describe(found), hasVolume: data !== null, imageId: wanted?.id ?? null };
}

function describe(container: ContainerInspectInfo): MadeContainer {
  const running = container.State.Running && !container.State.Restarting;
  return { round: roundOf(container.Config.Labels), running, well: running && isWell(container, null) };
}

function roundOf(labels: Readonly<Record<string, string>> | null | undefined): number | null {
  const label = labels?.[storeLabels.round];
  return label === undefined ? null : Number(label);
}

function describeNetwork({ Labels, Containers }: NetworkInspectInfo): MadeNetwork {
  return { round: roundOf(Labels), containers: Object.keys(Containers ?? {}).length };
}

async function inspectNetwork({ network, engine }: StoreSpec): Promise<NetworkInspectInfo | null> {
  const found = await ask<NetworkInspectInfo>(engine, (docker) => docker.getNetwork(network).inspect());
  // The engine takes the beginning of an id for a name as well.
  return found?.Name === network ? found : null;
}

/**
 * Makes way for what is made anew: containers of these stores that a stack has made, and its network when nothing is in it
 * any more. What somebody else has made stays, and so does every volume.
 *
 * @throws EngineError
 */
export async function clearStores(
  specs: readonly StoreSpec[],
  { network = false, progress }: { readonly network?: boolean } & Pick<Activity, "progress">,
): Promise<void> {
  for (const { name, container, engine, stopTimeoutSeconds } of specs) {
    const found = await inspectContainer(engine, container);
    if (!found || roundOf(found.Config.Labels) === null) continue;
    progress?.(`${name}: removing container '${container}', which is made anew; its volume stays`);
    await tell(engine, (docker) => docker.getContainer(found.Id).stop({ t: stopTimeoutSeconds }), [304, 404]);
    await tell(engine, (docker) => docker.getContainer(found.Id).remove({ force: true }), [404]);
  }
  const [first] = specs;
  const found = network && first ? await inspectNetwork(first) : null;
  if (!found || !first || roundOf(found.Labels) === null || describeNetwork(found).containers > 0) return;
  await tell(first.engine, (docker) => docker.getNetwork(found.Id).remove(), [404]);
}
