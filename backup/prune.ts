import { rm, rmdir } from "node:fs/promises";
import { join } from "node:path";

import { errorCode } from "../postgres/errors";
import { listFiles } from "./files";
import type { ListedBackup } from "./list";
import { manifestFile } from "./manifest";

/**
 * Deletes a backup: the files that its manifest names, the manifest last, and the folder when nothing is left in it. A file
 * that this program did not write stays where it is.
 *
 * @returns the paths that stay, relative to the backup's folder
 */
export async function deleteBackup({ id, path, manifest }: ListedBackup): Promise<string[]> {
  // Only what is called as it calls itself: a copy of somebody's may be anything.
  if (manifest?.id !== id) return (await listFiles(path)).map((file) => file.path);
  for (const file of manifest.files) await rm(join(path, file.path), { force: true });
  const left = (await listFiles(path)).map((file) => file.path).filter((name) => name !== manifestFile);
  if (left.length > 0) return left;
  const folders = new Set(manifest.files.map((file) => file.path.split("/").slice(0, -1).join("/")).filter(Boolean));
  for (const folder of [...folders].sort().reverse()) await removeEmpty(join(path, folder));
  await rm(join(path, manifestFile), { force: true });
  await removeEmpty(path);
  return [];
}

async function removeEmpty(folder: string): Promise<void> {
  try {
    await rmdir(folder);
  } catch (error) {
    const code = errorCode(error);
    if (code !== "ENOENT" && code !== "ENOTEMPTY") throw error;
  }
}
