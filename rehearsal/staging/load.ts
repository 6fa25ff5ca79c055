import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";

import { from as copyFrom } from "pg-copy-streams";

import { ChildFailure } from "../../backup/child-process";
import { compareDatabase } from "../../backup/compare";
import { CopyWatch } from "../../backup/copy-progress";
import { withDumpArchive } from "../../backup/dump-archive";
import { withRestoreList } from "../../backup/restore-list";
import { chooseDumpTools } from "../../backup/tools";
import { analyzeDatabase } from "../../postgres/analyze";
import { type Client, type DatabaseAddress, withClient } from "../../postgres/connection";
import { relationName, strictIdentifier } from "../../postgres/identifiers";
import type { Invariant } from "../../releases/release";
import type { ExecPlace } from "../../runtimes/exec";
import { copying, workOff } from "./copying";
import { faultWithoutValues, RehearsalError, withoutRows } from "./error";
import type { MaskedTable } from "./masking";
import { copySettings, type Taken, type TakenTable } from "./take";

export interface CloneLoad {
  /** The new and empty database. */
  readonly address: DatabaseAddress;
  /** What `takeClone` has filled. */
  readonly folder: string;
  readonly taken: Taken;
  readonly serverMajor: number;
  /** Where tools may be looked for besides this host. */
  readonly inside: ExecPlace | null;
  readonly jobs: number;
  readonly progress: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Loads a clone into an empty database: objects, rows, masked rows, then indexes and constraints. Everything belongs to the
 * role of the address, since roles of production need not be there.
 *
 * @throws RehearsalError whose text holds no value of a row
 */
export async function loadClone(load: CloneLoad): Promise<void> {
  const { address, folder, taken, serverMajor, inside, jobs, progress, signal } = load;
  const tools = await chooseDumpTools({ serverMajor, inside, signal });
  const session = { address, name: "octollm-upgrade: pg_restore" };
  const dump = { folder, tool: taken.dump.tool, signal };
  progress(`clone: pg_restore ${tools.version}, ${jobs} jobs, into '${address.database}'`);
  const watch = new CopyWatch({ address, sizes: taken.dump.tables, label: "clone", progress });
  try {
    await withDumpArchive(tools, dump, (archive) =>
      withRestoreList(tools, dump, async (list) => {
        const common = [`--dbname=${address.database}`, `--use-list=${list}`];
        const how = ["--no-owner", "--no-acl", "--exit-on-error", "--no-password", "--verbose", ...archive.args];
        const restore = (section: string, more: readonly string[]) => {
          const args = [...common, `--section=${section}`, ...more, ...how];
          const { onLine } = watch;
          return tools.host.run({ program: tools.restore, args, session, ...archive.input(), signal, onLine });
        };
        const share = archive.isSeekable ? [`--jobs=${jobs}`] : [];
        await restore("pre-data", []);
        await restore("data", share);
        await loadMasked(load);
        await restore("post-data", share);
      }),
    );
  } catch (error) {
    if (!(error instanceof ChildFailure)) throw error;
    throw new RehearsalError(
      `The clone could not be loaded: ${withoutRows(error.message)}\nValues are not shown. Staging's database is as it was.`,
    );
  } finally {
    await watch.end();
  }
  progress("clone: ANALYZE");
  await analyzeDatabase(address, jobs);
}

async function loadMasked({ address, taken, jobs, progress, signal }: CloneLoad): Promise<void> {
  const parts = taken.tables.flatMap(({ table, files }) => files.map((file) => ({ table, file })));
  if (parts.length > 0) progress(`clone: the rows of ${taken.tables.length} masked tables`);
  await workOff(parts, { workers: jobs, signal }, (next, either) =>
    withClient(address, { name: "clone" }, async (client) => {
      await client.query(copySettings);
      for (let part = next(); part; part = next()) await loadPart(client, part, either);
    }),
  );
}

async function loadPart(
  client: Client,
  { table, file }: { table: MaskedTable; file: string },
  signal: AbortSignal,
): Promise<void> {
  const columns = table.columns.map(strictIdentifier).join(", ");
  const into = `${strictIdentifier(table.schema)}.${strictIdentifier(table.name)} (${columns})`;
  try {
    await copying(client, signal, () =>
      pipeline(createReadStream(file), createGunzip(), client.query(copyFrom(`COPY ${into} FROM STDIN`))),
    );
  } catch (error) {
    signal.throwIfAborted();
    throw new RehearsalError(
      `The masked rows of table ${relationName(table)} do not fit into it: ${faultWithoutValues(error)}. Values are not shown. ` +
        "Correct octollm:rehearsal.masking. Staging's database is as it was.",
    );
  }
}

/** A clone's own rights: production's roles need not exist on staging's server. */
const withoutOwner = (line: string) => line.replace(/ owner [^\s,]+(?:, (?:\S+=[A-Z]+ ?)*)?/, "");

/**
 * Compares a loaded clone with production as its snapshot was: rows of every table, objects, revision, invariants; and looks
 * for values that no mask can have made.
 *
 * @returns each difference as a line; empty when there is none
 */
export async function judgeClone(
  { address, taken }: Pick<CloneLoad, "address" | "taken">,
  expected: { readonly revision: string | null; readonly invariants: readonly Invariant[] },
): Promise<string[]> {
  const { counts, schema } = taken.dump;
  const besides = (client: Client) => findUnmasked(client, taken.tables);
  return compareDatabase(address, { counts, schema, ...expected }, { lineOf: withoutOwner, besides });
}

async function findUnmasked(client: Client, tables: Taken["tables"]): Promise<string[]> {
  const faults: string[] = [];
  for (const table of tables) {
    const { rows } = await client.query<string[]>({ text: countForeign(table), rowMode: "array" });
    const [all = 0, ...found] = (rows[0] ?? []).map(Number);
    if (all !== table.rows) faults.push(`${relationName(table.table)}: ${all} rows instead of ${table.rows}`);
    table.table.masks.forEach(({ column }, index) => {
      const left = found[index] ?? 0;
      if (left > 0) faults.push(`${relationName(table.table)}.${column}: ${left} values are not masked`);
    });
  }
  return faults;
}

function countForeign({ table }: TakenTable): string {
  const counts = table.masks.map(
    ({ column, foreign }) => `count(*) FILTER (WHERE ${strictIdentifier(column)} IS NOT NULL AND (${foreign}))`,
  );
  return `SELECT count(*), ${counts.join(", ")} FROM ONLY ${strictIdentifier(table.schema)}.${strictIdentifier(table.name)}`;
}
