import type { Client } from "./connection";
import { readAlembicVersion } from "./facts";

// As Alembic itself makes it, so that either can go on where the other stopped.
const createTable =
  "CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))";

/** What `alembic_version` says, in words. */
export function describeRevisions(revisions: readonly string[]): string {
  return revisions.length === 0 ? "no revision (empty database)" : revisions.join(" and ");
}

/** The rows of `alembic_version`; an absent table is an empty one. */
export async function readRevisions(client: Client): Promise<string[]> {
  return (await readAlembicVersion(client)) ?? [];
}

/**
 * Keeps every other writer of `alembic_version`, Alembic included, waiting until the transaction ends; readers go on.
 * Makes the table where there is none.
 *
 * @returns its rows
 */
export async function lockAlembicVersion(client: Client): Promise<string[]> {
  if ((await readAlembicVersion(client)) === null) await client.query(createTable);
  await client.query("LOCK TABLE alembic_version IN SHARE ROW EXCLUSIVE MODE");
  return readRevisions(client);
}

/** Moves the stamp as Alembic does; null is the empty database. */
export async function stamp(
  client: Client,
  { before, after }: { before: string | null; after: string | null },
): Promise<void> {
  if (before === null) await client.query("INSERT INTO alembic_version (version_num) VALUES ($1)", [after]);
  else if (after === null) await client.query("DELETE FROM alembic_version WHERE version_num = $1", [before]);
  else await client.query("UPDATE alembic_version SET version_num = $2 WHERE version_num = $1", [before, after]);
}
