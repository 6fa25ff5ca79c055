import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { replaceFile } from "../environment/write";
import type { BackupFolder } from "./backup-folder";
import { recordFolder, type Site } from "./site";

const file = (site: Site) => join(recordFolder(site), "last-attempt");

/** Notes an attempt's number beside the installation: a database that is lost takes its ledger with it. */
export async function keepAttemptNumber(site: Site, attempt: number): Promise<void> {
  await mkdir(recordFolder(site), { recursive: true, mode: 0o700 });
  await replaceFile(file(site), `${attempt}\n`);
}

/** The number of the next attempt when there is no ledger to ask: after all that were noted, here or in a backup. */
export async function nextAttemptWithoutLedger(site: Site, { backups }: BackupFolder): Promise<number> {
  const noted = await readFile(file(site), "utf8").then(Number, () => 0);
  const known = backups.map(({ manifest }) => manifest?.attempt ?? 0);
  return Math.max(0, Number.isSafeInteger(noted) ? noted : 0, ...known) + 1;
}
