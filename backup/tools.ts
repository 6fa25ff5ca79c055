import { dirname, join } from "node:path";

import { findBinaries, MissingBinaryError } from "../postgres/binaries";
import type { DatabaseAddress } from "../postgres/connection";
import { ChildFailure, runChild } from "./child-process";
import { BackupError } from "./errors";

/** PostgreSQL's programs for dumping a server, of one version. */
export interface DumpTools {
  readonly dump: string;
  readonly restore: string;
  /** As it says itself, such as `15.18`. */
  readonly version: string;
  readonly major: number;
}

const installHint = (major: number) =>
  [
    "Install the client programs of the server's version:",
    `  Debian, Ubuntu   sudo apt install postgresql-client-${major}    (from apt.postgresql.org when the distribution is older)`,
    `  Fedora, RHEL     sudo dnf install postgresql${major}            (from yum.postgresql.org)`,
    `  macOS            brew install postgresql@${major}`,
  ].join("\n");

/**
 * The first `pg_dump` of this machine that is not older than the server, with its `pg_restore`.
 *
 * @param options - `serverMajor` such as 15
 * @throws MissingBinaryError when there is none at all; BackupError that names those that are too old
 */
export async function chooseDumpTools(options: { serverMajor: number; signal: AbortSignal }): Promise<DumpTools> {
  const { serverMajor, signal } = options;
  const tooOld: string[] = [];
  for (const dump of findBinaries("pg_dump")) {
    const version = await readVersion(dump, signal);
    if (version === null) continue;
    const major = Number.parseInt(version, 10);
    const restore = join(dirname(dump), "pg_restore");
    if (major >= serverMajor && findBinaries("pg_restore").includes(restore)) return { dump, restore, version, major };
    tooOld.push(`  ${dump}  ${version}${major >= serverMajor ? " (without pg_restore beside it)" : ""}`);
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

async function readVersion(program: string, signal: AbortSignal): Promise<string | null> {
  try {
    const said = await runChild({ program, args: ["--version"], env: { PATH: process.env.PATH, LC_ALL: "C" }, signal });
    return /\(PostgreSQL\) (\d+(?:\.\d+|\w+)?)/.exec(said)?.[1] ?? null;
  } catch {
    signal.throwIfAborted();
    return null;
  }
}

/**
 * The fastest compression that this `pg_dump` offers at a sensible size: `zstd:1` from 16 on where the build has it,
 * else gzip level 1 (a third of the time of the default level, a seventh larger).
 */
export async function chooseCompression({ dump, major }: DumpTools, signal: AbortSignal): Promise<string> {
  if (major < 16) return "1";
  try {
    // A build without zstd says so before it looks for the server, which is not there.
    const args = ["-Fc", "--compress=zstd:1", "-f", "/dev/null", "-w"];
    await runChild({
      program: dump,
      args,
      env: { PATH: process.env.PATH, LC_ALL: "C", PGHOST: "/nonexistent" },
      signal,
    });
  } catch (error) {
    if (error instanceof ChildFailure) return /compress/i.test(error.said) ? "gzip:1" : "zstd:1";
    throw error;
  }
  return "zstd:1";
}

/**
 * Environment in which libpq's programs reach a database. The password is in it and nowhere else: arguments can be read
 * by every user of the machine, an environment only by its owner. Settings of the caller's own environment are left out.
 */
export function libpqEnvironment(address: DatabaseAddress): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([key]) => !/^PG[A-Z]/.test(key));
  const { ssl } = address;
  return {
    ...Object.fromEntries(inherited),
    LC_ALL: "C",
    PGHOST: address.host,
    PGPORT: String(address.port),
    PGDATABASE: address.database,
    PGUSER: address.user,
    PGPASSWORD: address.password,
    PGAPPNAME: "octollm-upgrade: pg_dump",
    PGCONNECT_TIMEOUT: "10",
    // Else libpq reads passwords and certificates of whoever runs this.
    PGPASSFILE: "/dev/null",
    ...(ssl ? { PGSSLMODE: ssl.mode } : {}),
    ...(ssl?.rootCertificate ? { PGSSLROOTCERT: ssl.rootCertificate } : {}),
    ...(ssl?.certificate ? { PGSSLCERT: ssl.certificate } : {}),
    ...(ssl?.key ? { PGSSLKEY: ssl.key } : {}),
  };
}
