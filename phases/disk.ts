import { statfs } from "node:fs/promises";
import { dirname } from "node:path";

import type { DiskFacts } from "../planner/world";
import type { DatabaseAddress } from "../postgres/connection";
import type { DatabaseFacts } from "../postgres/facts";
import { withMaintenance } from "../postgres/maintenance";
import type { BackupFolder } from "./backup-folder";

/** The free space that an upgrade is going to need, as far as it can be seen from this host; touches nothing. */
export async function readDisk(
  { path, backups, fault }: BackupFolder,
  address: DatabaseAddress,
  database: DatabaseFacts,
): Promise<DiskFacts> {
  const data = await dataRoom(address, database);
  if (fault !== null) return { backupsFault: fault, backups: null, data };
  const free = await freeBytes(path);
  const ours = backups.find(({ manifest }) => manifest?.installation.database === database.database);
  const room = free === null ? null : { path, free, lastBackup: ours?.bytes ?? null };
  return { backupsFault: null, backups: room, data };
}

/** A server in a container tells a path that this host does not have, or that nobody may look at: then nothing is known. */
async function dataRoom(
  { host }: DatabaseAddress,
  { dataDirectory }: Pick<DatabaseFacts, "dataDirectory">,
): Promise<DiskFacts["data"]> {
  const isHere = host.startsWith("/") || host === "localhost" || host === "::1" || host.startsWith("127.");
  if (!isHere || dataDirectory === null) return null;
  const found = await statfs(dataDirectory).catch(() => null);
  return found && { path: dataDirectory, free: found.bavail * found.bsize };
}

/** The same for a server of which nothing is known yet. */
export async function freeForData(address: DatabaseAddress): Promise<DiskFacts["data"]> {
  return withMaintenance(address, { name: "disk", readOnly: true }, async (client) => {
    const { rows } = await client.query<{ setting: string }>(
      "SELECT setting FROM pg_catalog.pg_settings WHERE name = 'data_directory'",
    );
    return dataRoom(address, { dataDirectory: rows[0]?.setting ?? null });
  });
}

/** Free bytes of the file system on which a path is, or will be once it is made. */
export async function freeBytes(path: string): Promise<number | null> {
  for (let place = path; ; place = dirname(place)) {
    const found = await statfs(place).catch(() => null);
    if (found) return found.bavail * found.bsize;
    if (place === dirname(place)) return null;
  }
}
