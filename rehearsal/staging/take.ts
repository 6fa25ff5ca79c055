import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";

import { to as copyTo } from "pg-copy-streams";

import { type Dump, dumpDatabase } from "../../backup/dump";
import { type Client, type DatabaseAddress, withClient } from "../../postgres/connection";
import { relationName, strictIdentifier, textLiteral } from "../../postgres/identifiers";
import { inTransaction } from "../../postgres/transaction";
import type { MaskFact } from "../../report/rehearsal-facts";
import { copying, workOff } from "./copying";
import { faultWithoutValues, RehearsalError } from "./error";
import { type MaskKey, useMaskKey } from "./mask-key";
import type { MaskedTable } from "./masking";

/** A masked table as files of COPY's text form, compressed. */
export interface TakenTable {
  readonly table: MaskedTable;
  readonly files: readonly string[];
  readonly rows: number;
}

/** Production's database of one moment: a dump without the rows of masked tables, and those rows as the masks show them. */
export interface Taken {
  readonly dump: Dump;
  readonly tables: readonly TakenTable[];
  readonly columns: readonly MaskFact[];
  /** How long production's snapshot was open. */
  readonly milliseconds: number;
}

export interface TakeOptions {
  /** Production's database; its sessions are READ ONLY. */
  readonly address: DatabaseAddress;
  /** Private folder that the files go to. */
  readonly folder: string;
  readonly masked: readonly MaskedTable[];
  readonly key: MaskKey;
  /** Tables that are read at once, by pg_dump and through masks each. */
  readonly jobs: number;
  /** Blocks that are read at once of a large table; 64 MB unless given. */
  readonly partPages?: number;
  readonly progress: (line: string) => void;
  readonly signal: AbortSignal;
}

/** 64 MB: a large table is read in such parts, several at once. */
const usualPartPages = 8192;

/** The session's texts mean the same to the server that reads them, whatever the two are set to. */
export const copySettings =
  "SET datestyle = 'ISO, YMD'; SET intervalstyle = 'postgres'; SET extra_float_digits = 3; SET client_encoding = 'UTF8'; SET bytea_output = 'hex'";

/**
 * Reads production's database in one snapshot: what is masked is masked by the server that has it, so that no other value
 * ever leaves it. Writes nothing there: every transaction is READ ONLY.
 *
 * @throws RehearsalError when a mask leaves values as they are; no text of an error holds a value
 */
export async function takeClone(options: TakeOptions): Promise<Taken> {
  const { address, folder, masked, jobs, progress, signal } = options;
  const started = Date.now();
  const copies = join(folder, "masked");
  await mkdir(copies, { mode: 0o700 });
  const works = partsOf(masked, copies, options.partPages ?? usualPartPages);
  const taken: Part[] = [];
  const dump = await dumpDatabase({
    address,
    folder,
    // Another installation's container is nobody's here: this host's tools read production.
    inside: null,
    jobs,
    moreArguments: ({ major }) => [
      ...masked.map(({ schema, name }) => `--exclude-table-data=${strictIdentifier(schema)}.${strictIdentifier(name)}`),
      // A subscription would take what another database is waiting for; statistics hold values of rows.
      ...["--no-subscriptions", "--no-publications", ...(major >= 18 ? ["--no-statistics"] : [])],
    ],
    beside: (snapshot, ended) =>
      workOff(works, { workers: jobs, signal: ended }, (next, either) =>
        work(options, snapshot, async (client) => {
          for (let part = next(); part; part = next()) taken.push(await takePart(client, part, either));
        }),
      ),
    progress: (line) => progress(line.replace(/^backup/, "clone")),
    signal,
  });
  const tables = masked.map((table): TakenTable => {
    const parts = taken.filter((part) => part.table === table);
    return { table, files: parts.map(({ file }) => file), rows: parts.reduce((sum, { rows }) => sum + rows, 0) };
  });
  return { dump, tables, columns: columnsOf(masked, taken), milliseconds: Date.now() - started };
}

/** Some pages of a masked table, and the file that they go to. */
interface Part {
  readonly table: MaskedTable;
  readonly file: string;
  readonly where: string;
  readonly rows: number;
  /** Of each mask, in order. */
  readonly values: readonly number[];
}

function partsOf(masked: readonly MaskedTable[], folder: string, pagesOfPart: number): Part[] {
  return masked.flatMap((table, index) => {
    const count = Math.max(1, Math.ceil(table.pages / pagesOfPart));
    return Array.from({ length: count }, (_, part) => {
      const from = `ctid >= '(${part * pagesOfPart},0)'::tid`;
      // The last one has no end: the table may have grown since it was measured.
      const to = part + 1 < count ? ` AND ctid < '(${(part + 1) * pagesOfPart},0)'::tid` : "";
      return { table, file: join(folder, `${index}-${part}.copy.gz`), where: from + to, rows: 0, values: [] };
    });
  });
}

/** A READ ONLY session in the snapshot, that has the key. */
async function work(
  { address, key }: TakeOptions,
  snapshot: string,
  use: (client: Client) => Promise<void>,
): Promise<void> {
  await withClient(address, { name: "clone", readOnly: true }, async (client) => {
    await client.query(copySettings);
    await useMaskKey(client, key);
    await inTransaction(client, "ISOLATION LEVEL REPEATABLE READ READ ONLY", async () => {
      await client.query(`SET TRANSACTION SNAPSHOT ${textLiteral(snapshot)}`);
      // What row security hides would be missing from the clone without a word.
      await client.query("SET LOCAL row_security = off; SET LOCAL lock_timeout = '60s'");
      await use(client);
    });
  });
}

async function takePart(client: Client, part: Part, signal: AbortSignal): Promise<Part> {
  const { table, file, where } = part;
  const from = `FROM ONLY ${strictIdentifier(table.schema)}.${strictIdentifier(table.name)} WHERE ${where}`;
  try {
    let counted: Pick<Part, "rows" | "values"> = part;
    await copying(client, signal, async () => {
      counted = await countPart(client, table, from);
      const stream = client.query(copyTo(`COPY (SELECT ${selectList(table)} ${from}) TO STDOUT`));
      await pipeline(stream, createGzip({ level: 1 }), createWriteStream(file, { mode: 0o600 }));
    });
    return { ...part, ...counted };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof RehearsalError) throw error;
    throw new RehearsalError(
      `Table ${relationName(table)} could not be read through its masks: ${faultWithoutValues(error)}. ` +
        "Values are not shown. Production was only read, and staging is as it was.",
    );
  }
}

function selectList({ columns, masks }: MaskedTable): string {
  return columns
    .map((column) => masks.find((mask) => mask.column === column)?.expression ?? strictIdentifier(column))
    .join(", ");
}

async function countPart(client: Client, table: MaskedTable, from: string): Promise<Pick<Part, "rows" | "values">> {
  const counts = table.masks.flatMap(({ column, unmasked }) => [
    `count(${strictIdentifier(column)})`,
    `count(*) FILTER (WHERE ${unmasked})`,
  ]);
  const { rows } = await client.query<string[]>({
    text: `SELECT count(*), ${counts.join(", ")} ${from}`,
    rowMode: "array",
  });
  const [all = 0, ...found] = (rows[0] ?? []).map(Number);
  const left = table.masks.flatMap(({ column }, index) => {
    const same = found[2 * index + 1] ?? 0;
    return same > 0 ? [`${column} (${same} values)`] : [];
  });
  if (left.length > 0)
    throw new RehearsalError(
      `The masks of table ${relationName(table)} leave values as they are: ${left.join(", ")}. Correct octollm:rehearsal.masking. ` +
        "Production was only read, and staging is as it was.",
    );
  return { rows: all, values: table.masks.map((_, index) => found[2 * index] ?? 0) };
}

function columnsOf(masked: readonly MaskedTable[], taken: readonly Part[]): MaskFact[] {
  return masked.flatMap((table) =>
    table.masks.map(({ column, kind }, index) => {
      const parts = taken.filter((part) => part.table === table);
      return {
        table: relationName(table),
        column,
        kind,
        rows: parts.reduce((sum, { rows }) => sum + rows, 0),
        values: parts.reduce((sum, { values }) => sum + (values[index] ?? 0), 0),
      };
    }),
  );
}
