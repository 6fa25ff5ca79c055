import { listBackups, type ListedBackup } from "../backup/list";
import { errorText } from "../postgres/errors";
import { type Site, sitePath } from "./site";

/** The folder of backups, as one look found it. */
export interface BackupFolder {
  readonly path: string;
  /** Newest first. */
  readonly backups: readonly ListedBackup[];
  /** Why it cannot be read; then it seems to hold no backups. */
  readonly fault: string | null;
}

/** Reads the folder of backups; one that is not there holds none. */
export async function readBackupFolder(site: Site): Promise<BackupFolder> {
  const path = sitePath(site, site.backup.folder);
  try {
    return { path, backups: await listBackups(path), fault: null };
  } catch (error) {
    return { path, backups: [], fault: `'${path}' cannot be used: ${errorText(error)}` };
  }
}
