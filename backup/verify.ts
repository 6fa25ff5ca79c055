import { join } from "node:path";

import { errorText } from "../postgres/errors";
import { runChild } from "./child-process";
import { BackupError } from "./errors";
import { fingerprint, listFiles } from "./files";
import { databaseFolder, type Manifest, manifestFile, readManifest } from "./manifest";
import { chooseDumpTools } from "./tools";

/**
 * Verifies a backup: its manifest, size and SHA-256 of every file, nothing missing and nothing added, and that
 * `pg_restore` can read the dump's table of contents, unless it is encrypted.
 *
 * @param path - the backup's folder
 * @returns the manifest
 * @throws BackupError whose `faults` name each file and what is wrong with it
 */
export async function verifyBackup(
  path: string,
  { signal = new AbortController().signal, progress }: { signal?: AbortSignal; progress?: (line: string) => void } = {},
): Promise<Manifest> {
  const manifest = await readManifest(path);
  await verifyFiles(path, manifest, { signal, progress });
  return manifest;
}

/**
 * The same for a backup whose manifest has been read.
 *
 * @throws BackupError as `verifyBackup` does
 */
export async function verifyFiles(
  path: string,
  manifest: Manifest,
  { signal, progress }: { signal: AbortSignal; progress?: (line: string) => void },
): Promise<void> {
  const faults = await compareFiles({ path, manifest, signal, progress });
  // pg_restore would only complain about what is named already; an encrypted dump it cannot read.
  if (faults.length === 0 && manifest.encryption === null) faults.push(...(await checkDump(path, manifest, signal)));
  if (faults.length === 0) return;
  const lines = faults.map((fault) => `  ${fault}`).join("\n");
  throw new BackupError(
    `Backup '${path}' is not what was written; do not rely on it:\n${lines}\nNothing was changed. Make a new one: npx octollm up does so before it changes anything.`,
    { faults },
  );
}

interface Comparison {
  readonly path: string;
  readonly manifest: Manifest;
  readonly signal: AbortSignal;
  readonly progress: ((line: string) => void) | undefined;
}

async function compareFiles({ path, manifest, signal, progress }: Comparison): Promise<string[]> {
  const found = new Map((await listFiles(path)).map((file) => [file.path, file]));
  found.delete(manifestFile);
  const faults: string[] = [];
  for (const file of manifest.files) {
    const there = found.get(file.path);
    found.delete(file.path);
    if (!there) faults.push(`${file.path}: is missing`);
    else if (!there.isPlain) faults.push(`${file.path}: is not a plain file`);
    else if (there.bytes !== file.bytes) faults.push(`${file.path}: has ${there.bytes} bytes instead of ${file.bytes}`);
    else if ((await fingerprint(path, file.path, signal)).sha256 !== file.sha256)
      faults.push(`${file.path}: its content has changed (SHA-256)`);
    progress?.(`verify: ${file.path}`);
  }
  for (const extra of found.keys()) faults.push(`${extra}: is not part of the backup`);
  return faults;
}

async function checkDump(path: string, manifest: Manifest, signal: AbortSignal): Promise<string[]> {
  const serverMajor = Number.parseInt(manifest.tool.version, 10);
  const { restore } = await chooseDumpTools({ serverMajor, signal });
  try {
    await readTableOfContents({ restore, dump: join(path, databaseFolder), signal });
    return [];
  } catch (error) {
    signal.throwIfAborted();
    return [`${databaseFolder}: pg_restore cannot read it: ${errorText(error)}`];
  }
}

/**
 * Has `pg_restore` read a dump's table of contents.
 *
 * @throws ChildFailure when it cannot
 */
export async function readTableOfContents(options: {
  restore: string;
  dump: string;
  signal: AbortSignal;
}): Promise<string> {
  const env = { PATH: process.env.PATH, LC_ALL: "C" };
  return runChild({ program: options.restore, args: ["--list", options.dump], env, signal: options.signal });
}
