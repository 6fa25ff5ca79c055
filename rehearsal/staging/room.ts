import { describeSize } from "../../backup/describe";
import { freeBytes, freeForData } from "../../phases/disk";
import { type Site, sitePath } from "../../phases/site";
import type { DatabaseAddress } from "../../postgres/connection";

/** Beside the clone, the upgrade's backup and a rewritten table have to fit. */
const copies = 2.2;

/** What of the disks, as far as they can be seen from this host, is too small for a clone; a line each. */
export async function judgeRoomForClone(staging: DatabaseAddress, site: Site, bytes: number): Promise<string[]> {
  const data = await freeForData(staging);
  const folder = sitePath(site, site.backup.folder);
  const backups = await freeBytes(folder);
  return [
    ...(data === null || data.free >= bytes * copies
      ? []
      : [
          `disk: '${data.path}' has ${describeSize(data.free)} left; a clone and its upgrade need some ${describeSize(bytes * copies)}`,
        ]),
    ...(backups === null || backups >= bytes
      ? []
      : [
          `disk: '${folder}' has ${describeSize(backups)} left; the clone passes through it, with up to ${describeSize(bytes)}`,
        ]),
  ];
}
