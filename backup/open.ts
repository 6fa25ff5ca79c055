import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";

import { decryptFolder } from "./encryption";
import { type Manifest, readManifest } from "./manifest";
import { createPartial, partialSuffix } from "./partial";

/**
 * Hands over a backup's folder with plain files: itself, or a decrypted copy beside it that is removed afterwards.
 *
 * @param path - the backup's folder
 * @param options - `identityFile`: file of age identities, empty for none
 * @returns what `use` returns
 * @throws BackupError when it is encrypted and cannot be decrypted
 */
export async function withOpenBackup<T>(
  path: string,
  options: { identityFile: string; signal: AbortSignal; progress: (line: string) => void },
  use: (folder: string, manifest: Manifest) => Promise<T>,
): Promise<T> {
  const manifest = await readManifest(path);
  if (manifest.encryption === null) return use(path, manifest);
  // Named as what a killed run leaves, so that the next one removes it.
  const copy = join(dirname(path), `${manifest.id}.open-${process.pid}${partialSuffix}`);
  await rm(copy, { recursive: true, force: true });
  try {
    await createPartial(copy);
    options.progress(`decrypting ${manifest.id}`);
    await decryptFolder(path, copy, { ...options, manifest });
    return await use(copy, manifest);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}
