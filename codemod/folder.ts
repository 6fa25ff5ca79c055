import { lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import ignore, { type Ignore } from "ignore";

import { replaceFile, sha256 } from "../environment/write";

/** Folders that hold other people's code, or none. */
const foreignFolders = new Set([
  ...["node_modules", "site-packages", "bower_components", "__pycache__"],
  ...[".git", ".hg", ".svn", ".venv", "venv", ".tox", ".nox", ".eggs", ".mypy_cache", ".pytest_cache", ".ruff_cache"],
]);

/** Larger files are generated ones. */
const largest = 2_000_000;
const byteOrderMark = "\ufeff";

/** A file's text, and what is needed to write it back byte for byte. */
export interface TextFile {
  /** Below the folder, with `/`. */
  readonly path: string;
  /** Without byte order mark. */
  readonly text: string;
  readonly mark: "" | typeof byteOrderMark;
  readonly encoding: "utf8" | "latin1";
  readonly sha256: string;
}

export interface FolderContent {
  readonly files: readonly TextFile[];
  /** Files that would have been read, but could not be. */
  readonly unreadable: readonly { readonly path: string; readonly reason: string }[];
}

/**
 * Reads the files of a folder whose names are wanted. Not looked at: symbolic links, folders of packages and of tools,
 * virtual environments, and what the `.gitignore` files in the folder name.
 *
 * @param wanted - told the last part of a path
 * @throws when the folder cannot be read
 */
export async function readFolder(folder: string, wanted: (name: string) => boolean): Promise<FolderContent> {
  const content: { files: TextFile[]; unreadable: { path: string; reason: string }[] } = { files: [], unreadable: [] };
  const failed = (path: string, error: unknown) =>
    content.unreadable.push({ path, reason: error instanceof Error ? error.message : String(error) });
  const visit = async (path: string) => {
    if (!wanted(path.split("/").at(-1) ?? path)) return;
    try {
      const file = await readText(folder, path);
      if (file) content.files.push(file);
    } catch (error) {
      failed(path, error);
    }
  };
  await walk(folder, "", [], { visit, failed });
  return content;
}

interface Ignored {
  /** Folder of the `.gitignore`, with `/` at its end; empty for the top. */
  readonly below: string;
  readonly rules: Ignore;
}

interface Visitor {
  readonly visit: (path: string) => Promise<void>;
  /** Told of a folder that cannot be read. */
  readonly failed: (path: string, error: unknown) => void;
}

async function walk(top: string, below: string, above: readonly Ignored[], visitor: Visitor): Promise<void> {
  const entries = await readdir(join(top, below), { withFileTypes: true }).catch((error: unknown) => {
    if (below === "") throw error;
    visitor.failed(below, error);
    return [];
  });
  if (entries.some(({ name }) => name === "pyvenv.cfg")) return;
  const own = await readFile(join(top, below, ".gitignore"), "utf8").catch(() => null);
  const ignored = own === null ? above : [...above, { below, rules: ignore().add(own) }];
  for (const entry of entries.sort((left, right) => (left.name < right.name ? -1 : 1))) {
    const path = below + entry.name;
    if (entry.isDirectory()) {
      if (!foreignFolders.has(entry.name) && !isIgnored(`${path}/`, ignored))
        await walk(top, `${path}/`, ignored, visitor);
    } else if (entry.isFile() && !isIgnored(path, ignored)) await visitor.visit(path);
  }
}

/** The nearest `.gitignore` that says something of a path decides. */
function isIgnored(path: string, all: readonly Ignored[]): boolean {
  for (const { below, rules } of all.toReversed()) {
    const { ignored, unignored } = rules.test(path.slice(below.length));
    if (ignored || unignored) return ignored;
  }
  return false;
}

/** Null for a file that holds no text. */
async function readText(folder: string, path: string): Promise<TextFile | null> {
  const { size } = await lstat(join(folder, path));
  if (size > largest) throw new Error(`it is larger than ${largest / 1_000_000} MB`);
  const bytes = await readFile(join(folder, path));
  if (bytes.includes(0)) return null;
  const encoding = isUtf8(bytes) ? "utf8" : "latin1";
  const whole = bytes.toString(encoding);
  const mark = whole.startsWith(byteOrderMark) ? byteOrderMark : "";
  return { path, text: whole.slice(mark.length), mark, encoding, sha256: sha256(bytes) };
}

function isUtf8(bytes: Buffer): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** The bytes of a file with another text; what is added to it is ASCII, and so the same in every encoding. */
export function bytesOf({ mark, encoding }: TextFile, text: string): Buffer {
  return Buffer.from(mark + text, encoding);
}

/**
 * Writes changed files, each at once. A file that somebody changed since it was read is not written.
 *
 * @param changed - the new texts by path
 * @throws when one cannot be written; the text says which were
 */
export async function writeFolder(
  folder: string,
  files: readonly TextFile[],
  changed: ReadonlyMap<string, string>,
): Promise<void> {
  const written: string[] = [];
  for (const file of files) {
    const text = changed.get(file.path);
    if (text === undefined) continue;
    try {
      await replaceFile(join(folder, file.path), bytesOf(file, text), { expected: file.sha256 });
      written.push(file.path);
    } catch (error) {
      const before = written.length === 0 ? "No file was written." : `Written before it: ${written.join(", ")}.`;
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`${reason}\n${before} Run the same command again for the rest.`, { cause: error });
    }
  }
}
