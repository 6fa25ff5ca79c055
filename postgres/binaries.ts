import { accessSync, constants, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Folders in which distributions keep PostgreSQL's binaries when they are not on PATH; `*` stands for one version. */
const usualPlaces = [
  "/usr/lib/postgresql/*/bin",
  "/usr/pgsql-*/bin",
  "/opt/homebrew/opt/postgresql@*/bin",
  "/opt/homebrew/opt/libpq/bin",
  "/usr/local/opt/postgresql@*/bin",
  "/usr/local/opt/libpq/bin",
  "/Applications/Postgres.app/Contents/Versions/*/bin",
  "/usr/local/pgsql/bin",
];

const installCommands = [
  "  Debian, Ubuntu   sudo apt install postgresql",
  "  Fedora, RHEL     sudo dnf install postgresql-server postgresql",
  "  macOS            brew install postgresql@17",
].join("\n");

/** A program of PostgreSQL that is on no usual path of this machine. */
export class MissingBinaryError extends Error {
  constructor(name: string) {
    super(
      `PostgreSQL's '${name}' was found neither on PATH nor in the usual places. Nothing was changed. Install it:\n${installCommands}`,
    );
    this.name = "MissingBinaryError";
  }
}

function expand(pattern: string): string[] {
  const star = pattern.split("/").findIndex((part) => part.includes("*"));
  if (star < 0) return [pattern];
  const parts = pattern.split("/");
  const parent = parts.slice(0, star).join("/");
  const [prefix = "", suffix = ""] = (parts[star] ?? "").split("*");
  try {
    return readdirSync(parent)
      .filter((entry) => entry.startsWith(prefix) && entry.endsWith(suffix))
      .sort((a, b) => b.localeCompare(a, "en", { numeric: true }))
      .map((entry) => [parent, entry, ...parts.slice(star + 1)].join("/"));
  } catch {
    return [];
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Every copy of a PostgreSQL program on this machine: PATH first, then the usual places, newest version first.
 *
 * @param name - the program's name, such as `pg_dump`
 */
export function findBinaries(name: string): string[] {
  const folders = [...(process.env.PATH ?? "").split(delimiter).filter(Boolean), ...usualPlaces.flatMap(expand)];
  return [...new Set(folders.map((folder) => join(folder, name)))].filter(isExecutable);
}

/**
 * The first copy of a PostgreSQL program on this machine.
 *
 * @throws MissingBinaryError with the install commands when there is none
 */
export function findBinary(name: string): string {
  const [first] = findBinaries(name);
  if (!first) throw new MissingBinaryError(name);
  return first;
}
