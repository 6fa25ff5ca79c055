import { join } from "node:path";

import { loadSchema } from "../backup/compare";
import { readManifest } from "../backup/manifest";
import type { Plan } from "../planner/plan";
import { type DatabaseAddress, withClient } from "../postgres/connection";
import { countRows, type Counts } from "../postgres/counts";
import type { DatabaseFacts } from "../postgres/facts";
import { relationName } from "../postgres/identifiers";
import { compareSchemas, objectName, readSchemaLines } from "../postgres/schema-lines";
import { inTransaction } from "../postgres/transaction";
import { type Site, sitePath } from "./site";

/** How many of a kind are told one by one. */
const longest = 12;

interface Losses {
  readonly site: Site;
  readonly address: DatabaseAddress;
  readonly database: DatabaseFacts;
}

/**
 * What a restore takes away, in numbers: rows per table, and objects that were made since. They move by themselves, so they
 * are told and are no part of the plan. Exact where counting fits into the preview's budget, else with `~`.
 *
 * @returns a line each; empty when nothing is restored
 */
export async function describeLosses({ restore }: Plan, { site, address, database }: Losses): Promise<string[]> {
  if (restore.backup === null || restore.way === "done") return [];
  const folder = join(sitePath(site, site.backup.folder), restore.backup);
  const manifest = await readManifest(folder);
  const options = { name: "preview", readOnly: true, connectTimeoutMs: site.preview.budget * 1000 };
  const now = await withClient(address, options, async (client) => {
    await client.query(`SET statement_timeout = ${site.preview.budget * 1000}`);
    const exact = await countRows(client).catch(() => null);
    const schema = await inTransaction(client, "READ ONLY", () => readSchemaLines(client)).catch(() => null);
    return { exact, schema };
  }).catch(() => null);
  if (!now) return ["what is in the database now cannot be read, so that nobody can tell what is lost"];
  const rows = describeRows(manifest.counts, now.exact ?? estimated(database), now.exact === null);
  const then = manifest.encryption === null ? await loadSchema(folder) : null;
  return [...rows, ...(now.schema && then ? describeObjects(then, now.schema) : [])];
}

function estimated({ relations }: DatabaseFacts): Counts {
  const tables = relations.filter(({ kind, name }) => kind.includes("table") && name !== "alembic_version");
  return Object.fromEntries(tables.map((table) => [relationName(table), table.estimatedRows ?? 0]));
}

function describeRows(then: Counts, now: Counts, isEstimate: boolean): string[] {
  const show = (count: number | undefined, mark = "") =>
    count === undefined ? "no table" : `${mark}${count.toLocaleString("en")}`;
  const tables = [...new Set([...Object.keys(now), ...Object.keys(then)])].sort();
  const changed = tables.filter((table) => now[table] !== then[table]);
  if (changed.length === 0)
    return ["every table has as many rows as in the backup; rows that were changed are lost all the same"];
  return shortened(
    changed.map(
      (table) => `${table}: ${show(now[table], isEstimate ? "~" : "")} rows now, ${show(then[table])} in the backup`,
    ),
    "tables",
  );
}

function describeObjects(then: readonly string[], now: readonly string[]): string[] {
  const { added } = compareSchemas(then, now);
  const before = new Set(then.map(objectName));
  const made = [...new Set(added.map(objectName))].filter((name) => !before.has(name));
  // A table stands for its columns and constraints.
  const tables = made.flatMap((name) => /^table (\S+)$/.exec(name)?.[1] ?? []);
  const ofThem = (name: string) =>
    tables.some((table) => /^(?:column|constraint) /.test(name) && name.includes(` ${table}.`));
  return shortened(
    made.filter((name) => !ofThem(name)).map((name) => `made since the backup: ${name}`),
    "objects made since the backup",
  );
}

function shortened(lines: readonly string[], what: string): string[] {
  if (lines.length <= longest) return [...lines];
  return [...lines.slice(0, longest), `and ${lines.length - longest} more ${what}`];
}
