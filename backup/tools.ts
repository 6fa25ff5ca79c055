import { dirname, join } from "node:path";

import { findBinaries, MissingBinaryError } from "../postgres/binaries";
import { errorText } from "../postgres/errors";
import type { ExecPlace } from "../runtimes/exec";
import { ChildFailure } from "./child-process";
import { BackupError } from "./errors";
import { insideHost } from "./inside";
import { thisHost, type ToolHost } from "./tool-host";

/** PostgreSQL's programs for dumping a server, of one version. */
export interface DumpTools {
  /** Where they run. */
  readonly host: ToolHost;
  readonly dump: string;
  readonly restore: string;
  readonly psql: string;
  /** As pg_dump says itself, such as `15.18`. */
  readonly version: string;
  readonly major: number;
}

/** Which tools are wanted, and where they may be looked for besides this host. */
export interface ToolSearch {
  /** Such as 15: tools may not be older. */
  readonly serverMajor: number;
  /** The container or pod of the database's server; null when none is named. */
  readonly inside: ExecPlace | null;
  readonly signal: AbortSignal;
}

const installHint = (major: number) =>
  [
    "Install the client programs of the server's version:",
    `  Debian, Ubuntu   sudo apt install postgresql-client-${major}    (from apt.postgresql.org when the distribution is older)`,
    `  Fedora, RHEL     sudo dnf install postgresql${major}            (from yum.postgresql.org)`,
    `  macOS            brew install postgresql@${major}`,
  ].join("\n");

/**
 * The first `pg_dump` that is not older than the server, with its `pg_restore`: of this host, then in the server's own
 * container or pod.
 *
 * @throws MissingBinaryError when there is none at all; BackupError that names those that are too old
 */
export async function chooseDumpTools({ serverMajor, inside, signal }: ToolSearch): Promise<DumpTools> {
  const tooOld: string[] = [];
  for (const dump of findBinaries("pg_dump")) {
    const version = await readVersion(thisHost, dump, signal).catch(passedOver(signal));
    if (version === null) continue;
    const major = Number.parseInt(version, 10);
    const [restore, psql] = ["pg_restore", "psql"].map((name) => join(dirname(dump), name)) as [string, string];
    const isThere = findBinaries("pg_restore").includes(restore);
    if (major >= serverMajor && isThere) return { host: thisHost, dump, restore, psql, version, major };
    tooOld.push(`  ${dump}  ${version}${major >= serverMajor ? " (without pg_restore beside it)" : ""}`);
  }
  if (inside !== null) {
    const found = await lookInside(inside, signal);
    if (typeof found !== "string" && found.major >= serverMajor) return found;
    tooOld.push(`  ${inside.name}  ${typeof found === "string" ? found : found.version}`);
  }
  if (tooOld.length === 0) throw new MissingBinaryError("pg_dump");
  throw new BackupError(
    [
      `The server is PostgreSQL ${serverMajor}, and pg_dump must not be older. Found:`,
      ...tooOld,
      "No backup was made, and nothing was changed.",
      installHint(serverMajor),
    ].join("\n"),
  );
}

/** For people: `/usr/bin/pg_dump`, `pg_dump in container 'octollm-postgres'`. */
export function describeProgram({ host, dump }: DumpTools): string {
  return host.place === null ? dump : `${dump} in ${host.place}`;
}

/** Their version, and where they run unless that is here: `15.18 in container 'octollm-postgres'`. */
export function describeVersion({ host, version }: DumpTools): string {
  return host.place === null ? version : `${version} in ${host.place}`;
}

/** The tools of a place, or why there are none. */
async function lookInside(place: ExecPlace, signal: AbortSignal): Promise<DumpTools | string> {
  const host = insideHost(place);
  const [dump, restore, psql] = ["pg_dump", "pg_restore", "psql"] as const;
  try {
    const version = await readVersion(host, dump, signal);
    if (version === null) return "has a pg_dump that does not tell its version";
    return { host, dump, restore, psql, version, major: Number.parseInt(version, 10) };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ChildFailure) return `has no pg_dump: ${error.said}`;
    return errorText(error);
  }
}

const passedOver = (signal: AbortSignal) => () => {
  signal.throwIfAborted();
  return null;
};

async function readVersion(host: ToolHost, program: string, signal: AbortSignal): Promise<string | null> {
  const said = await host.run({ program, args: ["--version"], signal });
  return /\(PostgreSQL\) (\d+(?:\.\d+|\w+)?)/.exec(said)?.[1] ?? null;
}

/**
 * The fastest compression that this `pg_dump` offers at a sensible size: `zstd:1` from 16 on where the build has it,
 * else gzip level 1 (a third of the time of the default level, a seventh larger).
 */
export async function chooseCompression({ host, dump, major }: DumpTools, signal: AbortSignal): Promise<string> {
  if (major < 16) return "1";
  try {
    // A build without zstd says so before it looks for the server, which is not there.
    const args = ["-Fc", "--compress=zstd:1", "-f", "/dev/null", "-w", "--host=/nonexistent"];
    await host.run({ program: dump, args, signal });
  } catch (error) {
    if (error instanceof ChildFailure) return /compress/i.test(error.said) ? "gzip:1" : "zstd:1";
    throw error;
  }
  return "zstd:1";
}
