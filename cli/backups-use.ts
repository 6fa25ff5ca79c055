import { join } from "node:path";

import { loadBeside } from "../backup/beside";
import { loadCluster } from "../backup/cluster";
import { loadSchema } from "../backup/compare";
import { withOpenBackup } from "../backup/open";
import { proveByRestore } from "../backup/scratch";
import { verifyBackup } from "../backup/verify";
import { catalogueFolder, readAddress, sitePath, toolPlace } from "../phases/site";
import { findRelease } from "../planner/chain";
import { isKnownDatabase, newMark, removeMark } from "../postgres/databases";
import { withMaintenance } from "../postgres/maintenance";
import { loadCatalogue } from "../releases/catalogue";
import type { Invariant } from "../releases/release";
import { noSuchBackup } from "./backups-list";
import { note, print } from "./output";
import { type OpenedStack, openStack } from "./stack";

interface Chosen {
  readonly open: OpenedStack;
  readonly path: string;
}

async function choose(id: string, stack: string | undefined): Promise<Chosen> {
  const open = await openStack(stack);
  // Else an id could lead anywhere.
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(id)) throw noSuchBackup(open.site, id);
  return { open, path: join(sitePath(open.site, open.site.backup.folder), id) };
}

async function invariantsOf({ site }: OpenedStack, release: string): Promise<readonly Invariant[]> {
  return findRelease(await loadCatalogue(catalogueFolder(site)), release)?.invariants ?? [];
}

/** Ends what a command does when its user presses Ctrl-C: what it has made is removed, and it says so. */
function interruptible(): AbortSignal {
  const cancel = new AbortController();
  process.once("SIGINT", () => cancel.abort(new Error("It was cancelled. Nothing of it is left.")));
  return cancel.signal;
}

/** `octollm backups verify <id>`. */
export async function verifyOne(
  id: string,
  options: { stack?: string; restore?: boolean; scratch?: string },
): Promise<void> {
  const { open, path } = await choose(id, options.stack);
  const signal = interruptible();
  const progress = note;
  const manifest = await verifyBackup(path, { signal, progress, inside: toolPlace(open.site) });
  print(`${id}: all ${manifest.files.length} files are as they were written`);
  if (!options.restore && options.scratch === undefined) return;
  const { site, settings } = open;
  const invariants = await invariantsOf(open, manifest.release);
  const address = await readAddress(site, settings.databaseUrl);
  const { identityFile, jobs } = site.backup;
  await withOpenBackup(path, { identityFile, signal, progress }, async (folder) => {
    const dump = { ...manifest, schema: await loadSchema(folder), cluster: await loadCluster(folder) };
    const { revision } = manifest;
    const { scratch } = options;
    const named = scratch === undefined ? {} : { scratch };
    const what = { address, id, folder, revision, invariants, jobs, dump, ...named };
    await proveByRestore({ ...what, inside: toolPlace(site), progress, signal });
  });
  print(`${id}: restored into a scratch database:`);
  print("every row, object and invariant is as it was; the database was dropped again");
}

/** `octollm backups restore <id>`: the settings that make preview and up restore it, or a database beside to look into. */
export async function restoreBackup(id: string, { stack, into }: { stack?: string; into?: string }): Promise<void> {
  const { open, path } = await choose(id, stack);
  const manifest = await verifyBackup(path, { signal: interruptible(), inside: toolPlace(open.site) });
  if (into !== undefined) return lookInto(open, { id, path, into });
  const config = open.backend.config(open.name);
  const wish = open.settings.restoreFrom === id || open.settings.restoreFrom.startsWith(`${id}#`) ? again(open) : id;
  config.set(config.fullKey("version"), manifest.release, false);
  config.set(config.fullKey("restoreFrom"), wish, false);
  config.save();
  print(`stack '${open.name}': version is ${manifest.release},`);
  print(`restoreFrom is ${wish}`);
  print("Nothing was restored yet. See what it changes, accept the loss, then do it:");
  print("  octollm preview");
  print("  octollm config set acceptLoss <the loss id that preview shows>");
  print("  octollm up");
}

/** A backup that has been restored before, with the same setting, gets the next number. */
function again({ settings }: OpenedStack): string {
  const [id = "", turn = "1"] = settings.restoreFrom.split("#");
  return `${id}#${Number(turn) + 1}`;
}

async function lookInto(open: OpenedStack, what: { id: string; path: string; into: string }): Promise<void> {
  const { id, path, into } = what;
  const { site, settings } = open;
  const own = await readAddress(site, settings.databaseUrl);
  const signal = interruptible();
  const { identityFile, jobs } = site.backup;
  await withMaintenance(own, { name: "restore" }, async (client) => {
    if (into === own.database || (await isKnownDatabase(client, into)))
      throw new Error(`There is a database '${into}' already; it was left as it is. Name a new one.`);
    await withOpenBackup(path, { identityFile, signal, progress: note }, async (folder, manifest) => {
      const { database } = await loadCluster(folder);
      const { counts, revision } = manifest;
      const invariants = await invariantsOf(open, manifest.release);
      await loadBeside(client, {
        address: { ...own, database: into },
        settings: database,
        mark: newMark("restore", { database: into, backup: id }),
        folder,
        manifest,
        expected: { counts, revision, invariants, schema: await loadSchema(folder) },
        jobs,
        inside: toolPlace(site),
        label: "restore",
        progress: note,
        signal,
      });
      await removeMark(client, into, database.comment);
    });
  });
  print(`${id} is in database '${into}' now.`);
  print("The installation's own database was not touched.");
}
