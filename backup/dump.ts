import { createWriteStream } from "node:fs";
import { join } from "node:path";

import { type Client, type DatabaseAddress, withClient } from "../postgres/connection";
import { type Counts, countsInSnapshot } from "../postgres/counts";
import { readSystemIdentifier } from "../postgres/facts";
import { readSchemaLines } from "../postgres/schema-lines";
import { inTransaction } from "../postgres/transaction";
import { readWriteMark, type WriteMark } from "../postgres/unwritten";
import { watched } from "../postgres/watch";
import type { ExecPlace } from "../runtimes/exec";
import { type Cluster, readCluster } from "./cluster";
import { CopyWatch, readTableSizes, type TableSizes } from "./copy-progress";
import { dumpName, type Manifest } from "./manifest";
import { chooseCompression, chooseDumpTools, describeProgram, describeVersion, type DumpTools } from "./tools";

export interface DumpOptions {
  readonly address: DatabaseAddress;
  /** Folder of the backup, in which the dump is made. */
  readonly folder: string;
  /** Where tools may be looked for besides this host. */
  readonly inside: ExecPlace | null;
  readonly jobs: number;
  /** Further arguments for pg_dump. */
  readonly moreArguments?: (tools: DumpTools) => readonly string[];
  /** Work that reads the dump's snapshot beside it; when it fails, so does the dump. */
  readonly beside?: (snapshot: string, signal: AbortSignal) => Promise<void>;
  readonly progress: (line: string) => void;
  readonly signal: AbortSignal;
}

/** What is read in the dump's own snapshot. */
interface SnapshotFacts {
  readonly counts: Counts;
  /** As `readSchemaLines` gives it. */
  readonly schema: readonly string[];
  readonly cluster: Cluster;
  /** By which is told what is written after it. */
  readonly mark: WriteMark;
}

/** A finished dump: what it was made of and with, and what its own snapshot held. */
export interface Dump extends Pick<Manifest, "installation" | "tool" | "tables">, SnapshotFacts {
  readonly tools: DumpTools;
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
    const tools = await chooseDumpTools({ serverMajor: server.major, inside: options.inside, signal });
    await tools.host.verifyServer(address, signal);
    const compression = await chooseCompression(tools, signal);
    // A folder cannot come out of a container as a stream, and jobs need one.
    const format = tools.host.place === null ? "directory" : "custom";
    const jobs = format === "directory" ? options.jobs : 1;
    progress(`backup: pg_dump ${describeVersion(tools)}, compression ${compression}, ${jobs} jobs`);
    const { tables, ...facts } = await inTransaction(client, "ISOLATION LEVEL REPEATABLE READ READ ONLY", async () => {
      const { rows } = await client.query<{ snapshot: string }>("SELECT pg_export_snapshot() AS snapshot");
      const mark = await readWriteMark(client);
      const sizes = await readTableSizes(client);
      const snapshot = rows[0]?.snapshot ?? "";
      const read = await dumpAndRead(
        client,
        { ...options, snapshot, sizes, tools, compression, format, jobs },
        server.database,
      );
      return { ...read, mark, tables: sizes };
    });
    const { database, version, systemIdentifier, bytes } = server;
    return {
      tools,
      ...facts,
      tables,
      installation: { database, systemIdentifier, serverVersion: version, bytes },
      tool: { program: describeProgram(tools), version: tools.version, compression, format },
    };
  });
}

async function readServer(client: Client) {
  const { rows } = await client.query<{ database: string; version: string; number: number; bytes: string }>(
    `SELECT current_database() AS database, current_setting('server_version') AS version,
            current_setting('server_version_num')::int AS number, pg_database_size(current_database()) AS bytes`,
  );
  const [server] = rows;
  if (!server) throw new Error("PostgreSQL answered no row about itself.");
  const { systemIdentifier } = await readSystemIdentifier(client);
  return { ...server, bytes: Number(server.bytes), major: Math.floor(server.number / 10_000), systemIdentifier };
}

type ReadBeside = Omit<SnapshotFacts, "mark">;

interface SnapshotDump extends DumpOptions {
  readonly snapshot: string;
  readonly sizes: TableSizes;
  readonly tools: DumpTools;
  readonly compression: string;
  readonly format: Manifest["tool"]["format"];
}

/** All at once, since the snapshot must stay open for the dump's workers anyway; when one fails, the others are ended. */
async function dumpAndRead(client: Client, options: SnapshotDump, database: string): Promise<ReadBeside> {
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
  const counting = watched(watch, async () => {
    const counts = await countsInSnapshot(client);
    return { counts, cluster: await readCluster(client, database), schema: await readSchemaLines(client) };
  }).catch(endOther);
  const reading = (options.beside?.(options.snapshot, signal) ?? Promise.resolve()).catch(endOther);
  const [dumped, counted, read] = await Promise.allSettled([dumping, counting, reading]);
  const areDone = dumped.status === "fulfilled" && read.status === "fulfilled";
  if (areDone && counted.status === "fulfilled") return counted.value;
  options.signal.throwIfAborted();
  // The other one was only ended because of the first.
  throw failed.signal.reason as Error;
}

/** A table that somebody holds exclusively would keep the services stopped for ever. */
const lockWaitMs = 60_000;

async function runDump(options: SnapshotDump): Promise<void> {
  const { address, folder, jobs, snapshot, sizes, tools, compression, format, progress, signal } = options;
  const target = join(folder, dumpName({ format }));
  const args = [
    ...(options.moreArguments?.(tools) ?? []),
    `--format=${format}`,
    ...(format === "directory" ? [`--jobs=${jobs}`, `--file=${target}`] : []),
    `--compress=${compression}`,
    `--snapshot=${snapshot}`,
    `--lock-wait-timeout=${lockWaitMs}`,
    "--no-password",
    "--verbose",
  ];
  const watch = new CopyWatch({ address, sizes, label: "backup", progress });
  const session = { address, name: "octollm-upgrade: pg_dump" };
  const output = format === "custom" ? { output: createWriteStream(target, { mode: 0o600 }) } : {};
  try {
    await tools.host.run({ program: tools.dump, args, session, ...output, signal, onLine: watch.onLine });
  } finally {
    await watch.end();
  }
}
