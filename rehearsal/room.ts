import { describeSize } from "../backup/describe";
import type { Manifest } from "../backup/manifest";
import { freeForData } from "../phases/disk";
import type { DatabaseAddress } from "../postgres/connection";
import { ScratchError } from "./scratch";

/** A rewritten table is there twice until its revision is done; the rest is for WAL. */
const copies = 2.2;

/** Refuses where the scratch database would fill the disk of its server, as far as that can be seen from this host. */
export async function judgeRoom(scratch: DatabaseAddress, { installation }: Manifest): Promise<void> {
  const room = await freeForData(scratch);
  const needed = installation.bytes * copies;
  if (room === null || room.free >= needed) return;
  throw new ScratchError(
    `The data directory '${room.path}' has ${describeSize(room.free)} left, and a rehearsal of ${describeSize(installation.bytes)} needs ` +
      `some ${describeSize(needed)}: it could fill the disk of the installation. Make room, or name a database of another server ` +
      "(--scratch postgresql://user@host:5432/name).",
  );
}
