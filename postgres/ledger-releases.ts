import type { CatalogueFiles } from "../releases/catalogue-files";
import type { Client } from "./connection";
import { ledgerSchema } from "./ledger-schema";

/**
 * Keeps the files of the releases, so that the way back is known even when a later catalogue lacks them. What the catalogue
 * lacks stays as it was kept.
 */
export async function recordReleaseFiles(client: Client, files: CatalogueFiles): Promise<void> {
  await client.query(
    `INSERT INTO ${ledgerSchema}.release_files (path, content)
     SELECT * FROM unnest($1::text[], $2::text[])
     ON CONFLICT (path) DO UPDATE SET content = EXCLUDED.content, recorded_at = clock_timestamp()
       WHERE release_files.content <> EXCLUDED.content`,
    [[...files.keys()], [...files.values()]],
  );
}

/** The files that were kept; none in a ledger that is older than that. Safe in a READ ONLY session. */
export async function readReleaseFiles(client: Client): Promise<CatalogueFiles> {
  const { rows: tables } = await client.query(
    `SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = '${ledgerSchema}' AND c.relname = 'release_files'`,
  );
  if (tables.length === 0) return new Map();
  const { rows } = await client.query<{ path: string; content: string }>(
    `SELECT path, content FROM ${ledgerSchema}.release_files ORDER BY path`,
  );
  return new Map(rows.map(({ path, content }) => [path, content]));
}
