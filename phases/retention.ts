import { listBackups, type ListedBackup } from "../backup/list";
import { deleteBackup } from "../backup/prune";
import { judgeRetention, type Verdict } from "../backup/retention";
import type { Ledger } from "../postgres/ledger";
import type { Activity } from "./attempt";
import type { BackupFolder } from "./backup-folder";
import { type Site, sitePath } from "./site";

/** Ids of the backups that a ledger may still need: of the last attempt, of the last that succeeded, of the last restore. */
export function referredBackups({ lastAttempt, lastInstallation, lastSucceeded, lastWished }: Ledger): string[] {
  const attempts = [lastAttempt, lastInstallation, lastSucceeded, lastWished];
  return attempts.flatMap((attempt) => [attempt?.backupId ?? [], attempt?.restoredBackup ?? []].flat());
}

/**
 * What retention says of every backup of an installation, newest first.
 *
 * @param referred - ids that must stay
 * @param backups - as `listBackups` gives them; they are listed unless given
 */
export async function judgeBackups(
  site: Site,
  referred: Iterable<string>,
  backups?: readonly ListedBackup[],
): Promise<Verdict[]> {
  const { folder, keepDays, keepAtLeast } = site.backup;
  const found = backups ?? (await listBackups(sitePath(site, folder)));
  return judgeRetention(found, { keepDays, keepAtLeast, referred: new Set(referred), now: new Date() });
}

/** Deletes what retention lets go. A file that this program did not write stays, and is told. */
export async function pruneBackups(
  verdicts: readonly Verdict[],
  { progress }: Pick<Activity, "progress">,
): Promise<void> {
  for (const { backup, reason } of verdicts.filter(({ keep }) => !keep)) {
    const left = await deleteBackup(backup);
    progress(
      left.length === 0
        ? `deleted backup ${backup.id}: ${reason}`
        : `backup ${backup.id} stays in part: ${left.join(", ")} is not of this program's making`,
    );
  }
}

/** What an upgrade deletes once it has succeeded, if retention stays as it is; it moves by itself, so it is only told. */
export async function describePruning(site: Site, ledger: Ledger, { backups }: BackupFolder): Promise<string[]> {
  const verdicts = await judgeBackups(site, referredBackups(ledger), backups);
  return verdicts.filter(({ keep }) => !keep).map(({ backup, reason }) => `backup ${backup.id}: ${reason}`);
}
