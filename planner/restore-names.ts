import { createHash } from "node:crypto";

/** Names of the databases that a restore has to do with. */
export interface RestoreNames {
  /** Where the backup is loaded. */
  readonly incoming: string;
  /** What the replaced database is called afterwards. */
  readonly before: string;
}

/** PostgreSQL cuts a name at 63 bytes: then part of the database's own name gives way to a digest of it. */
const longestName = 63;

/**
 * `<database>_restore_<id>` and `<database>_before_<id>`.
 *
 * @param taken - names of databases that are there; a `before` of an earlier restore is not taken again
 */
export function restoreNames(database: string, id: string, taken: readonly string[]): RestoreNames {
  let before = derivedName(database, `_before_${id}`);
  for (let turn = 2; taken.includes(before); turn++) before = derivedName(database, `_before_${id}_${turn}`);
  return { incoming: derivedName(database, `_restore_${id}`), before };
}

function derivedName(database: string, ending: string): string {
  if (Buffer.byteLength(database + ending) <= longestName) return database + ending;
  const digest = createHash("sha256")
    .update(database + ending)
    .digest("hex")
    .slice(0, 8);
  const cut = (text: string, bytes: number) => {
    let start = text;
    while (Buffer.byteLength(start) > bytes) start = start.slice(0, -1);
    return start;
  };
  const end = `_${cut(ending.slice(1), 38)}`;
  return `${cut(database, longestName - Buffer.byteLength(end) - digest.length - 1)}_${digest}${end}`;
}
