import { createHash } from "node:crypto";
import { constants, type Stats } from "node:fs";
import { type FileHandle, open, readFile, readlink, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";

import { DotenvFile } from "./dotenv-file";

/** A file was not replaced; the text says why, and that the old one is as it was. */
export class ReplaceFileError extends Error {
  constructor(path: string, reason: string, next: string) {
    super(`'${path}' was not written, it is as it was: ${reason} ${next}`);
    this.name = "ReplaceFileError";
  }
}

/** SHA-256 of a file's bytes, in hex. */
export function sha256(content: Uint8Array | string): string {
  return createHash("sha256").update(content).digest("hex");
}

/**
 * Reads an `.env` file with the digest that `replaceFile` takes as `expected`.
 *
 * @throws when there is no such file; the text names the path
 */
export async function readDotenv(path: string): Promise<{ file: DotenvFile; sha256: string }> {
  const content = await readFile(path).catch((fault: NodeJS.ErrnoException) => {
    const reason = fault.code === "ENOENT" ? "does not exist" : `cannot be read (${fault.code ?? fault.message})`;
    throw new Error(`The settings file '${path}' ${reason}. Nothing was touched. Name the installation's .env file.`);
  });
  return { file: DotenvFile.parse(content), sha256: sha256(content) };
}

/** Follows symbolic links by hand: the last one may point to a file that does not exist yet. */
async function targetOf(path: string): Promise<string> {
  let target = resolve(path);
  for (let hops = 0; hops < 40; hops++) {
    const next = await readlink(target).catch(() => null);
    if (next === null) return target;
    target = resolve(dirname(target), next);
  }
  throw new ReplaceFileError(path, "its symbolic links run in a circle.", "Correct the links, then run it again.");
}

async function contentOf(target: string): Promise<Buffer | null> {
  return readFile(target).catch((fault: NodeJS.ErrnoException) => {
    if (fault.code === "ENOENT") return null;
    throw fault;
  });
}

async function refuseIfChanged(path: string, target: string, expected: string | undefined): Promise<void> {
  if (expected === undefined) return;
  const content = await contentOf(target);
  if (content && sha256(content) === expected) return;
  const what = content ? "somebody changed it since it was read." : "somebody removed it since it was read.";
  throw new ReplaceFileError(path, what, "Look at the change, then run the preview again.");
}

async function keepOwner(handle: FileHandle, old: Stats | null, path: string): Promise<void> {
  const mine = await handle.stat();
  if (!old || (old.uid === mine.uid && old.gid === mine.gid)) return;
  await handle.chown(old.uid, old.gid).catch(() => {
    const owner = `it belongs to user ${old.uid}, group ${old.gid}, which this user cannot give away.`;
    throw new ReplaceFileError(path, owner, "Run the command as the file's owner or as root.");
  });
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Replaces a file at once and durably: whoever reads it, even after a crash, finds the old or the new content whole.
 * Mode and owner stay; a symbolic link stays, and its target is replaced. A new file gets mode 0600.
 *
 * @param options.expected - SHA-256 that the file must still have
 * @throws ReplaceFileError when the file changed meanwhile, or its owner cannot be kept
 */
export async function replaceFile(
  path: string,
  content: Uint8Array | string,
  options: { readonly expected?: string } = {},
): Promise<void> {
  const target = await targetOf(path);
  await refuseIfChanged(path, target, options.expected);
  const old = await stat(target).catch(() => null);
  const temporary = join(dirname(target), `.${basename(target)}.octollm-new`);
  try {
    // Always the same name: what a killed run left, secrets and all, does not stay beside the file.
    await rm(temporary, { force: true });
    // Narrow until owner and mode are right: the content may be secret.
    const handle = await open(temporary, "wx", 0o600);
    try {
      await handle.writeFile(content);
      await keepOwner(handle, old, path);
      await handle.chmod(old ? old.mode & 0o7777 : 0o600);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await refuseIfChanged(path, target, options.expected);
    await rename(temporary, target);
  } catch (fault) {
    await rm(temporary, { force: true });
    throw fault;
  }
  await syncFolder(dirname(target));
}
