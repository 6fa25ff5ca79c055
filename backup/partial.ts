import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";

import { z } from "zod";

import { isAlive } from "../runtimes/local/alive";

/** A backup under way has this ending; only a complete one has not. */
export const partialSuffix = ".partial";

/** Tells whose a partial backup is; removed before the backup gets its name. */
export const ownerFile = "octollm-upgrade.owner.json";

const ownerSchema = z.object({ program: z.literal("octollm-upgrade"), host: z.string(), pid: z.number().int() });

/** Makes the folder in which a backup grows. */
export async function createPartial(path: string): Promise<void> {
  await mkdir(path, { mode: 0o700 });
  const owner = { program: "octollm-upgrade", host: hostname(), pid: process.pid };
  await writeFile(join(path, ownerFile), JSON.stringify(owner), { mode: 0o600 });
}

/**
 * Removes what dead runs of this program on this host left unfinished. A folder of somebody else, of another host or of a
 * run that lives is not touched.
 *
 * @returns the names that were removed
 */
export async function removeDeadPartials(folder: string): Promise<string[]> {
  const removed: string[] = [];
  for (const name of await readdir(folder)) {
    if (!name.endsWith(partialSuffix) || !(await isDeadAndOurs(join(folder, name)))) continue;
    await rm(join(folder, name), { recursive: true, force: true });
    removed.push(name);
  }
  return removed;
}

async function isDeadAndOurs(path: string): Promise<boolean> {
  try {
    const owner = ownerSchema.parse(JSON.parse(await readFile(join(path, ownerFile), "utf8")));
    return owner.host === hostname() && owner.pid !== process.pid && !isAlive(owner.pid);
  } catch {
    return false;
  }
}
