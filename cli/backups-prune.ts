import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { describeDuration } from "../backup/describe";
import type { Verdict } from "../backup/retention";
import type { DatabaseLook } from "../phases/restore-facts";
import { judgeBackups, pruneBackups, referredBackups } from "../phases/retention";
import { readAddress } from "../phases/site";
import { dropDatabase, type ListedDatabase } from "../postgres/databases";
import { withMaintenance } from "../postgres/maintenance";
import { keptDatabases, lookIfPossible } from "./backups-list";
import { print } from "./output";
import { type OpenedStack, openStack } from "./stack";

/** `octollm backups prune`: the backups and kept databases that retention lets go, but none that anything refers to. */
export async function pruneCommand({ stack, dryRun }: { stack?: string; dryRun?: boolean }): Promise<void> {
  const open = await openStack(stack);
  const look = await lookIfPossible(open);
  if (!look || look.damage !== null)
    throw new Error(
      "Without the ledger nobody can tell which backups are still needed. Nothing was deleted. Make the database answer first.",
    );
  const verdicts = await judgeBackups(open.site, [...referredBackups(look.ledger), ...(await statesReferTo(open))]);
  const databases = judgeDatabases(open, look);
  if (dryRun) return tell(verdicts, databases);
  await pruneBackups(verdicts, { progress: print });
  const address = await readAddress(open.site, open.settings.databaseUrl);
  for (const { database } of databases.filter(({ keep }) => keep === null))
    await withMaintenance(address, { name: "prune" }, async (client) => {
      await dropDatabase(client, database.name);
      print(`dropped database ${database.name}: ${tooOld}`);
    });
  if (verdicts.every(({ keep }) => keep) && databases.every(({ keep }) => keep !== null)) print("nothing to delete");
}

/** Ids that a stack's state names, as text: no passphrase is needed for that. */
async function statesReferTo({ backend, site }: OpenedStack): Promise<string[]> {
  const folder = backend.location.stacksFolder;
  const names = (await readdir(folder)).filter((name) => name.endsWith(".json"));
  const states = await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
  const verdicts = await judgeBackups(site, []);
  return verdicts.map(({ backup }) => backup.id).filter((id) => states.some((state) => state.includes(id)));
}

const tooOld = "it is older than backup.keepDays";

interface DatabaseVerdict {
  readonly database: ListedDatabase;
  /** Why it stays; null when it goes. */
  readonly keep: string | null;
}

function judgeDatabases({ site }: OpenedStack, look: DatabaseLook): DatabaseVerdict[] {
  const { keepDays } = site.backup;
  const isOpen = look.ledger.lastAttempt !== null && look.ledger.lastAttempt.status !== "succeeded";
  return keptDatabases(look).map((database) => {
    const age = (Date.now() - Date.parse(database.mark?.at ?? "")) / 1000;
    if (isOpen) return { database, keep: "an attempt did not reach its end" };
    const old = age >= keepDays * 86_400;
    return {
      database,
      keep: old ? null : `it is younger than ${keepDays} days (${describeDuration(Math.max(0, age))})`,
    };
  });
}

function tell(verdicts: readonly Verdict[], databases: readonly DatabaseVerdict[]): void {
  const show = (keep: boolean, name: string, reason: string) => {
    print(`${keep ? "stays" : "goes "}  ${name}`);
    print(`       ${reason}`);
  };
  for (const { backup, keep, reason } of verdicts) show(keep, backup.id, reason);
  for (const { database, keep } of databases) show(keep !== null, `database ${database.name}`, keep ?? tooOld);
  if (verdicts.length + databases.length === 0) print("there is nothing to judge");
}
