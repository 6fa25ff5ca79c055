import { type Node, scanSync } from "libpg-query";

import { applicationPrefix, type Client } from "./connection";
import { strictIdentifier } from "./identifiers";
import { type ParsedStatement, parseStatements } from "./statements";
import { rollback } from "./transaction";

/** A CREATE INDEX CONCURRENTLY, taken apart. */
export interface IndexBuild {
  /** Null when the statement leaves the name to PostgreSQL. */
  readonly name: string | null;
  readonly unique: boolean;
  /** The table as the statement names it, quoted. */
  readonly table: string;
  readonly tableName: string;
  /** Everything after the table: method, columns, predicate. */
  readonly rest: string;
}

/** An index that exists under the name that a build wants. */
export interface ExistingIndex {
  readonly qualifiedName: string;
  /** Whether it is an index of the table that the statement names; anything else has merely the same name. */
  readonly sameTable: boolean;
  /** Valid and ready for use. */
  readonly valid: boolean;
  /** PostgreSQL's definition of it; null when it is no index. */
  readonly definition: string | null;
  /** Server process that builds it at the moment. */
  readonly builder: number | null;
  readonly builderIsOurs: boolean;
}

/** The index build of a statement, or undefined when it is another statement. */
export function indexBuildOf({ node, sql }: ParsedStatement): IndexBuild | undefined {
  if (!("IndexStmt" in node) || node.IndexStmt.concurrent !== true) return undefined;
  // Parsed again alone, so that locations count from the statement's own beginning.
  const [alone] = parseStatements(sql);
  const relation = alone && "IndexStmt" in alone.node ? alone.node.IndexStmt.relation : undefined;
  if (!relation?.relname) return undefined;
  const { tokens } = scanSync(sql);
  const first = tokens.findIndex((token) => token.start === (relation.location ?? 0));
  const parts = relation.schemaname ? 3 : 1;
  const end = tokens[first + parts - 1]?.end ?? 0;
  const table = [relation.schemaname, relation.relname].flatMap((part) => (part ? [strictIdentifier(part)] : []));
  return {
    name: node.IndexStmt.idxname ?? null,
    unique: node.IndexStmt.unique === true,
    table: table.join("."),
    tableName: relation.relname,
    rest: Buffer.from(sql, "utf8").subarray(end).toString("utf8"),
  };
}

/** The index that a DROP INDEX CONCURRENTLY drops, quoted, or undefined. */
export function indexDropOf({ node }: { node: Node }): string | undefined {
  if (!("DropStmt" in node) || node.DropStmt.concurrent !== true) return undefined;
  const [object] = node.DropStmt.objects ?? [];
  const items = object && "List" in object ? (object.List.items ?? []) : [];
  return items.flatMap((item) => ("String" in item ? [strictIdentifier(item.String.sval ?? "")] : [])).join(".");
}

/** Looks up what stands under the name of a build, in the schema of its table. */
export async function findIndex(client: Client, build: IndexBuild): Promise<ExistingIndex | null> {
  const { rows } = await client.query<ExistingIndex>(
    `SELECT format('%I.%I', n.nspname, c.relname) AS "qualifiedName", coalesce(i.indrelid = t.oid, false) AS "sameTable",
            coalesce(i.indisvalid AND i.indisready AND i.indislive, false) AS valid, pg_get_indexdef(i.indexrelid) AS definition,
            p.pid AS builder, starts_with(coalesce(a.application_name, ''), $3) AS "builderIsOurs"
     FROM pg_catalog.pg_class t
     JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
     JOIN pg_catalog.pg_class c ON c.relnamespace = t.relnamespace AND c.relname = $2
     LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
     LEFT JOIN pg_catalog.pg_stat_progress_create_index p ON p.index_relid = c.oid
     LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = p.pid
     WHERE t.oid = to_regclass($1)`,
    [build.table, build.name, applicationPrefix],
  );
  return rows[0] ?? null;
}

/**
 * What PostgreSQL would call the definition that a build means: asked of PostgreSQL itself, on an empty copy of the
 * table in a transaction that is rolled back. Takes ACCESS SHARE of the table for a moment.
 */
export async function intendedDefinition(client: Client, build: IndexBuild): Promise<string> {
  const name = strictIdentifier(build.name ?? "");
  const copy = `pg_temp.${strictIdentifier(build.tableName)}`;
  await client.query("BEGIN");
  try {
    await client.query("SET LOCAL lock_timeout = '10s'");
    await client.query(`CREATE TABLE ${copy} (LIKE ${build.table})`);
    await client.query(`CREATE ${build.unique ? "UNIQUE " : ""}INDEX ${name} ON ${copy}${build.rest}`);
    const { rows } = await client.query<{ definition: string }>("SELECT pg_get_indexdef($1::regclass) AS definition", [
      `pg_temp.${name}`,
    ]);
    return rows[0]?.definition ?? "";
  } finally {
    await rollback(client);
  }
}

const identifier = String.raw`(?:"(?:[^"]|"")*"|[^\s."]+)`;
const definitionPattern = new RegExp(
  `^CREATE (UNIQUE )?INDEX ${identifier} ON (?:ONLY )?${identifier}\\.${identifier} (.*)$`,
  "s",
);

/** Whether two definitions of PostgreSQL agree in all but the names of index and table. */
export function sameDefinition(one: string, other: string): boolean {
  const essence = (definition: string) => definitionPattern.exec(definition)?.slice(1).join("|") ?? definition;
  return essence(one) === essence(other);
}
