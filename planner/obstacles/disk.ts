import type { Catalogue } from "../../releases/release";
import { scriptOf } from "../chain";
import type { Plan } from "../plan";
import type { Refusal } from "../refusals";
import type { World } from "../world";

/** A dump of a table is smaller than the table with its indexes; a fifth is what well compressible text comes to. */
const smallestDump = 0.2;
/** A backup grows with its database from one to the next. */
const growth = 1.2;

/** Space for the backup, and for the second copy that a rewritten table needs. */
export function judgeDisk(plan: Plan, world: World, catalogue: Catalogue): Refusal[] {
  return [...judgeBackups(plan, world), ...judgeRewrites(plan, world, catalogue)];
}

function judgeBackups({ backup }: Plan, { disk, server }: World): Refusal[] {
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

function judgeRewrites(plan: Plan, { disk, server }: World, catalogue: Catalogue): Refusal[] {
  if (!disk.data) return [];
  const rewritten = new Set(
    [...plan.revisions.pre, ...plan.revisions.post].flatMap((step) => {
      const migration = catalogue.chain.find(({ revision }) => revision === step.revision);
      const locks = (migration && scriptOf(step, migration))?.statements.flatMap((statement) => statement.locks) ?? [];
      return locks.filter((lock) => lock.rewrites).map((lock) => lock.relation);
    }),
  );
  const tables = server.relations.filter(
    ({ schema, name }) => rewritten.has(name) || rewritten.has(`${schema}.${name}`),
  );
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

function size(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
