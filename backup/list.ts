import { readdir } from "node:fs/promises";
import { join } from "node:path";

import { errorCode, errorText } from "../postgres/errors";
import { type Manifest, readManifest } from "./manifest";
import { partialSuffix } from "./partial";

/** A backup as its manifest tells; its files are not looked at. */
export interface ListedBackup {
  readonly id: string;
  readonly path: string;
  /** Null when it cannot be read; `fault` says why. */
  readonly manifest: Manifest | null;
  readonly bytes: number;
  readonly fault: string | null;
}

/**
 * The complete backups of a folder, newest first; an absent folder holds none. The attempt's number counts before the time:
 * a clock may have been moved back.
 */
export async function listBackups(folder: string): Promise<ListedBackup[]> {
  const backups: ListedBackup[] = [];
  for (const id of await readFolders(folder)) {
    const path = join(folder, id);
    try {
      const manifest = await readManifest(path);
      const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
      backups.push({ id, path, manifest, bytes, fault: null });
    } catch (error) {
      backups.push({ id, path, manifest: null, bytes: 0, fault: errorText(error) });
    }
  }
  const attempt = ({ manifest }: ListedBackup) => manifest?.attempt ?? -1;
  const created = ({ manifest }: ListedBackup) => manifest?.created ?? "";
  return backups.sort(
    (a, b) => attempt(b) - attempt(a) || created(b).localeCompare(created(a)) || b.id.localeCompare(a.id),
  );
}

async function readFolders(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() && !entry.name.endsWith(partialSuffix))
      .map((entry) => entry.name);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}
