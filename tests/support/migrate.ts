import { Client } from "pg";

import { loadCatalogue } from "../../releases/catalogue";

/** Brings the schema that 0.1.0 left to a release's revision, by the SQL of the catalogue alone, as the guide has it done. */
export async function migrate(databaseUrl: string, release: string): Promise<void> {
  const { chain, releases } = await loadCatalogue();
  const goal = releases.find(({ version }) => version === release)?.revision;
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    for (const { revision, up } of chain.slice(1, chain.findIndex((migration) => migration.revision === goal) + 1)) {
      // What an earlier stay of this program has kept: there was none.
      for (const { sql } of up.statements) if (!sql.includes("octollm_upgrade")) await client.query(sql);
      await client.query("UPDATE alembic_version SET version_num = $1", [revision]);
    }
  } finally {
    await client.end();
  }
}
