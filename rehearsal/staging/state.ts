import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";

import { type Site, sitePath } from "../../phases/site";
import { type DatabaseAddress, withClient } from "../../postgres/connection";
import { countRows } from "../../postgres/counts";
import { compareSchemas, readSchemaLines } from "../../postgres/schema-lines";
import { inTransaction } from "../../postgres/transaction";
import type { CheckFact } from "../../report/facts";

/** Staging before the upgrade, to compare the way back with. */
export interface State {
  readonly schema: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
  /** SHA-256 of each file that an upgrade edits, by its name in the settings. */
  readonly files: Readonly<Record<string, string>>;
}

/** Reads it, in READ ONLY sessions. */
export async function readState({
  site,
  staging,
}: {
  readonly site: Site;
  readonly staging: DatabaseAddress;
}): Promise<State> {
  const names = [site.environmentFile, ...(site.composeFile === undefined ? [] : [site.composeFile])];
  const digests = names.map(async (name) => {
    const content = await readFile(sitePath(site, name));
    return [name, createHash("sha256").update(content).digest("hex")] as const;
  });
  const files = Object.fromEntries(await Promise.all(digests));
  return withClient(staging, { name: "rehearse", readOnly: true }, async (client) => ({
    files,
    counts: await countRows(client),
    schema: await inTransaction(client, "ISOLATION LEVEL REPEATABLE READ READ ONLY", () => readSchemaLines(client)),
  }));
}

/** What is not as before; the services may have written, by the test and the load: rows may have been added. */
export function compareStates(before: State, now: State): CheckFact[] {
  const { missing, added } = compareSchemas(before.schema, now.schema);
  const differences = [...missing.map((line) => `is missing: ${line}`), ...added.map((line) => `is new: ${line}`)];
  const counts = Object.entries(before.counts);
  const fewer = counts.filter(([table, rows]) => (now.counts[table] ?? -1) < rows);
  const more = counts.filter(([table, rows]) => (now.counts[table] ?? 0) > rows);
  const count = ([table, rows]: [string, number]) =>
    `${table}: ${rows} rows before, ${now.counts[table] ?? "no table"} now`;
  return [
    {
      check: "every object of the database is as before",
      passed: differences.length === 0,
      detail: differences.slice(0, 10).join("\n") || `${before.schema.length} objects`,
    },
    {
      check: "no table has fewer rows than before",
      passed: fewer.length === 0,
      detail: [...fewer, ...more].map(count).join("\n") || "the same in every table",
    },
    ...Object.entries(before.files).map(([name, digest]) => {
      return {
        check: `${name} is as before, byte for byte`,
        passed: now.files[name] === digest,
        detail: "by its SHA-256",
      };
    }),
  ];
}
