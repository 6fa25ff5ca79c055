import { relative } from "node:path";

import { exportAlembic } from "../alembic/export";
import type { DatabaseWish } from "../migrate/database";
import { writeRevision } from "../migrate/new-revision";
import { loadCatalogue } from "../releases/catalogue";
import { print } from "./output";

/** `octollm migrate export-alembic <folder>`. */
export async function exportFiles(folder: string, options: DatabaseWish & { catalogue?: string }): Promise<void> {
  const catalogue = await loadCatalogue(options.catalogue);
  const { env: environmentFile = ".env", key = "DATABASE_URL", host = "", port = 0 } = options;
  const settings = { environmentFile, key, host, port };
  const { written, unchanged, removed } = await exportAlembic(catalogue, folder, settings);
  for (const name of written) print(`wrote      ${name}`);
  for (const name of removed) print(`removed    ${name}`);
  for (const name of unchanged) print(`unchanged  ${name}`);
  print(
    `Next, where Alembic and psycopg are installed:\n  cd ${relative(process.cwd(), folder) || "."} && alembic current`,
  );
}

/** `octollm migrate new "message"`. */
export async function newRevision(message: string, options: { release: string; catalogue: string }): Promise<void> {
  const { release, catalogue } = options;
  const made = await writeRevision({ catalogue, release, message, today: new Date() });
  print(`wrote ${relative(process.cwd(), made.file)}`);
  print(`${release}/release.yaml: revision is ${made.revision} now, before it was ${made.before}`);
  print("Next: write its SQL below '-- up' and '-- down', and correct the headers. Look at it:");
  print(`  octollm migrate history --catalogue ${catalogue}`);
}
