import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type DatabaseAddress, parseDatabaseUrl, withClient } from "../../postgres/connection";
import { readMaskTables } from "../../postgres/mask-facts";
import { loadParser } from "../../postgres/statements";
import { cloneProduction, type CloneWish } from "../../rehearsal/staging/clone";
import { planMasking } from "../../rehearsal/staging/masking";
import type { MaskingRule } from "../../rehearsal/staging/settings";
import type { CloneFact } from "../../report/rehearsal-facts";
import { parseSettings, siteOf } from "../../settings";
import { testDatabase } from "../support/postgres";
import { installOn, query } from "./installation";

/** What nobody on staging may see: it is in every column that a test masks. */
export const secret = "Freya Björnsdottir";

/** Tables with a column of each kind that a mask has to deal with, all of their values telling. */
const people = `
  CREATE TYPE mood AS ENUM ('good', 'bad');
  CREATE TABLE people (
    id bigint PRIMARY KEY, mail varchar(64) NOT NULL UNIQUE, name text, token uuid UNIQUE, short varchar(8), notes jsonb,
    photo bytea, age int, feeling mood, tags text[], greeting text GENERATED ALWAYS AS ('Dear ' || name) STORED);
  INSERT INTO people (id, mail, name, token, short, notes, photo, age, feeling, tags)
    SELECT n, 'freya' || n || '@example.com', '${secret} ' || n, md5('t' || n)::uuid, 'Freya' || n, jsonb_build_object('of', '${secret}', 'n', n),
           convert_to('${secret}' || n, 'UTF8'), n, 'good', ARRAY['${secret}'] FROM generate_series(1, 500) n;
  INSERT INTO people (id, mail) VALUES (1000, 'nobody@example.com');
  CREATE TABLE letters (id int PRIMARY KEY, person bigint NOT NULL REFERENCES people, body text);
  INSERT INTO letters SELECT n, n, '${secret} wrote ' || n FROM generate_series(1, 500) n;
  CREATE TABLE visits (at date NOT NULL, who text) PARTITION BY RANGE (at);
  CREATE TABLE visits_2025 PARTITION OF visits FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
  CREATE TABLE visits_rest PARTITION OF visits DEFAULT;
  INSERT INTO visits SELECT date '2025-06-01' + n, '${secret} ' || n FROM generate_series(1, 400) n;
  CREATE TABLE animals (name text);
  CREATE TABLE cats (lives int) INHERITS (animals);
  INSERT INTO animals VALUES ('${secret}''s dog');
  INSERT INTO cats VALUES ('${secret}''s cat', 9);
  CREATE VIEW known AS SELECT name FROM people WHERE name IS NOT NULL;
  CREATE MATERIALIZED VIEW counted AS SELECT name, count(*) FROM people GROUP BY name;
  CREATE INDEX people_name ON people (name);
  ANALYZE;`;

/** Production's database: OctoLLM 0.1.0 with more tables, its attempt closed. */
export async function makeProductionDatabase(): Promise<DatabaseAddress> {
  const address = await installOn(parseDatabaseUrl(await testDatabase()));
  await query(address, people);
  await close(address);
  return address;
}

async function close(address: DatabaseAddress): Promise<void> {
  await query(
    address,
    "UPDATE octollm_upgrade.attempts SET status = 'succeeded', to_version = '0.1.0', finished_at = now()",
  );
}

/** Staging's database and folder. */
export interface Staging {
  readonly address: DatabaseAddress;
  readonly folder: string;
}

/** An OctoLLM 0.1.0 of its own, without a service. */
export async function makeStaging(): Promise<Staging> {
  const folder = mkdtempSync(join(tmpdir(), "octollm-staging-"));
  writeFileSync(join(folder, ".env"), "DATABASE_URL=unused\n");
  const address = await installOn(parseDatabaseUrl(await testDatabase()));
  await query(address, "CREATE TABLE stagings_own (id int); COMMENT ON TABLE stagings_own IS 'here before the clone'");
  await close(address);
  return { address, folder };
}

export function removeStaging({ folder }: Staging): void {
  rmSync(folder, { recursive: true, force: true });
}

/** The rules against a database as it is. */
export async function plan(address: DatabaseAddress, rules: readonly MaskingRule[]) {
  await loadParser();
  const tables = await withClient(address, { name: "test", readOnly: true }, readMaskTables);
  return planMasking(rules, tables, ["public"]);
}

/** A clone of production into staging, with these rules. */
export async function wishOf(
  production: DatabaseAddress,
  { address, folder }: Staging,
  rules: readonly MaskingRule[],
): Promise<CloneWish> {
  const { masked, faults } = await plan(production, rules);
  if (faults.length > 0) throw new Error(faults.join("\n"));
  const service = { name: "orchestrator", command: "exec true", port: 8000, health: "/health", log: "logs/x.log" };
  const settings = parseSettings({
    version: "0.1.0",
    target: "local",
    installation: folder,
    services: JSON.stringify([service]),
  });
  return {
    production,
    staging: address,
    site: { ...siteOf(settings), services: [] },
    stack: "staging",
    release: "0.1.0",
    revision: "def456",
    invariants: [],
    environmentDigest: "0123456789ab",
    masked,
    partPages: 3,
    at: Date.now(),
  };
}

/** Clones, and answers all that was said. */
export async function clone(wish: CloneWish, lines: string[] = []): Promise<CloneFact> {
  return cloneProduction(wish, { signal: new AbortController().signal, progress: (line) => void lines.push(line) });
}

/** Every row of every table of a database, and its sequences, as text. */
export async function contents(address: DatabaseAddress): Promise<string[]> {
  const tables = await query<{ name: string }>(
    address,
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
     UNION ALL SELECT format('%I.%I', schemaname, matviewname) FROM pg_matviews ORDER BY 1`,
  );
  const rows: string[] = [];
  for (const { name } of tables)
    for (const { row } of await query<{ row: string }>(address, `SELECT t::text AS row FROM ${name} t`))
      rows.push(`${name} ${row}`);
  return rows.sort();
}

/** Databases of the server that belong to staging's, its own too. */
export async function databasesOf({ address }: Staging): Promise<string[]> {
  const rows = await query<{ name: string }>(
    address,
    `SELECT datname AS name FROM pg_database WHERE datname LIKE '${address.database}%' ORDER BY 1`,
  );
  return rows.map(({ name }) => name.replace(/\d{8}T\d{6}Z/, "*").replace(address.database, "staging"));
}
