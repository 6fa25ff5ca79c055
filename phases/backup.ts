import { rm } from "node:fs/promises";

import { backupInstallation, type BackupOptions, type BackupResult, changeSince } from "../backup/backup";
import { findRelease } from "../planner/chain";
import { withClient } from "../postgres/connection";
import { errorText } from "../postgres/errors";
import { readAlembicVersion } from "../postgres/facts";
import { recordBackup, recordCounts, recordPhase } from "../postgres/ledger";
import { deployments } from "../runtimes/driver";
import { type Activity, type Attempt, withLedger } from "./attempt";
import { readClusterEnvironment } from "./cluster";
import { type Site, sitePath, toolPlace } from "./site";
import { archiveVolumes } from "./volumes";

/** What a finished backup is, for the outputs of its phase. Sizes in bytes, times in seconds. */
export interface BackupOutcome {
  readonly backupId: string;
  readonly path: string;
  readonly bytes: number;
  readonly seconds: number;
}

/**
 * Backs up what a restore is about to replace. A database that cannot be dumped must not prevent that: the restore keeps it
 * whole under another name, so that a failure is told and the restore goes on.
 *
 * @returns null when the backup failed and the database is kept
 */
export async function backUpBeforeRestore(attempt: Attempt, activity: Activity): Promise<BackupOutcome | null> {
  try {
    return await backUp(attempt, activity);
  } catch (error) {
    activity.signal.throwIfAborted();
    const { way, before } = attempt.plan.restore;
    if (way !== "swap") throw error;
    const text = `The database as it is could not be backed up; the restore goes on, and keeps it whole as '${before ?? ""}'. ${errorText(error)}`;
    activity.progress(text);
    const note = { attempt: attempt.number, phase: "Backup", status: "note" as const, detail: text };
    await withLedger(attempt, (client) => recordPhase(client, note));
    return null;
  }
}

/**
 * Backs the installation up before its services stop, where the settings ask for it: what then only has to be proven to be
 * still so takes no time in which they are missed.
 *
 * @throws when it cannot be made; nothing but the backup folder was touched then
 */
export async function backUpEarly(attempt: Attempt, activity: Activity): Promise<void> {
  const { site, plan, progress } = attempt;
  const isOnTheWay = plan.backup.required && plan.restore.backup === null && plan.stops.services.length > 0;
  // Stores are stopped for their archives only when the services are, too.
  const stopsStores = (site.docker?.archiveVolumes.length ?? 0) > 0;
  if (site.backup.early && isOnTheWay && !stopsStores) progress.early = await makeBackup(attempt, activity);
}

/**
 * Backs the installation up, proves the backup, and notes it with its exact row counts in the ledger.
 *
 * @throws when any of that fails; nothing but the backup folder was touched then
 */
export async function backUp(attempt: Attempt, activity: Activity): Promise<BackupOutcome> {
  const result = (await confirmEarly(attempt, activity)) ?? (await makeBackup(attempt, activity));
  await withLedger(attempt, async (client) => {
    await recordCounts(client, { attempt: attempt.number, counts: result.counts });
    await recordBackup(client, { attempt: attempt.number, backupId: result.id });
  });
  attempt.progress.backup = { id: result.id, path: result.path };
  attempt.progress.counts = result.counts;
  return { backupId: result.id, path: result.path, bytes: result.bytes, seconds: result.seconds };
}

/** The early backup, when nothing has changed since; one of another state is removed. */
async function confirmEarly(attempt: Attempt, activity: Activity): Promise<BackupResult | null> {
  const { early } = attempt.progress;
  if (early === null) return null;
  attempt.progress.early = null;
  const change = await changeSince({ ...(await installationOf(attempt)), signal: activity.signal }, early.state);
  if (change === null) {
    activity.progress(`backup: ${early.id} is of this very state: nothing was written since`);
    return early;
  }
  activity.progress(`backup: made again, because this has changed since: ${change}`);
  await rm(early.path, { recursive: true });
  return null;
}

type Installation = Pick<BackupOptions, "address" | "envFile" | "objects" | "composeFile" | "configFolder">;

async function installationOf({ site, address }: Attempt): Promise<Installation> {
  return {
    address,
    ...(await variablesOf(site)),
    configFolder: sitePath(site, site.configFolder),
    ...(site.composeFile === undefined ? {} : { composeFile: sitePath(site, site.composeFile) }),
  };
}

async function makeBackup(attempt: Attempt, { signal, progress }: Activity): Promise<BackupResult> {
  const { site, plan, address, catalogue } = attempt;
  const [revision] = (await withClient(address, { name: "backup", readOnly: true }, readAlembicVersion)) ?? [];
  return backupInstallation({
    ...(await installationOf(attempt)),
    folder: sitePath(site, site.backup.folder),
    id: backupId(plan.from, attempt.number),
    release: plan.from,
    revision: revision ?? null,
    planId: plan.id,
    attempt: attempt.number,
    jobs: site.backup.jobs,
    inside: toolPlace(site),
    verify: site.backup.verify,
    invariants: findRelease(catalogue, plan.from)?.invariants ?? [],
    recipients: site.backup.recipients,
    ...(site.docker?.archiveVolumes.length
      ? { archive: (folder: string) => archiveVolumes(site, folder, { signal, progress }) }
      : {}),
    signal,
    progress,
  });
}

/** The installation's `.env` for a backup; of a cluster its variables, and the objects that are in use. */
async function variablesOf(site: Site): Promise<Pick<BackupOptions, "envFile" | "objects">> {
  if (!site.kubernetes) return { envFile: sitePath(site, site.environmentFile) };
  const { file } = await readClusterEnvironment(site.kubernetes);
  return { envFile: file.toBuffer(), objects: await deployments().objectsAsYaml(site.kubernetes) };
}

/** Sorts by time and tells what it is of: `20260101T021500Z-0.1.0-attempt2`. */
export function backupId(release: string, attempt: number): string {
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  return `${time}-${release}-attempt${attempt}`;
}
