import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { z } from "zod";

import type { VolumeWorld } from "../planner/world";
import { containers } from "../runtimes/driver";
import type { Activity } from "./attempt";
import { recordFolder, type Site } from "./site";

const schema = z.array(z.string());

/** Looks at the volumes that backups are to hold; touches nothing. @throws EngineError */
export async function observeVolumes(site: Site): Promise<VolumeWorld[]> {
  return Promise.all(
    volumesOf(site).map(async (name) => {
      const { users } = await containers().volumeFacts(engineOf(site), name);
      const names = users?.map(({ container }) => container) ?? null;
      const { container: own, port } = site.database;
      const isDatabase = (users ?? []).some(
        ({ container, published }) => container === own || (port !== 0 && published.includes(port)),
      );
      return { name, containers: names, isDatabase };
    }),
  );
}

/**
 * Archives each volume while nobody writes to it: the containers that have it are stopped, and those that ran are started
 * again, whatever happens. What a kill leaves stopped, `startStores` starts.
 *
 * @param folder - is there; gets a file a volume, `octollm_redis_data.tar.gz`
 */
export async function archiveVolumes(
  site: Site,
  folder: string,
  activity: Pick<Activity, "signal" | "progress">,
): Promise<void> {
  const engine = engineOf(site);
  const { volumeFacts, archiveVolume, stopStore } = containers();
  for (const volume of volumesOf(site)) {
    const { users } = await volumeFacts(engine, volume);
    const [first] = users ?? [];
    if (!first) throw new Error(`No container has volume '${volume}' any more, and so it cannot be archived.`);
    const running = (users ?? []).filter((user) => user.running).map(({ container }) => container);
    remember(site, running);
    try {
      for (const container of running) await stopStore(engine, container, activity);
      activity.progress(`backup: archiving volume ${volume}`);
      await archiveVolume(engine, first, join(folder, `${volume}.tar.gz`), activity.signal);
    } finally {
      await startStores(site, activity);
    }
  }
}

/** Starts the stores again that were stopped for their archives; where there are none, nothing happens. */
export async function startStores(site: Site, activity: Pick<Activity, "progress">): Promise<void> {
  if (!site.docker) return;
  for (const container of readStopped(site)) await containers().startStore(site.docker.host, container, activity);
  rmSync(fileOf(site), { force: true });
}

function volumesOf({ docker }: Pick<Site, "docker">): readonly string[] {
  return docker?.archiveVolumes ?? [];
}

function engineOf({ docker }: Pick<Site, "docker">): string {
  return docker?.host ?? "";
}

function fileOf(site: Site): string {
  return join(recordFolder(site), "stopped-stores.json");
}

/** What an earlier run has stopped stays remembered. */
function remember(site: Site, running: readonly string[]): void {
  mkdirSync(recordFolder(site), { recursive: true, mode: 0o700 });
  const temporary = `${fileOf(site)}.new`;
  const all = [...new Set([...readStopped(site), ...running])];
  writeFileSync(temporary, `${JSON.stringify(all)}\n`, { mode: 0o600 });
  renameSync(temporary, fileOf(site));
}

function readStopped(site: Site): string[] {
  try {
    return schema.parse(JSON.parse(readFileSync(fileOf(site), "utf8")));
  } catch {
    return [];
  }
}
