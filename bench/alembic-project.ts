import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const execute = promisify(execFile);

const environmentFile = `from alembic import context
from sqlalchemy import create_engine
import os

with create_engine(os.environ["DATABASE_URL"]).connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
`;

/** Alembic itself: what OCTOLLM_ALEMBIC names, else the one on PATH; null without either. */
export async function findAlembic(): Promise<string | null> {
  const alembic = process.env.OCTOLLM_ALEMBIC ?? "alembic";
  try {
    await execute(alembic, ["--version"]);
    return alembic;
  } catch {
    return null;
  }
}

/** Makes a folder in which `alembic upgrade head` works on DATABASE_URL. @param versions - text of each file, by its name */
export function writeAlembicProject(folder: string, versions: Readonly<Record<string, string>>): void {
  mkdirSync(join(folder, "alembic", "versions"), { recursive: true });
  writeFileSync(join(folder, "alembic.ini"), "[alembic]\nscript_location = %(here)s/alembic\n");
  writeFileSync(join(folder, "alembic", "env.py"), environmentFile);
  for (const [name, text] of Object.entries(versions))
    writeFileSync(join(folder, "alembic", "versions", `${name}.py`), text);
}
