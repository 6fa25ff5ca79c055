import { backupInstallation, verifyBackup } from "../backup/backup";
import { withClient } from "../postgres/connection";
import { readAlembicVersion } from "../postgres/facts";
import { recordBackup, recordCounts } from "../postgres/ledger";
import { type Activity, type Attempt, withLedger } from "./attempt";
import { sitePath } from "./site";

/** What a finished backup is, for the outputs of its phase. Sizes in bytes, times in seconds. */
export interface BackupOutcome {
  readonly backupId: string;
  readonly path: string;
  readonly bytes: number;
  readonly seconds: number;
}

/**
 * Backs the installation up, reads the backup back, and notes it with its exact row counts in the ledger.
 *
 * @throws when any of that fails; nothing but the backup folder was touched then
 */
export async function backUp(attempt: Attempt, { signal, progress }: Activity): Promise<BackupOutcome> {
  const { site, plan, address } = attempt;
  const [revision] = (await withClient(address, { name: "backup", readOnly: true }, readAlembicVersion)) ?? [];
  const result = await backupInstallation({
    address,
    folder: sitePath(site, site.backup.folder),
    id: backupId(attempt),
    envFile: sitePath(site, site.environmentFile),
    configFolder: sitePath(site, site.configFolder),
    release: plan.from,
    revision: revision ?? null,
    planId: plan.id,
    attempt: attempt.number,
    jobs: site.backup.jobs,
    signal,
    progress,
  });
  progress("reading the backup back");
  await verifyBackup(result.path);
  await withLedger(attempt, async (client) => {
    await recordCounts(client, { attempt: attempt.number, counts: result.counts });
    await recordBackup(client, { attempt: attempt.number, backupId: result.id });
  });
  attempt.progress.backup = { id: result.id, path: result.path };
  attempt.progress.counts = result.counts;
  return { backupId: result.id, path: result.path, bytes: result.bytes, seconds: result.seconds };
}

/** Sorts by time and tells what it is of: `20260101T021500Z-0.1.0-attempt2`. */
function backupId({ plan, number }: Attempt): string {
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  return `${time}-${plan.from}-attempt${number}`;
}
