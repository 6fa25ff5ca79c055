import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import { folderDigest, unpackFolder } from "../backup/archive";
import { exists, syncToDisk } from "../backup/files";
import { composeCopy, configArchive, environmentCopy } from "../backup/manifest";
import { DotenvFile } from "../environment/dotenv-file";
import { replaceFile } from "../environment/write";
import type { Catalogue } from "../releases/release";
import type { Activity } from "./attempt";
import { describeVariables, readClusterEnvironment, writeClusterEnvironment } from "./cluster";
import { type ClusterSettings, recordFolder, type Site, sitePath } from "./site";

/**
 * Puts `.env`, the compose file and the config folder back as a backup has them, byte for byte. What they replace is kept:
 * files in the program's own folder, the config folder beside itself. What is as it should be already is not touched.
 *
 * @param source - the backup's id, and its folder, decrypted
 */
export async function restoreFiles(
  site: Site,
  source: { readonly backup: string; readonly folder: string },
  catalogue: Catalogue,
  { progress }: Pick<Activity, "progress">,
): Promise<void> {
  const files: [path: string | undefined, copy: string][] = [
    [site.kubernetes ? undefined : site.environmentFile, environmentCopy],
    [site.composeFile, composeCopy],
  ];
  if (site.kubernetes && (await restoreVariables(site.kubernetes, join(source.folder, environmentCopy), catalogue)))
    progress(`restore: ${describeVariables(site.kubernetes)} are as in the backup`);
  for (const [path, copy] of files)
    if (path !== undefined && (await restoreFile(site, source, { path, copy })))
      progress(`restore: ${path} is as in the backup`);
  if (await restoreConfig(site, source)) progress(`restore: ${site.configFolder} is as in the backup`);
}

async function restoreVariables(cluster: ClusterSettings, copy: string, catalogue: Catalogue): Promise<boolean> {
  const { file: now, sha256: expected } = await readClusterEnvironment(cluster);
  const then = DotenvFile.parse(await readFile(copy));
  if (now.toBuffer().equals(then.toBuffer())) return false;
  await writeClusterEnvironment(cluster, then, { expected, catalogue });
  return true;
}

interface Source {
  readonly backup: string;
  readonly folder: string;
}

/** @param file - the file's path, and the name of its copy in the backup, which may have none of the compose file */
async function restoreFile(
  site: Site,
  { backup, folder }: Source,
  { path, copy }: { readonly path: string; readonly copy: string },
): Promise<boolean> {
  if (copy !== environmentCopy && !(await exists(join(folder, copy)))) return false;
  const target = sitePath(site, path);
  const [now, then] = [await readFile(target).catch(() => null), await readFile(join(folder, copy))];
  if (now?.equals(then)) return false;
  if (now) {
    const kept = join(recordFolder(site), `before-${backup}`);
    await mkdir(kept, { recursive: true, mode: 0o700 });
    // The first one is what was there before; a later one may be half a restore.
    if (!(await exists(join(kept, copy)))) await replaceFile(join(kept, copy), now);
  }
  await replaceFile(target, then);
  return true;
}

async function restoreConfig(site: Site, { backup, folder }: Source): Promise<boolean> {
  const archive = join(folder, configArchive);
  if (!(await exists(archive))) return false;
  const target = sitePath(site, site.configFolder);
  const incoming = join(dirname(target), `.${basename(target)}.octollm-restore`);
  await rm(incoming, { recursive: true, force: true });
  await mkdir(incoming, { recursive: true, mode: 0o700 });
  try {
    await unpackFolder(archive, incoming);
    if ((await folderDigest(target)) === (await folderDigest(incoming))) return false;
    await moveAway(target, `${target}.before-${backup}`);
    await rename(incoming, target);
    await syncToDisk(dirname(target));
    return true;
  } finally {
    await rm(incoming, { recursive: true, force: true });
  }
}

async function moveAway(target: string, kept: string): Promise<void> {
  if (!(await exists(target))) return;
  let free = kept;
  for (let turn = 2; await exists(free); turn++) free = `${kept}-${turn}`;
  await rename(target, free);
}
