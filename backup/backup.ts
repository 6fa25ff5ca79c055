import { chmod, copyFile, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { MissingBinaryError } from "../postgres/binaries";
import { type DatabaseAddress, DatabaseFault, describeAddress } from "../postgres/connection";
import type { Counts } from "../postgres/counts";
import { errorCode, errorText, redact } from "../postgres/errors";
import { schemaFingerprint } from "../postgres/schema-lines";
import type { Invariant } from "../releases/release";
import type { ExecPlace } from "../runtimes/exec";
import { packFolder } from "./archive";
import { ChildFailure } from "./child-process";
import { describeSize } from "./describe";
import { type Dump, dumpDatabase } from "./dump";
import { readTableOfContents } from "./dump-archive";
import { encryptFolder } from "./encryption";
import { BackupError } from "./errors";
import { exists, fingerprint, listFiles, sealFolder, syncToDisk } from "./files";
import {
  type BackupFile,
  clusterFile,
  composeCopy,
  configArchive,
  environmentCopy,
  formatVersion,
  type Manifest,
  manifestFile,
  objectsFile,
  schemaFile,
  volumesFolder,
} from "./manifest";
import { createPartial, ownerFile, partialSuffix, removeDeadPartials } from "./partial";
import { proveByRestore } from "./scratch";
import { type BackedUpState, settingsDigest } from "./unchanged";
import { verifyFiles } from "./verify";

export { BackupError } from "./errors";
export { listBackups, type ListedBackup } from "./list";
export type { Manifest } from "./manifest";
export { changeSince } from "./unchanged";
export { verifyBackup } from "./verify";

export interface BackupOptions {
  readonly address: DatabaseAddress;
  /** Folder of all backups; made when absent. */
  readonly folder: string;
  /** Name of the new backup below `folder`: letters, digits, `.`, `_` and `-`. */
  readonly id: string;
  /** The installation's `.env`: its path, or its content where it is no file. */
  readonly envFile: string | Uint8Array;
  /** Objects of a cluster that the installation is made of, as YAML; absent where there are none. */
  readonly objects?: string;
  /** Its compose file, where it has one. */
  readonly composeFile?: string;
  /** Its config folder; one that does not exist is left out. */
  readonly configFolder?: string;
  /** Release, revision, plan and attempt that the backup is of and for. */
  readonly release: string;
  readonly revision: string | null;
  readonly planId: string;
  readonly attempt: number;
  /** Parallel workers of pg_dump. */
  readonly jobs: number;
  /** Where PostgreSQL's tools may be looked for besides this host. */
  readonly inside: ExecPlace | null;
  /** `restore`: the dump is also loaded into a scratch database and compared. */
  readonly verify: Manifest["verified"];
  /** What holds for the release's data, for `verify: restore`. */
  readonly invariants: readonly Invariant[];
  /** age public keys; none leaves the backup unencrypted. */
  readonly recipients: readonly string[];
  /** What to type after a failure; `npx octollm up` unless given. */
  readonly again?: string;
  /** Writes further archives into a folder that is there. */
  readonly archive?: ((folder: string) => Promise<void>) | undefined;
  readonly progress: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface BackupResult {
  readonly id: string;
  readonly path: string;
  readonly bytes: number;
  readonly files: readonly BackupFile[];
  /** Exact rows per table in the dump's own snapshot. */
  readonly counts: Counts;
  readonly seconds: number;
  /** What it is of. */
  readonly state: BackedUpState;
}

/**
 * Backs up database, `.env` and config folder. The backup is there under its name only when it is complete, on disk, and
 * `pg_restore` can read it; until then, and after a failure, it is not there.
 *
 * @throws BackupError that says what failed and what to do; neither the installation nor its database is changed
 */
export async function backupInstallation(options: BackupOptions): Promise<BackupResult> {
  const path = join(options.folder, options.id);
  const partial = path + partialSuffix;
  await prepare(options, path);
  try {
    await createPartial(partial);
    const { manifest, state } = await fill(options, partial);
    await rename(partial, path);
    await syncToDisk(options.folder);
    const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
    const { id, files, counts, seconds } = manifest;
    options.progress(`backup: ${id} is complete, ${describeSize(bytes)} in ${seconds.toFixed(1)} s`);
    return { id, path, bytes, files, counts, seconds, state };
  } catch (error) {
    // Another run that backs up under this id at this moment owns the folder.
    if (errorCode(error) !== "EEXIST") await rm(partial, { recursive: true, force: true });
    throw explain(options, error);
  }
}

async function prepare({ folder, id, progress, signal }: BackupOptions, path: string): Promise<void> {
  signal.throwIfAborted();
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(id) || id.endsWith(partialSuffix))
    throw new BackupError(
      `'${id}' cannot name a backup: letters, digits, '.', '_' and '-' can, and not '${partialSuffix}' at the end.`,
    );
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const name of await removeDeadPartials(folder))
      progress(`backup: removed '${name}', left unfinished by a run that died`);
  } catch (error) {
    throw new BackupError(`The backup folder '${folder}' cannot be used: ${errorText(error)}. Nothing was changed.`, {
      cause: error,
    });
  }
  if (await exists(path))
    throw new BackupError(
      `There is a backup '${id}' in '${folder}' already; it was left as it is. Nothing was changed.`,
    );
}

/** A backup that is complete but for its name. */
interface Filled {
  readonly manifest: Manifest;
  readonly state: BackedUpState;
}

async function fill(options: BackupOptions, partial: string): Promise<Filled> {
  const created = new Date();
  const durations: Record<string, number> = {};
  const timed = async <T>(part: string, work: () => Promise<T>): Promise<T> => {
    const started = Date.now();
    const result = await work();
    durations[part] = (Date.now() - started) / 1000;
    return result;
  };
  const { recipients, progress, signal, inside } = options;
  const settings = await settingsDigest(options);
  await copySettings(options, partial);
  const environment = (await fingerprint(partial, environmentCopy, signal)).sha256.slice(0, 12);
  const dump = await timed("dump", () => dumpDatabase({ ...options, folder: partial }));
  await writePrivate(join(partial, schemaFile), `${dump.schema.join("\n")}\n`);
  await writePrivate(join(partial, clusterFile), `${JSON.stringify(dump.cluster, null, 2)}\n`);
  await readTableOfContents(dump.tools, { folder: partial, tool: dump.tool, signal });
  if (options.verify === "restore") await timed("restore", () => proveByRestore({ ...options, dump, folder: partial }));
  const { archive } = options;
  if (archive) await timed("volumes", () => inFolder(join(partial, volumesFolder), archive));
  await rm(join(partial, ownerFile));
  if (recipients.length > 0) await timed("encryption", () => encryptFolder(partial, { recipients, progress, signal }));
  const files: BackupFile[] = [];
  await timed("checksums", async () => {
    progress("backup: checksums");
    for (const { path } of await listFiles(partial)) files.push(await fingerprint(partial, path, signal));
  });
  const manifest = describeBackup(options, { created, dump, environment, files, durations });
  await writePrivate(join(partial, manifestFile), `${JSON.stringify(manifest, null, 2)}\n`);
  await sealFolder(partial);
  progress("backup: reading it back");
  await verifyFiles(partial, manifest, { signal, inside });
  const { counts, schema, cluster, mark } = dump;
  return { manifest, state: { counts, schema, cluster, mark, settings } };
}

async function inFolder(folder: string, fill: (folder: string) => Promise<void>): Promise<void> {
  await mkdir(folder, { mode: 0o700 });
  await fill(folder);
}

async function writePrivate(file: string, text: string | Uint8Array): Promise<void> {
  await writeFile(file, text, { mode: 0o600 });
}

async function copySettings(
  { envFile, objects, composeFile, configFolder, progress }: BackupOptions,
  partial: string,
): Promise<void> {
  if (typeof envFile === "string") await copyPrivate(envFile, join(partial, environmentCopy));
  else await writePrivate(join(partial, environmentCopy), envFile);
  if (objects !== undefined) await writePrivate(join(partial, objectsFile), objects);
  if (composeFile !== undefined) await copyPrivate(composeFile, join(partial, composeCopy));
  if (configFolder === undefined) return;
  if (!(await exists(configFolder))) {
    progress(`backup: there is no config folder '${configFolder}' to back up`);
    return;
  }
  await packFolder(configFolder, join(partial, configArchive), progress);
}

async function copyPrivate(file: string, copy: string): Promise<void> {
  await copyFile(file, copy);
  await chmod(copy, 0o600);
}

interface Made {
  readonly created: Date;
  readonly dump: Dump;
  readonly environment: string;
  readonly files: BackupFile[];
  readonly durations: Record<string, number>;
}

function describeBackup(options: BackupOptions, { created, dump, environment, files, durations }: Made): Manifest {
  const { id, release, revision, planId, attempt, verify, recipients } = options;
  const { installation, tool, counts, schema, tables } = dump;
  return {
    formatVersion,
    id,
    created: created.toISOString(),
    installation,
    tool,
    release,
    revision,
    planId,
    attempt,
    counts,
    tables,
    schema: schemaFingerprint(schema),
    verified: verify,
    environment,
    encryption: recipients.length > 0 ? { recipients: [...recipients] } : null,
    files,
    seconds: (Date.now() - created.getTime()) / 1000,
    durations,
  };
}

function explain({ address, folder, id, signal, again = "npx octollm up" }: BackupOptions, error: unknown): Error {
  const after = `No backup '${id}' was made, what had been written of it is removed, and neither the database nor the installation was changed.`;
  if (signal.aborted) return new BackupError(`The backup was cancelled. ${after} To go on: ${again}`, { cause: error });
  if (error instanceof BackupError || error instanceof MissingBinaryError) return error;
  const said = errorText(error);
  const full =
    errorCode(error) === "ENOSPC" || /No space left on device|File too large|Disk quota exceeded/i.test(said);
  const what = full
    ? `There is not enough room in '${folder}' for the backup. Free some, or name another folder (octollm:backup), then: ${again}`
    : error instanceof ChildFailure || error instanceof DatabaseFault
      ? `See the lines above, mend the cause, then: ${again}`
      : `Then: ${again}`;
  return new BackupError(
    redact(`The backup of ${describeAddress(address)} failed: ${said}\n${after}\n${what}`, address.password),
    { cause: error },
  );
}
