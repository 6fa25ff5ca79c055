import { errorText } from "../postgres/errors";
import type { ExecPlace } from "../runtimes/exec";
import { readTableOfContents } from "./dump-archive";
import { BackupError } from "./errors";
import { fingerprint, listFiles } from "./files";
import { dumpName, type Manifest, manifestFile, readManifest } from "./manifest";
import { chooseDumpTools } from "./tools";

export interface VerifyOptions {
  readonly signal: AbortSignal;
  readonly progress?: ((line: string) => void) | undefined;
  /** Where tools may be looked for besides this host. */
  readonly inside: ExecPlace | null;
}

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
  { signal = new AbortController().signal, progress, inside = null }: Partial<VerifyOptions> = {},
): Promise<Manifest> {
  const manifest = await readManifest(path);
  await verifyFiles(path, manifest, { signal, progress, inside });
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
  { signal, progress, inside }: VerifyOptions,
): Promise<void> {
  const faults = await compareFiles({ path, manifest, signal, progress });
  // pg_restore would only complain about what is named already; an encrypted dump it cannot read.
  if (faults.length === 0 && manifest.encryption === null)
    faults.push(...(await checkDump(path, manifest, { signal, inside })));
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

async function checkDump(
  folder: string,
  { tool }: Manifest,
  { signal, inside }: Pick<VerifyOptions, "signal" | "inside">,
): Promise<string[]> {
  const tools = await chooseDumpTools({ serverMajor: Number.parseInt(tool.version, 10), inside, signal });
  try {
    await readTableOfContents(tools, { folder, tool, signal });
    return [];
  } catch (error) {
    signal.throwIfAborted();
    return [`${dumpName(tool)}: pg_restore cannot read it: ${errorText(error)}`];
  }
}
