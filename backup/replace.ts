import { PassThrough, Readable } from "node:stream";

import type { DatabaseAddress } from "../postgres/connection";
import { userRelations } from "../postgres/facts";
import { textLiteral } from "../postgres/identifiers";
import type { ExecPlace } from "../runtimes/exec";
import { ChildFailure } from "./child-process";
import { CopyWatch } from "./copy-progress";
import { type DumpArchive, withDumpArchive } from "./dump-archive";
import type { Manifest } from "./manifest";
import { withRestoreList } from "./restore-list";
import { chooseDumpTools, describeVersion, type DumpTools } from "./tools";

export interface ReplaceOptions {
  readonly address: DatabaseAddress;
  /** Folder of the backup, decrypted. */
  readonly folder: string;
  readonly manifest: Pick<Manifest, "tool" | "tables" | "counts">;
  /** Where tools may be looked for besides this host. */
  readonly inside: ExecPlace | null;
  /** Extensions that the backup has; others are dropped. */
  readonly extensions: readonly string[];
  /** SQL that runs last, in the same transaction. */
  readonly statements: readonly string[];
  readonly progress: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Replaces all that is in a database by a backup, in one transaction: drops every object, loads the dump, counts the rows,
 * runs the statements. Whatever ends it early leaves the database as it was.
 *
 * @throws ChildFailure with what psql or pg_restore said
 */
export async function replaceContents(options: ReplaceOptions): Promise<void> {
  const { address, folder, manifest, inside, progress, signal } = options;
  const { tool, tables } = manifest;
  const tools = await chooseDumpTools({ serverMajor: Number.parseInt(tool.version, 10), inside, signal });
  progress(
    `restore: pg_restore ${describeVersion(tools)} through psql, in one transaction, into '${address.database}'`,
  );
  const dump = { folder, tool, signal };
  const watch = new CopyWatch({ address, sizes: tables, label: "restore", progress });
  try {
    await withDumpArchive(tools, dump, (archive) =>
      withRestoreList(tools, dump, (list) => pourInto(tools, { ...options, archive, list, onLine: watch.onLine })),
    );
  } finally {
    await watch.end();
  }
}

interface Pouring extends ReplaceOptions {
  readonly archive: DumpArchive;
  /** File that pg_restore goes by. */
  readonly list: string;
  readonly onLine: (line: string) => void;
}

/** Feeds psql with the script that pg_restore writes. */
async function pourInto({ host, restore, psql }: DumpTools, pouring: Pouring): Promise<void> {
  const { address, archive, list, onLine, signal } = pouring;
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const endOther = (error: unknown) => {
    failed.abort(error);
    throw error;
  };
  const script = new PassThrough();
  const writing = host
    .run({
      program: restore,
      args: ["--file=-", `--use-list=${list}`, "--verbose", ...archive.args],
      ...archive.input(),
      output: script,
      signal: either,
      onLine,
    })
    .catch(endOther);
  // A script that ends before its COMMIT is rolled back, whatever ended it: half a dump is never committed.
  async function* whole() {
    yield `BEGIN;\n${dropEverything(pouring.extensions)}`;
    for await (const piece of script) yield piece as Buffer;
    await writing;
    const ending = [countRowsAgain(pouring.manifest.counts), ...pouring.statements, "COMMIT"];
    yield ending.map((statement) => `${statement};\n`).join("");
  }
  const reading = host
    .run({
      program: psql,
      args: ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--no-password"],
      session: { address, name: "octollm-upgrade: psql" },
      input: Readable.from(whole(), { objectMode: false }),
      signal: either,
    })
    .catch(endOther);
  const outcomes = await Promise.allSettled([reading, writing]);
  signal.throwIfAborted();
  const faults = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason as Error] : []));
  // When one of them ends, the other one only sees its stream break off.
  const fault = faults.find((error) => error instanceof ChildFailure) ?? faults[0];
  if (fault) throw fault;
}

const block = (body: string) => `DO ${textLiteral(body)}`;

/** Drops schemas, extensions that the backup has not, and what is in `public`; the schema itself may belong to another role. */
function dropEverything(extensions: readonly string[]): string {
  const kept = ["plpgsql", ...extensions].map(textLiteral).join(", ");
  const ofPublic = (catalogue: string, oid: string) =>
    `n.nspname = 'public' AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
       WHERE d.classid = 'pg_catalog.${catalogue}'::regclass AND d.objid = ${oid} AND d.deptype = 'e')`;
  // An identity column's sequence cannot be dropped before its table, and is gone with it.
  const drops = [
    `SELECT format('DROP EXTENSION %I CASCADE', extname) FROM pg_catalog.pg_extension WHERE extname NOT IN (${kept})`,
    `SELECT format('DROP SCHEMA %I CASCADE', nspname) FROM pg_catalog.pg_namespace
     WHERE nspname NOT IN ('public', 'information_schema') AND nspname NOT LIKE 'pg\\_%'`,
    `SELECT format('DROP %s IF EXISTS %I.%I CASCADE', CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
              WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END, n.nspname, c.relname)
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND ${ofPublic("pg_class", "c.oid")}
     ORDER BY c.relkind = 'S'`,
    `SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', p.oid::regprocedure)
     FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE ${ofPublic("pg_proc", "p.oid")}`,
    `SELECT format('DROP TYPE IF EXISTS %I.%I CASCADE', n.nspname, t.typname)
     FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
     WHERE t.typtype IN ('c', 'd', 'e', 'r') AND t.typrelid = 0 AND ${ofPublic("pg_type", "t.oid")}`,
  ];
  return drops
    .map((drop) => block(`DECLARE line text; BEGIN FOR line IN ${drop} LOOP EXECUTE line; END LOOP; END`) + ";\n")
    .join("");
}

/** Ends the transaction unless every table has the rows of the backup. */
function countRowsAgain(counts: Manifest["counts"]): string {
  const quoted = (name: string) =>
    `CASE WHEN ${name} ~ '^[a-z_][a-z0-9_$]*$' THEN ${name} ELSE '"' || replace(${name}, '"', '""') || '"' END`;
  return block(`DECLARE
    one record; rows bigint; seen int := 0; wanted jsonb := ${textLiteral(JSON.stringify(counts))};
  BEGIN
    FOR one IN SELECT n.nspname, c.relname, c.relkind,
        CASE WHEN n.nspname = 'public' THEN '' ELSE ${quoted("n.nspname")} || '.' END || ${quoted("c.relname")} AS name
      FROM pg_catalog.pg_class c, pg_catalog.pg_namespace n
      WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> 'alembic_version' AND ${userRelations} LOOP
      EXECUTE format('SELECT count(*) FROM %s %I.%I', CASE WHEN one.relkind = 'r' THEN 'ONLY' ELSE '' END, one.nspname, one.relname)
        INTO rows;
      IF wanted ->> one.name IS DISTINCT FROM rows::text THEN
        RAISE EXCEPTION 'table % has % rows after the restore, and % in the backup', one.name, rows, wanted ->> one.name;
      END IF;
      seen := seen + 1;
    END LOOP;
    IF seen <> (SELECT count(*) FROM jsonb_object_keys(wanted)) THEN
      RAISE EXCEPTION 'only % tables are there after the restore', seen;
    END IF;
  END`);
}
