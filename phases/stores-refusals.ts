import { isDeepStrictEqual } from "node:util";

import { expandedValues } from "../environment/dotenv-file";
import type { Refusal } from "../planner/refusals";
import type { StoreLook } from "../runtimes/docker/stores";
import { readEnvironment, type Site, type StoreSettings } from "./site";
import { type StoreSite, storeSite, type StoresLook } from "./stores";

/**
 * Every reason why the stores cannot be made, or must not be changed, found at once.
 *
 * @param before - what they were made of; null when this stack has never made them
 */
export async function judgeStores(site: StoreSite, look: StoresLook, before: StoreSite | null): Promise<Refusal[]> {
  const { file } = await readEnvironment(site);
  const values = expandedValues(file);
  const of = (store: StoreSettings) => look.stores.find(({ name }) => name === store.name);
  return [
    ...judgeNetwork(site, look, before),
    ...site.stores.flatMap((store) => {
      const found = of(store);
      const own = before?.stores.find(({ name }) => name === store.name);
      const reasons = !found ? [] : own ? judgeKnown(store, found, own, look) : judgeNew(store, found);
      const missing = look.unmade.includes(store.name) ? judgeEnvironment(store, values, site.environmentFile) : [];
      return [...reasons, ...missing];
    }),
    ...judgeMissing(site, before),
  ];
}

function judgeNetwork({ network }: StoreSite, look: StoresLook, before: StoreSite | null): Refusal[] {
  const path = "octollm:docker.network";
  if (before && before.network !== network)
    return [{ path, text: `the stores were made in network '${before.network}', and they stay in it. Set it back` }];
  if (!look.network || (before && look.network.round !== null)) return [];
  return [
    {
      path,
      text:
        `there is a network '${network}' already, which this stack has not made. Name another one, or, if nothing uses it: ` +
        `docker network rm ${network}`,
    },
  ];
}

function placeOf({ name }: StoreSettings): string {
  return `octollm:docker.stores.${name}`;
}

function judgeNew(store: StoreSettings, { hasVolume, imageId, container: found }: StoreLook): Refusal[] {
  const path = placeOf(store);
  const { container, volume } = store;
  const reasons = judgeImage(store, imageId);
  if (found)
    reasons.push({
      path,
      text:
        `there is a container '${container}' already, which this stack has not made. To go on with what is there: octollm adopt. ` +
        `If nobody needs it: docker rm --force ${container}`,
    });
  if (hasVolume)
    reasons.push({
      path,
      text:
        `there is a volume '${volume}' already, and it may hold somebody's data. To go on with them: octollm adopt. Or name ` +
        "another volume",
    });
  return reasons;
}

function judgeKnown(store: StoreSettings, found: StoreLook, before: StoreSettings, { unmade }: StoresLook): Refusal[] {
  const path = placeOf(store);
  const { name, container, volume } = store;
  if (!unmade.includes(name)) {
    if (isDeepStrictEqual(store, before)) return [];
    const kept = before.volume === "" ? "" : ` Volume '${before.volume}' stays.`;
    return [
      {
        path,
        text:
          `it was made by other settings, and 'up' changes nothing about a store that is there. Set them back; or, to have its ` +
          `container made anew from these: docker rm --force ${before.container} && octollm up --skip-preview.${kept}`,
      },
    ];
  }
  if (volume !== before.volume)
    return [
      { path, text: `its data are in volume '${before.volume}', and '${volume}' would be an empty one. Set it back` },
    ];
  if (found.container && found.container.round === null)
    return [
      {
        path,
        text:
          `container '${container}' is not the one that this stack has made: somebody has made another one of that name. ` +
          `If it may go: docker rm --force ${container}`,
      },
    ];
  return judgeImage(store, found.imageId);
}

function judgeImage(store: StoreSettings, imageId: string | null): Refusal[] {
  if (imageId !== null) return [];
  const { image } = store;
  const text = `the Docker engine has no image '${image}'. Bring it there first: docker pull ${image}`;
  return [{ path: placeOf(store), text }];
}

function judgeEnvironment(
  { name, environment }: StoreSettings,
  values: Readonly<Record<string, string>>,
  path: string,
): Refusal[] {
  return environment
    .filter((key) => !values[key])
    .map((key) => ({
      path: `${path}: ${key}`,
      text: `store '${name}' needs a value for it. Add the line '${key}=...'`,
    }));
}

/** Stores of an installation that had its own when the stack took it over. */
export function judgeLateStores(before: Site | null, now: Site): Refusal[] {
  if (before === null || storeSite(before) !== null || storeSite(now) === null) return [];
  return [
    {
      path: "octollm:docker.stores",
      text:
        "this stack has an OctoLLM already, whose stores somebody else has made. The stack makes stores for a fresh " +
        "installation only: remove the setting",
    },
  ];
}

/** A store that has gone from the settings is still there. */
function judgeMissing(site: StoreSite, before: StoreSite | null): Refusal[] {
  const gone = (before?.stores ?? []).filter(({ name }) => !site.stores.some((store) => store.name === name));
  return gone.map(({ name, container }) => ({
    path: "octollm:docker.stores",
    text: `'${name}' (container '${container}') was made by this stack and has gone from the settings. Set it back: no store is removed`,
  }));
}
