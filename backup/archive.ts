import { createHash } from "node:crypto";
import { lstat, readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import * as tar from "tar";

import { errorCode } from "../postgres/errors";
import { BackupError } from "./errors";

/**
 * Packs a folder into a `.tar.gz` of plain files and folders. A link to a file becomes that file; what else is neither
 * file nor folder is left out and told.
 *
 * @param file - the archive to be made
 */
export async function packFolder(folder: string, file: string, progress: (line: string) => void): Promise<void> {
  const root = basename(folder);
  const paths = await packable(folder, `./${root}`, progress);
  await tar.create({ gzip: true, file, cwd: dirname(folder), mode: 0o600, follow: true, noDirRecurse: true }, paths);
}

async function packable(folder: string, name: string, progress: (line: string) => void): Promise<string[]> {
  const paths = [name];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const [path, inner] = [join(folder, entry.name), `${name}/${entry.name}`];
    if (entry.isDirectory()) paths.push(...(await packable(path, inner, progress)));
    else if (entry.isFile() || (entry.isSymbolicLink() && (await isFile(path)))) paths.push(inner);
    else progress(`backup: '${inner}' is neither file nor folder, and is left out`);
  }
  return paths;
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

/**
 * Unpacks an archive into an empty folder, without the archive's own first folder. Everything in it is looked at before
 * anything is written.
 *
 * @throws BackupError when the archive holds anything but plain files and folders, or a path that leads out of it
 */
export async function unpackFolder(file: string, target: string): Promise<void> {
  const faults: string[] = [];
  await tar.list({
    file,
    strict: true,
    onReadEntry: ({ path, type }) => {
      if (type !== "File" && type !== "Directory") faults.push(`'${path}' is a ${type}`);
      else if (path.startsWith("/") || /\\|\0|(^|\/)\.\.(\/|$)/.test(path)) faults.push(`'${path}' leads out of it`);
    },
  });
  if (faults.length > 0)
    throw new BackupError(
      `'${file}' holds what this program never puts into it, and was not unpacked:\n${faults.map((fault) => `  ${fault}`).join("\n")}`,
      { faults },
    );
  // Its names begin with './config': the first two parts go.
  await tar.extract({ file, cwd: target, strict: true, strip: 2 });
}

/** SHA-256 over the names, modes and contents of a folder; null when there is no such folder. */
export async function folderDigest(folder: string): Promise<string | null> {
  const hash = createHash("sha256");
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const paths = entries.map((entry) => join(entry.parentPath, entry.name)).sort();
    for (const path of paths) {
      const found = await lstat(path);
      hash.update(`${path.slice(folder.length)}\0${found.mode}\0`);
      if (found.isFile()) hash.update(await readFile(path));
    }
    return hash.digest("hex");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  }
}
