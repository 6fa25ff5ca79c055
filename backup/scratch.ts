import { randomBytes } from "node:crypto";
import { hostname } from "node:os";

import type { Client, DatabaseAddress } from "../postgres/connection";
import { dropDatabase, listRelatedDatabases, newMark } from "../postgres/databases";
import { readDatabaseRights } from "../postgres/databases";
import { withMaintenance } from "../postgres/maintenance";
import type { Invariant } from "../releases/release";
import type { ExecPlace } from "../runtimes/exec";
import { isAlive } from "../runtimes/local/alive";
import { loadBeside } from "./beside";
import { type Cluster } from "./cluster";
import { BackupError } from "./errors";
import type { Manifest } from "./manifest";

export interface ProofOptions {
  /** The installation's database: the scratch database is made on its server. */
  readonly address: DatabaseAddress;
  readonly id: string;
  /** Folder of the backup, decrypted. */
  readonly folder: string;
  readonly revision: string | null;
  readonly invariants: readonly Invariant[];
  readonly jobs: number;
  /** Where tools may be looked for besides this host. */
  readonly inside: ExecPlace | null;
  readonly dump: Pick<Manifest, "counts" | "tables" | "tool"> & {
    readonly schema: readonly string[];
    readonly cluster: Cluster;
  };
  /** Name of the scratch database, which must not exist; a new one unless given. */
  readonly scratch?: string;
  readonly progress: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Loads a dump into a scratch database of the same server, compares rows, objects, revision and invariants, and drops it
 * again, whatever comes out.
 *
 * @throws BackupError with every difference, or why no scratch database can be made; the installation's own database is
 *   not touched by any of it
 */
export async function proveByRestore(options: ProofOptions): Promise<void> {
  const { address, id, folder, dump, revision, invariants, jobs, inside, progress, signal } = options;
  const scratch = options.scratch ?? `octollm_verify_${randomBytes(6).toString("hex")}`;
  if (scratch === address.database)
    throw new BackupError(
      `'${scratch}' is the installation's own database: a backup is never proven in it. Nothing was touched.`,
    );
  await withMaintenance(address, { name: "verify" }, async (client) => {
    await dropDeadScratches(client, address, progress);
    if (!(await readDatabaseRights(client, address.database)).mayCreate)
      throw new BackupError(
        `The role '${address.user}' may not make the scratch database that backup.verify 'restore' needs. Allow it: ` +
          `ALTER ROLE "${address.user}" CREATEDB; or: octollm config set --path backup.verify checksums`,
      );
    await loadBeside(client, {
      address: { ...address, database: scratch },
      settings: { ...dump.cluster.database, owner: address.user },
      mark: newMark("verify", { database: address.database, backup: id }),
      folder,
      manifest: dump,
      expected: { counts: dump.counts, schema: dump.schema, revision, invariants },
      jobs,
      inside,
      label: "verify",
      progress,
      signal,
    });
    await dropDatabase(client, scratch);
  });
}

/**
 * Drops the scratch databases that killed runs of this host have left on a server.
 *
 * @param client - a session on a maintenance database of it
 */
export async function dropDeadScratches(
  client: Client,
  address: DatabaseAddress,
  progress: (line: string) => void,
): Promise<void> {
  for (const { name, mark } of await listRelatedDatabases(client, address.database)) {
    if (mark?.kind !== "verify" && mark?.kind !== "rehearse") continue;
    if (mark.host !== hostname() || mark.pid === process.pid || isAlive(mark.pid)) continue;
    await dropDatabase(client, name);
    progress(`dropped '${name}', left by a run that died`);
  }
}
