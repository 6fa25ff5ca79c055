import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, lstat, open, readdir, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

import { errorCode } from "../postgres/errors";
import type { BackupFile } from "./manifest";

/** A file of a backup's folder; everything but plain files is a fault there. */
export interface FoundFile {
  readonly path: string;
  readonly bytes: number;
  readonly isPlain: boolean;
}

/** Everything below a folder except the folders themselves, by relative path; links are not followed. */
export async function listFiles(folder: string): Promise<FoundFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => !entry.isDirectory());
  const found = files.map(async (entry) => {
    const absolute = join(entry.parentPath, entry.name);
    const path = relative(folder, absolute).split(sep).join("/");
    return { path, bytes: (await lstat(absolute)).size, isPlain: entry.isFile() };
  });
  return (await Promise.all(found)).sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Size and SHA-256 of a file, read once in small pieces. */
export async function fingerprint(folder: string, path: string, signal: AbortSignal): Promise<BackupFile> {
  return {
    path,
    ...(await streamFingerprint(createReadStream(join(folder, path), { highWaterMark: 1 << 20 }), signal)),
  };
}

/** Size and SHA-256 of what a stream gives. */
export async function streamFingerprint(stream: Readable, signal: AbortSignal): Promise<Omit<BackupFile, "path">> {
  const hash = createHash("sha256");
  let bytes = 0;
  await pipeline(
    stream,
    async function (source: AsyncIterable<Buffer>) {
      for await (const chunk of source) {
        bytes += chunk.length;
        hash.update(chunk);
      }
    },
    { signal },
  );
  return { bytes, sha256: hash.digest("hex") };
}

/** Makes a folder's content private and durable: files 0600, folders 0700, all of it on disk. */
export async function sealFolder(folder: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.map((entry) => ({ path: join(entry.parentPath, entry.name), isFolder: entry.isDirectory() }));
  for (const { path, isFolder } of [...paths, { path: folder, isFolder: true }]) {
    await chmod(path, isFolder ? 0o700 : 0o600);
    await syncToDisk(path);
  }
}

/** fsync of a file or a folder. */
export async function syncToDisk(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Whether something has this path; an error other than its absence is thrown. */
export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw error;
  }
}
