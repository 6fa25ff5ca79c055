import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { z } from "zod";

import { expandedValues } from "../environment/dotenv-file";
import { errorText } from "../postgres/errors";
import type { MadeNetwork, StoreLook, StoreSpec } from "../runtimes/docker/stores";
import { linesOf } from "../runtimes/docker/variables";
import { containers } from "../runtimes/driver";
import type { Activity } from "./attempt";
import { readEnvironment, recordFolder, type Site, type StoreSettings } from "./site";

/** What the stores of a fresh installation are made of. */
export interface StoreSite extends Pick<Site, "installation" | "environmentFile"> {
  readonly host: string;
  readonly network: string;
  readonly stores: readonly StoreSettings[];
}

/** Each store as it is, or is going to be, made. */
export interface MadeStores {
  /** How often the network has been made. */
  readonly network: number;
  readonly stores: Readonly<Record<string, { readonly round: number; readonly imageId: string }>>;
}

/** Secret: `NAME=value`, by store. */
export type StoreEnvironments = Readonly<Record<string, readonly string[]>>;

/** One look at the stores. */
export interface StoresLook {
  readonly network: MadeNetwork | null;
  readonly stores: readonly StoreLook[];
  /** Names of those that are not there, or that no run has seen well since it made them. */
  readonly unmade: readonly string[];
  readonly networkUnmade: boolean;
}

const recordSchema = z.object({ network: z.int(), stores: z.record(z.string(), z.int()) });
type StoresRecord = z.infer<typeof recordSchema>;

/** The stores of a site; null where the stack makes none. */
export function storeSite({ installation, environmentFile, docker }: Site): StoreSite | null {
  if (!docker || docker.stores.length === 0) return null;
  const { host, network, stores } = docker;
  return { installation, environmentFile, host, network, stores };
}

/** A store as its driver wants it. */
export function storeSpec({ host, network }: StoreSite, store: StoreSettings): StoreSpec {
  const { name, container, image, volume, startTimeout, stopTimeout } = store;
  const times = { startTimeoutSeconds: startTimeout, stopTimeoutSeconds: stopTimeout };
  return { name, container, image, volume, network, engine: host, ...times };
}

/** Looks at the stores, and touches nothing. @throws EngineError */
export async function lookAtStores(site: StoreSite): Promise<StoresLook> {
  const found = await containers().lookAtStores(site.stores.map((store) => storeSpec(site, store)));
  const record = readRecord(site);
  const isMade = ({ name, container }: StoreLook) =>
    container !== null && container.round !== null && record.stores[name] === container.round;
  return {
    ...found,
    unmade: found.stores.filter((store) => !isMade(store)).map(({ name }) => name),
    networkUnmade: found.network?.round == null || record.network !== found.network.round,
  };
}

/**
 * What the stores are made of: those that are there stay as they were made, whatever `.env` and tags say by now; the others
 * are made anew.
 *
 * @param before - as the state has them; null when they have never been made
 */
export async function planStores(
  site: StoreSite,
  look: StoresLook,
  before: { readonly made: MadeStores; readonly environments: StoreEnvironments } | null,
): Promise<{ readonly made: MadeStores; readonly environments: StoreEnvironments }> {
  const { file } = await readEnvironment(site);
  const values = expandedValues(file);
  const stores: Record<string, MadeStores["stores"][string]> = {};
  const environments: Record<string, readonly string[]> = {};
  for (const { name, environment } of site.stores) {
    const known = before?.made.stores[name];
    const found = look.stores.find((store) => store.name === name);
    const stays = known !== undefined && !look.unmade.includes(name);
    const round = Math.max(known?.round ?? 0, found?.container?.round ?? 0) + 1;
    stores[name] = stays ? known : { round, imageId: found?.imageId ?? "" };
    environments[name] = stays
      ? (before?.environments[name] ?? [])
      : linesOf(Object.fromEntries(environment.map((key) => [key, values[key] ?? ""])));
  }
  const network = before?.made.network ?? 0;
  // Containers of others may be in it: then it stays.
  const isFree = look.networkUnmade && remaining(look) === 0;
  return {
    made: { network: isFree ? Math.max(network, look.network?.round ?? 0) + 1 : network, stores },
    environments,
  };
}

/** Containers that stay in the network. */
function remaining({ network, stores, unmade }: StoresLook): number {
  const going = stores.filter(({ name, container }) => unmade.includes(name) && container?.running === true).length;
  return Math.max(0, (network?.containers ?? 0) - going);
}

/** Makes way for the stores that are made anew; their volumes stay. @throws EngineError */
export async function makeWayForStores(site: StoreSite, look: StoresLook, { progress }: Pick<Activity, "progress">) {
  const specs = site.stores.filter(({ name }) => look.unmade.includes(name)).map((store) => storeSpec(site, store));
  await containers().clearStores(specs, { network: look.networkUnmade, progress });
}

/**
 * Waits until a store is well, and notes that it has been made: from then on no run makes it anew.
 *
 * @param made - how often it and the network had been made
 * @throws ServiceError, EngineError
 */
export async function awaitStore(
  site: StoreSite,
  name: string,
  made: { readonly round: number; readonly network: number },
  activity: Activity,
): Promise<void> {
  const store = site.stores.find((one) => one.name === name);
  if (!store) throw new Error(`the settings have no store '${name}'`);
  await containers().awaitStore(storeSpec(site, store), activity);
  const record = readRecord(site);
  writeRecord(site, { network: made.network, stores: { ...record.stores, [name]: made.round } });
}

/** Whether the database's own store is still to be made, so that nothing can be looked at yet. @throws EngineError */
export async function isDatabaseUnmade(site: Site): Promise<boolean> {
  const found = await lookAtDatabaseStore(site);
  return found !== null && found.look.unmade.includes(found.store.name);
}

/**
 * A database that does not answer, in a store that this stack has made.
 *
 * @param error - by which it does not answer
 * @throws that error, with what there is to be done about the store
 */
export async function refuseStore(site: Site, error: unknown): Promise<never> {
  const found = await lookAtDatabaseStore(site).catch(() => null);
  if (!found) throw error;
  const { name, container, volume } = found.store;
  const there = found.look.stores.find((store) => store.name === name)?.container;
  if (!there) {
    const kept = volume === "" ? "" : ` on volume '${volume}'`;
    throw new Error(
      `${errorText(error)}
Its container '${container}' has gone; 'octollm up --skip-preview' makes it anew${kept}.`,
      { cause: error },
    );
  }
  if (there.running) throw error;
  throw new Error(`${errorText(error)}\nIts container '${container}' does not run: docker start ${container}`, {
    cause: error,
  });
}

async function lookAtDatabaseStore(site: Site): Promise<{ store: StoreSettings; look: StoresLook } | null> {
  const stores = storeSite(site);
  const store = stores?.stores.find(({ container }) => container === site.database.container);
  return stores && store ? { store, look: await lookAtStores(stores) } : null;
}

function fileOf({ installation }: Pick<Site, "installation">): string {
  return join(recordFolder({ installation }), "stores.json");
}

function readRecord(site: StoreSite): StoresRecord {
  try {
    return recordSchema.parse(JSON.parse(readFileSync(fileOf(site), "utf8")));
  } catch {
    return { network: 0, stores: {} };
  }
}

/** Whole or not at all. */
function writeRecord(site: StoreSite, record: StoresRecord): void {
  mkdirSync(recordFolder(site), { recursive: true, mode: 0o700 });
  const temporary = `${fileOf(site)}.new`;
  writeFileSync(temporary, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
  renameSync(temporary, fileOf(site));
}
