import { createReadStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";

import { dumpName, type Manifest } from "./manifest";
import type { DumpTools } from "./tools";

/** The dump of a backup. */
export interface DumpSource {
  /** Folder of the backup, decrypted. */
  readonly folder: string;
  readonly tool: Pick<Manifest["tool"], "format">;
  readonly signal: AbortSignal;
}

/** A dump in the way that pg_restore can be given it. */
export interface DumpArchive {
  /** The path as pg_restore sees it; none where the dump is fed to it. */
  readonly args: readonly string[];
  /** What it is fed with, opened anew for each run. */
  readonly input: () => { readonly input?: Readable };
  /** Whether several jobs can read it at once. */
  readonly isSeekable: boolean;
}

/**
 * Hands a dump over to where the tools run. A container is fed with a dump in one file, and gets a copy of a folder.
 *
 * @param only - the one file of a folder that is needed; all of them unless given
 */
export async function withDumpArchive<T>(
  { host }: DumpTools,
  { folder, tool, signal }: DumpSource,
  use: (archive: DumpArchive) => Promise<T>,
  only?: string,
): Promise<T> {
  const path = join(folder, dumpName(tool));
  if (host.place !== null && tool.format === "custom")
    return use({ args: [], input: () => ({ input: createReadStream(path) }), isSeekable: false });
  const byPath = (seen: string) => use({ args: [seen], input: () => ({}), isSeekable: true });
  if (host.place === null) return byPath(path);
  return host.withFiles(path, only === undefined ? await readdir(path) : [only], signal, byPath);
}

/**
 * Has `pg_restore` read a dump's table of contents.
 *
 * @throws ChildFailure when it cannot
 */
export async function readTableOfContents(tools: DumpTools, dump: DumpSource): Promise<string> {
  const list = ({ args, input }: DumpArchive) =>
    tools.host.run({ program: tools.restore, args: ["--list", ...args], ...input(), signal: dump.signal });
  return withDumpArchive(tools, dump, list, "toc.dat");
}
