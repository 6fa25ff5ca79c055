import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";

import { errorCode } from "../postgres/errors";
import { ledgerMigrations } from "../postgres/ledger-schema";
import type { Catalogue } from "../releases/release";
import { isMarked, markerLine } from "./marker";
import { versionFile, versionFileName } from "./version-file";

/** Where the exported files find the database. */
export interface ExportSettings {
  /** The installation's `.env`. */
  readonly environmentFile: string;
  /** The variable of it with the URL. */
  readonly key: string;
  /** What takes the place of a host name that only containers know; empty and 0 for nothing. */
  readonly host: string;
  readonly port: number;
}

export interface Exported {
  readonly written: readonly string[];
  readonly unchanged: readonly string[];
  /** Files of an earlier export whose revisions the catalogue has no longer. */
  readonly removed: readonly string[];
}

const templates = join(__dirname, "files");
const versions = "versions";

/**
 * Writes an Alembic environment with every revision of a catalogue: alembic.ini, env.py, script.py.mako, ledger.sql and
 * a version file per revision. Files that are as they should be stay untouched.
 *
 * @param folder - made when it is not there
 * @returns names below `folder`
 * @throws Error that lists every file which somebody else has written; nothing was written then
 */
export async function exportAlembic(catalogue: Catalogue, folder: string, settings: ExportSettings): Promise<Exported> {
  const wanted = await render(catalogue, folder, settings);
  const present = await readPresent(folder, [...wanted.keys()]);
  const foreign = [...present].filter(([name, text]) => wanted.has(name) && !isMarked(text)).map(([name]) => name);
  if (foreign.length > 0)
    throw new Error(
      `In '${folder}' there are files that this program has not written: ${foreign.join(", ")}. Nothing was changed. ` +
        "Name another folder, or move them away.",
    );
  const written = [...wanted].filter(([name, text]) => present.get(name) !== text);
  const removed = [...present].filter(([name, text]) => !wanted.has(name) && isMarked(text)).map(([name]) => name);
  await mkdir(join(folder, versions), { recursive: true });
  for (const [name, text] of written) await writeFile(join(folder, name), text);
  for (const name of removed) await rm(join(folder, name));
  return {
    written: written.map(([name]) => name),
    unchanged: [...wanted.keys()].filter((name) => !written.some(([other]) => other === name)),
    removed,
  };
}

async function render(catalogue: Catalogue, folder: string, settings: ExportSettings): Promise<Map<string, string>> {
  const template = (name: string) => readFile(join(templates, name), "utf8");
  const ledger = [markerLine("--"), ...ledgerMigrations.map((migration) => migration.trim()), ""].join("\n");
  return new Map([
    ["alembic.ini", fill(await template("alembic.ini"), folder, settings)],
    ["env.py", await template("env.py")],
    ["script.py.mako", await template("script.py.mako")],
    ["ledger.sql", ledger],
    ...catalogue.chain.map((migration): [string, string] => [
      `${versions}/${versionFileName(migration)}`,
      versionFile(catalogue, migration),
    ]),
  ]);
}

function fill(template: string, folder: string, { environmentFile, key, host, port }: ExportSettings): string {
  const path = relative(resolve(folder), resolve(environmentFile));
  const values: Record<string, string> = {
    environment_file: `%(here)s/${path.replaceAll("%", "%%")}`,
    database_key: key,
    database_host: host.replaceAll("%", "%%"),
    database_port: port === 0 ? "" : String(port),
  };
  return template.replace(/\{\{(\w+)\}\}/g, (_, name: string) => values[name] ?? "").replace(/ +$/gm, "");
}

/** What is there of the files to be written, and all version files. */
async function readPresent(folder: string, names: readonly string[]): Promise<Map<string, string>> {
  const listed = await readdir(join(folder, versions)).catch(ifMissing<string[]>([]));
  const all = new Set([
    ...names,
    ...listed.filter((name) => name.endsWith(".py")).map((name) => `${versions}/${name}`),
  ]);
  const found = new Map<string, string>();
  for (const name of all) {
    const text = await readFile(join(folder, name), "utf8").catch(ifMissing(null));
    if (text !== null) found.set(name, text);
  }
  return found;
}

function ifMissing<T>(instead: T): (error: unknown) => T {
  return (error) => {
    if (errorCode(error) === "ENOENT") return instead;
    throw error;
  };
}
