import { type Client, type DatabaseAddress, withClient } from "../postgres/connection";
import { type Counts, countsInSnapshot } from "../postgres/counts";
import { readSystemIdentifier } from "../postgres/facts";
import { inTransaction } from "../postgres/transaction";
import { watched } from "../postgres/watch";
import { runChild } from "./child-process";
import { listFiles } from "./files";
import type { Manifest } from "./manifest";
import { chooseCompression, chooseDumpTools, type DumpTools, libpqEnvironment } from "./tools";

export interface DumpOptions {
  readonly address: DatabaseAddress;
  /** Folder to be made by pg_dump. */
  readonly target: string;
  readonly jobs: number;
  readonly progress: (line: string) => void;
  readonly signal: AbortSignal;
}

/** A finished dump: what it was made of and with, and the exact counts of its own snapshot. */
export interface Dump extends Pick<Manifest, "installation" | "tool"> {
  readonly tools: DumpTools;
  readonly counts: Counts;
}

/**
 * Dumps the database in directory format and counts its rows, both in one exported snapshot, so that the counts are
 * those of the dump whatever is written meanwhile.
 *
 * @throws MissingBinaryError, BackupError, ChildFailure or DatabaseFault; the database is not changed by any of it
 */
export async function dumpDatabase(options: DumpOptions): Promise<Dump> {
  const { address, signal, progress } = options;
  return withClient(address, { name: "backup", readOnly: true }, async (client) => {
    const server = await readServer(client);
    const tools = await chooseDumpTools({ serverMajor: server.major, signal });
    const compression = await chooseCompression(tools, signal);
    progress(`backup: pg_dump ${tools.version}, compression ${compression}, ${options.jobs} jobs`);
    const counts = await inTransaction(client, "ISOLATION LEVEL REPEATABLE READ READ ONLY", async () => {
      const { rows } = await client.query<{ snapshot: string }>("SELECT pg_export_snapshot() AS snapshot");
      return dumpAndCount(client, { ...options, snapshot: rows[0]?.snapshot ?? "", tools, compression });
    });
    const { database, version, systemIdentifier } = server;
    return {
      tools,
      counts,
      installation: { database, systemIdentifier, serverVersion: version },
      tool: { program: tools.dump, version: tools.version, compression },
    };
  });
}

async function readServer(client: Client) {
  const { rows } = await client.query<{ database: string; version: string; number: number }>(
    `SELECT current_database() AS database, current_setting('server_version') AS version,
            current_setting('server_version_num')::int AS number`,
  );
  const [server] = rows;
  if (!server) throw new Error("PostgreSQL answered no row about itself.");
  const { systemIdentifier } = await readSystemIdentifier(client);
  return { ...server, major: Math.floor(server.number / 10_000), systemIdentifier };
}

interface SnapshotDump extends DumpOptions {
  readonly snapshot: string;
  readonly tools: DumpTools;
  readonly compression: string;
}

/** Both at once, since the snapshot must stay open for the dump's workers anyway; when one fails, the other is ended. */
async function dumpAndCount(client: Client, options: SnapshotDump): Promise<Counts> {
  const { address, progress } = options;
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  const endOther = (error: unknown) => {
    failed.abort(error);
    throw error;
  };
  const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
  const watch = { address, pid: rows[0]?.pid ?? 0, label: "backup: counting rows", progress, signal };
  const dumping = runDump({ ...options, signal }).catch(endOther);
  const counting = watched(watch, () => countsInSnapshot(client)).catch(endOther);
  const [dumped, counted] = await Promise.allSettled([dumping, counting]);
  if (dumped.status === "fulfilled" && counted.status === "fulfilled") return counted.value;
  options.signal.throwIfAborted();
  // The other one was only ended because of the first.
  throw failed.signal.reason as Error;
}

const reportMs = 5_000;

/** A table that somebody holds exclusively would keep the services stopped for ever. */
const lockWaitMs = 60_000;

async function runDump({
  address,
  target,
  jobs,
  snapshot,
  tools,
  compression,
  progress,
  signal,
}: SnapshotDump): Promise<void> {
  const args = [
    "--format=directory",
    `--jobs=${jobs}`,
    `--compress=${compression}`,
    `--snapshot=${snapshot}`,
    `--file=${target}`,
    `--lock-wait-timeout=${lockWaitMs}`,
    "--no-password",
    "--verbose",
  ];
  const tables = { current: "", done: 0 };
  const onLine = (line: string) => {
    const table = /dumping contents of table "(.+)"/.exec(line)?.[1];
    if (table !== undefined) Object.assign(tables, { current: table, done: tables.done + 1 });
  };
  const report = async () => {
    const files = await listFiles(target).catch(() => []);
    const megabytes = files.reduce((sum, file) => sum + file.bytes, 0) / 1e6;
    progress(`backup: ${megabytes.toFixed(0)} MB written, at table ${tables.done}, ${tables.current}`);
  };
  const reporting = setInterval(() => void report(), reportMs);
  try {
    await runChild({ program: tools.dump, args, env: libpqEnvironment(address), signal, onLine });
  } finally {
    clearInterval(reporting);
  }
}
