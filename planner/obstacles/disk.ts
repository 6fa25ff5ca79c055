import { workOf } from "../../postgres/hazards/proven";
import { findRelation } from "../../postgres/identifiers";
import type { Catalogue } from "../../releases/release";
import { scriptOf } from "../chain";
import type { Plan } from "../plan";
import type { Refusal } from "../refusals";
import { tableOf } from "../statement-facts";
import type { World } from "../world";

/** A dump of a table is smaller than the table with its indexes; a fifth is what well compressible text comes to. */
const smallestDump = 0.2;
/** A backup grows with its database from one to the next. */
const growth = 1.2;

/** Space for the backup. */
export function judgeBackupRoom({ backup }: Plan, { disk, server }: World): Refusal[] {
  if (backup.required && disk.backupsFault !== null)
    return [
      {
        path: "octollm:backup.folder",
        text: `${disk.backupsFault}. Put it right, or name another folder: octollm config set --path backup.folder <folder>`,
      },
    ];
  if (!backup.required || !disk.backups) return [];
  const { path, free, lastBackup } = disk.backups;
  const whole = server.relations.reduce((sum, { bytes }) => sum + bytes, 0);
  const needed = lastBackup === null ? whole * smallestDump : lastBackup * growth;
  if (free >= needed) return [];
  const reason = lastBackup === null ? `the database has ${size(whole)}` : `the last one has ${size(lastBackup)}`;
  return [
    {
      path: "octollm:backup.folder",
      text:
        `'${path}' has ${size(free)} left, and the backup needs at least ${size(needed)} (${reason}). Make room, or name ` +
        "another folder: octollm config set --path backup.folder <folder>",
    },
  ];
}

/** Space for the second copy that a rewritten table needs. */
export function judgeRewriteRoom(plan: Plan, { disk, server }: World, catalogue: Catalogue): Refusal[] {
  if (!disk.data) return [];
  const rewritten = new Set(
    [...plan.revisions.pre, ...plan.revisions.post].flatMap((step) => {
      const migration = catalogue.chain.find(({ revision }) => revision === step.revision);
      const script = migration && scriptOf(step, migration);
      const work = script?.statements.flatMap((statement) => workOf(statement, tableOf(server))) ?? [];
      return work.filter(({ kind }) => kind === "rewrites").map(({ relation }) => relation);
    }),
  );
  const found = [...rewritten].map((name) => findRelation(name, server.relations, server.searchPath));
  const tables = [...new Set(found)].filter((table) => table !== undefined);
  const needed = tables.reduce((sum, { bytes }) => sum + bytes, 0);
  if (disk.data.free >= needed) return [];
  return [
    {
      path: "database",
      text:
        `the data directory '${disk.data.path}' has ${size(disk.data.free)} left, and rewriting ` +
        `${tables.map(({ name }) => name).join(", ")} needs ${size(needed)} until it is done. Make room`,
    },
  ];
}

/** Space for the restored database, which stands beside the old one until that is pruned. */
export function judgeRestoreRoom({ restore }: Plan, { disk }: World, databaseBytes: number): Refusal[] {
  const isLoaded = restore.way === "swap" || restore.way === "replace";
  if (!isLoaded || !disk.data || disk.data.free >= databaseBytes) return [];
  return [
    {
      path: "database",
      text:
        `the data directory '${disk.data.path}' has ${size(disk.data.free)} left, and the database of backup ` +
        `${restore.backup ?? ""} needs ${size(databaseBytes)}. Make room`,
    },
  ];
}

function size(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
