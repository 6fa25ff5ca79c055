import { join } from "node:path";

import { type DatabaseAddress, withClient } from "../postgres/connection";
import { runChild } from "./child-process";
import { CopyWatch } from "./copy-progress";
import { databaseFolder, type Manifest } from "./manifest";
import { withRestoreList } from "./restore-list";
import { chooseDumpTools, libpqEnvironment } from "./tools";

export interface LoadOptions {
  /** The database to fill: a new and empty one. */
  readonly address: DatabaseAddress;
  /** Folder of the backup, decrypted. */
  readonly folder: string;
  readonly manifest: Pick<Manifest, "tool" | "tables">;
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
export async function loadDump({
  address,
  folder,
  manifest,
  jobs,
  label,
  progress,
  signal,
}: LoadOptions): Promise<void> {
  const tools = await chooseDumpTools({ serverMajor: Number.parseInt(manifest.tool.version, 10), signal });
  progress(`${label}: pg_restore ${tools.version}, ${jobs} jobs, into '${address.database}'`);
  const dump = join(folder, databaseFolder);
  const watch = new CopyWatch({ address, sizes: manifest.tables, label, progress });
  try {
    await withRestoreList(tools, { dump, signal }, async (scratch) => {
      const args = [`--dbname=${address.database}`, `--jobs=${jobs}`, `--use-list=${join(scratch, "list")}`];
      const env = { ...libpqEnvironment(address), PGAPPNAME: "octollm-upgrade: pg_restore" };
      const how = ["--exit-on-error", "--no-password", "--verbose", dump];
      await runChild({ program: tools.restore, args: [...args, ...how], env, signal, onLine: watch.onLine });
    });
  } finally {
    await watch.end();
  }
  progress(`${label}: ANALYZE`);
  await withClient(address, { name: "analyze" }, (client) => client.query("ANALYZE"));
}
