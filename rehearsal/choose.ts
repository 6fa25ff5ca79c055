import { listBackups, type ListedBackup } from "../backup/list";
import type { Manifest } from "../backup/manifest";
import { verifyBackup } from "../backup/verify";
import { type DatabaseLook, findFault } from "../phases/restore-facts";
import { type Site, sitePath, toolPlace } from "../phases/site";
import { errorText } from "../postgres/errors";

/** A backup whose every file was read. */
export interface GoodBackup {
  readonly path: string;
  readonly manifest: Manifest;
}

interface Choice {
  readonly site: Site;
  readonly look: DatabaseLook;
  /** Id of the backup; empty for the newest that is good. */
  readonly id: string;
  readonly progress: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * The backup to rehearse on: the one that is named, else the newest whose files are all as they were written.
 *
 * @throws Error when there is none
 */
export async function chooseBackup({ site, look, id, progress, signal }: Choice): Promise<GoodBackup> {
  const folder = sitePath(site, site.backup.folder);
  const listed = (await listBackups(folder)).filter((backup) => id === "" || backup.id === id);
  for (const backup of listed) {
    const fault = await faultOf(backup, { site, look, signal });
    if (typeof fault !== "string") return fault;
    if (id !== "") throw new Error(`Backup '${id}' cannot be rehearsed on: ${fault}. Nothing was touched.`);
    progress(`backup ${backup.id} is passed over: ${fault}`);
  }
  throw new Error(
    id === ""
      ? `There is no backup in '${folder}' to rehearse on. Nothing was touched. The first 'up' or 'migrate' that changes the schema makes one.`
      : `There is no backup '${id}' in '${folder}'. Nothing was touched. See: octollm backups list`,
  );
}

/** Why a backup is no good, or the backup. */
async function faultOf(
  { path, manifest, fault }: ListedBackup,
  { site, look, signal }: Pick<Choice, "site" | "look" | "signal">,
): Promise<string | GoodBackup> {
  if (!manifest) return fault ?? "it has no manifest";
  const against = await findFault(path, manifest, site, look);
  if (against !== null) return against;
  try {
    return { path, manifest: await verifyBackup(path, { signal, inside: toolPlace(site) }) };
  } catch (error) {
    signal.throwIfAborted();
    return errorText(error).split("\n")[0] ?? "";
  }
}
