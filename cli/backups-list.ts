import { relative } from "node:path";

import { describeDuration, describeSize } from "../backup/describe";
import { listBackups, type ListedBackup } from "../backup/list";
import { table } from "../engine/commands/table";
import { type DatabaseLook, findFault, lookAtDatabase } from "../phases/restore-facts";
import { readAddress, type Site, sitePath } from "../phases/site";
import type { ListedDatabase } from "../postgres/databases";
import { bold, note, print } from "./output";
import { type OpenedStack, openStack } from "./stack";

export interface ListOptions {
  readonly stack?: string;
  readonly json?: boolean;
}

/** A backup, and why it cannot be restored here. */
interface Judged extends ListedBackup {
  readonly against: string | null;
}

/** `octollm backups list`. */
export async function listOfBackups({ stack, json }: ListOptions): Promise<void> {
  const open = await openStack(stack);
  const look = await lookIfPossible(open);
  const backups = await judged(open.site, look);
  const kept = keptDatabases(look);
  if (json) return print(JSON.stringify({ backups: backups.map(asJson), databases: kept.map(databaseJson) }, null, 2));
  if (backups.length === 0) print(`no backup in '${sitePath(open.site, open.site.backup.folder)}' yet`);
  else print(table(["BACKUP", "AGE", "SIZE", "OCTOLLM", "PROVEN BY", "GOOD FOR"], backups.map(rowOf)));
  if (kept.length > 0) print(`\n${table(["DATABASE KEPT BY A RESTORE", "AGE", "SIZE"], kept.map(databaseRow))}`);
}

/** What the server tells; without it only the files can be judged. */
export async function lookIfPossible({ site, settings }: OpenedStack): Promise<DatabaseLook | null> {
  try {
    const address = await readAddress(site, settings.databaseUrl);
    return await lookAtDatabase(address, { budgetMs: site.preview.budget * 1000, mayBeDamaged: true });
  } catch (error) {
    note(`The database server cannot be asked: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
}

/** The databases that restores of this installation have kept. */
export function keptDatabases(look: DatabaseLook | null): ListedDatabase[] {
  if (!look) return [];
  return look.related.filter(({ mark }) => mark?.kind === "before" && mark.database === look.database.database);
}

async function judged(site: Site, look: DatabaseLook | null): Promise<Judged[]> {
  const listed = await listBackups(sitePath(site, site.backup.folder));
  return Promise.all(
    listed.map(async (backup) => ({
      ...backup,
      against: backup.manifest ? await findFault(backup.path, backup.manifest, site, look) : backup.fault,
    })),
  );
}

function rowOf(backup: Judged): string[] {
  const { id, manifest, bytes } = backup;
  if (!manifest) return [id, "", "", "", "", "nothing"];
  const proven = { checksums: "checksums", restore: "restore" }[manifest.verified];
  return [id, ageOf(manifest.created), describeSize(bytes), manifest.release, proven, goodFor(backup)];
}

function goodFor({ manifest, against }: Judged): string {
  if (against === null) return "restore";
  if (/another installation/.test(against)) return "others";
  return manifest?.encryption && /identityFile/.test(against) ? "its key" : "nothing";
}

function ageOf(created: string): string {
  const seconds = (Date.now() - Date.parse(created)) / 1000;
  return seconds < 0 ? "future" : describeDuration(seconds);
}

function databaseRow({ name, mark, bytes }: ListedDatabase): string[] {
  return [name, mark ? ageOf(mark.at) : "", bytes === null ? "" : describeSize(bytes)];
}

function databaseJson({ name, mark, bytes }: ListedDatabase): object {
  return { name, at: mark?.at, backup: mark?.backup, bytes };
}

function asJson({ id, path, bytes, manifest, against }: Judged): object {
  const { created, release, revision, attempt, planId, verified, encryption } = manifest ?? {};
  return {
    id,
    path,
    bytes,
    created,
    release,
    revision,
    attempt,
    planId,
    verified,
    encrypted: Boolean(encryption),
    fault: against,
  };
}

/** `octollm backups show <id>`. */
export async function showBackup(id: string, { stack, json }: ListOptions): Promise<void> {
  const open = await openStack(stack);
  const backup = (await judged(open.site, await lookIfPossible(open))).find((candidate) => candidate.id === id);
  if (!backup) throw noSuchBackup(open.site, id);
  if (json) return print(JSON.stringify({ ...asJson(backup), manifest: backup.manifest }, null, 2));
  for (const [name, text] of describe(backup)) print(`${bold(name.padEnd(10))} ${text}`);
}

/** The refusal of an id that no backup has. */
export function noSuchBackup(site: Site, id: string): Error {
  return new Error(
    `There is no backup '${id}' in '${sitePath(site, site.backup.folder)}'. Nothing was touched. See: octollm backups list`,
  );
}

function describe({ id, path, manifest, bytes, against }: Judged): [string, string][] {
  if (!manifest)
    return [
      ["backup", id],
      ["good for", `nothing: ${against ?? "it cannot be read"}`],
    ];
  const { installation, tool, counts, files, durations, encryption } = manifest;
  const rows = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const parts = Object.entries(durations).map(([part, seconds]) => `${part} ${seconds.toFixed(1)} s`);
  return [
    ["backup", id],
    ["folder", relative(process.cwd(), path)],
    ["of", `OctoLLM ${manifest.release} at revision ${manifest.revision ?? "none"}`],
    ["made", `${manifest.created}, ${ageOf(manifest.created)} ago, by attempt ${manifest.attempt}`],
    ["plan", manifest.planId],
    ["database", `${installation.database}, PostgreSQL ${installation.serverVersion}`],
    ["server", installation.systemIdentifier ?? "its identifier could not be read"],
    ["size", `${describeSize(bytes)} in ${files.length} files, of ${describeSize(installation.bytes)} in the database`],
    ["holds", `${rows.toLocaleString("en")} rows of ${Object.keys(counts).length} tables`],
    ["tool", `pg_dump ${tool.version}, compression ${tool.compression}`],
    ["took", `${manifest.seconds.toFixed(1)} s (${parts.join(", ")})`],
    ["proven by", manifest.verified === "restore" ? "a restore into a scratch database" : "reading it back"],
    ...volumesIn(files),
    ["encrypted", encryption ? `to ${encryption.recipients.join(", ")}` : "no"],
    ...(against === null
      ? [
          ["good for", `a restore of OctoLLM ${manifest.release}:`] as [string, string],
          ["", `octollm backups restore ${id}`] as [string, string],
        ]
      : [["good for", `nothing here: ${against}`] as [string, string]]),
  ];
}

/** Volumes are put back by hand: docs/backup.md has the commands. */
function volumesIn(files: readonly { readonly path: string }[]): [string, string][] {
  const names = files.flatMap(({ path }) => /^volumes\/(.+)\.tar\.gz/.exec(path)?.[1] ?? []);
  return names.length === 0 ? [] : [["volumes", names.join(", ")]];
}
