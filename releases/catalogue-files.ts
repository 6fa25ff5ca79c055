import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { CatalogueError } from "./errors";

/** The files of a catalogue: path below its folder, such as `1.0.0/release.yaml`, to text. */
export type CatalogueFiles = ReadonlyMap<string, string>;

const version = /^\d/;

/**
 * Reads the files of all releases of a folder; what else lies there is left alone.
 *
 * @throws CatalogueError when there is no such folder
 */
export function readCatalogueFiles(folder: string): CatalogueFiles {
  if (!existsSync(folder)) throw new CatalogueError([{ file: folder, reason: "there is no such folder" }]);
  const files = new Map<string, string>();
  const read = (path: string) => files.set(path, readFileSync(join(folder, path), "utf8"));
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (!entry.isDirectory() || !version.test(entry.name)) continue;
    // A folder without release.yaml is a release with a fault, not none.
    if (existsSync(join(folder, entry.name, "release.yaml"))) read(`${entry.name}/release.yaml`);
    else files.set(`${entry.name}/`, "");
    const migrations = join(folder, entry.name, "migrations");
    const names = existsSync(migrations) ? readdirSync(migrations).sort() : [];
    for (const name of names) if (name.endsWith(".sql")) read(`${entry.name}/migrations/${name}`);
  }
  return files;
}

/** Versions of the releases that files belong to, in no order. */
export function versionsOf(files: CatalogueFiles): string[] {
  return [...new Set([...files.keys()].map((path) => path.split("/")[0] ?? ""))];
}
