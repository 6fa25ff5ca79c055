import { analyzeDatabase } from "../postgres/analyze";
import { type DatabaseAddress, withClient } from "../postgres/connection";
import type { ExecPlace } from "../runtimes/exec";
import { CopyWatch } from "./copy-progress";
import { withDumpArchive } from "./dump-archive";
import type { Manifest } from "./manifest";
import { withRestoreList } from "./restore-list";
import { chooseDumpTools, describeVersion } from "./tools";

export interface LoadOptions {
  /** The database to fill: a new and empty one. */
  readonly address: DatabaseAddress;
  /** Folder of the backup, decrypted. */
  readonly folder: string;
  readonly manifest: Pick<Manifest, "tool" | "tables">;
  /** Where tools may be looked for besides this host. */
  readonly inside: ExecPlace | null;
  /** Tables and indexes that are worked on at once. */
  readonly jobs: number;
  /** Starts each line of progress. */
  readonly label: string;
  readonly progress: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Loads a dump into an empty database, with owners and rights, and takes the planner's statistics.
 *
 * @throws ChildFailure with what pg_restore said; the database is half filled then
 */
export async function loadDump(options: LoadOptions): Promise<void> {
  const { address, folder, manifest, inside, jobs, label, progress, signal } = options;
  const { tool, tables } = manifest;
  const tools = await chooseDumpTools({ serverMajor: Number.parseInt(tool.version, 10), inside, signal });
  const session = {
    address,
    name: "octollm-upgrade: pg_restore",
    options: await sessionOptions(address, jobs),
  };
  const dump = { folder, tool, signal };
  const watch = new CopyWatch({ address, sizes: tables, label, progress });
  try {
    await withDumpArchive(tools, dump, (archive) =>
      withRestoreList(tools, dump, async (list) => {
        const share = archive.isSeekable ? [`--jobs=${jobs}`] : [];
        progress(
          `${label}: pg_restore ${describeVersion(tools)}, ${share.length ? jobs : 1} jobs, into '${address.database}'`,
        );
        const how = ["--exit-on-error", "--no-password", "--verbose", `--use-list=${list}`, ...archive.args];
        const args = [`--dbname=${address.database}`, ...share, ...how];
        const { onLine } = watch;
        await tools.host.run({ program: tools.restore, args, session, ...archive.input(), signal, onLine });
      }),
    );
  } finally {
    await watch.end();
  }
  progress(`${label}: ANALYZE`);
  await analyzeDatabase(address, jobs);
}

/**
 * How pg_restore's sessions are to work, for PGOPTIONS. Together they sort in no more memory than the server's cache has,
 * since nobody else uses it now. No commit waits for the disk: what makes the database count, its swap or its mark,
 * is a commit that waits, and so for all WAL before it.
 */
async function sessionOptions(address: DatabaseAddress, jobs: number): Promise<string> {
  const { rows } = await withClient(address, { name: "restore", readOnly: true }, (client) =>
    client.query<{ kilobytes: string }>(
      `SELECT greatest(own, least(pg_size_bytes('256MB'), cache / $1)) / 1024 AS kilobytes
       FROM pg_size_bytes(current_setting('maintenance_work_mem')) AS own, pg_size_bytes(current_setting('shared_buffers')) AS cache`,
      [jobs],
    ),
  );
  const memory = rows.map(({ kilobytes }) => `-c maintenance_work_mem=${kilobytes}kB`);
  return ["-c synchronous_commit=off", "-c jit=off", ...memory].join(" ");
}
