import { writeAlembicProject } from "./alembic-project";

/** The guide's revisions; indexes are built as they are fastest while nobody writes. */
const revisions: readonly (readonly [revision: string, before: string | null, ...statements: string[]])[] = [
  ["def456", null],
  ["abc123", "def456", "CREATE INDEX idx_tasks_status_priority ON tasks (status, priority DESC)"],
  ["b1c2d3", "abc123", "CREATE INDEX idx_task_history_created_brin ON task_history USING brin (created_at)"],
  [
    "e4f5a6",
    "b1c2d3",
    "ALTER TABLE tasks DROP CONSTRAINT tasks_priority_check",
    "UPDATE tasks SET priority = priority * 2",
    "ALTER TABLE tasks ALTER COLUMN priority SET DEFAULT 6, ADD CHECK (priority BETWEEN 1 AND 10)",
  ],
];

function versionFile(revision: string, before: string | null, statements: readonly string[]): string {
  const named = before === null ? "None" : `'${before}'`;
  const body = statements.length === 0 ? ["pass"] : statements.map((sql) => `op.execute("${sql}")`);
  const lines = ["from alembic import op", "", `revision = '${revision}'`, `down_revision = ${named}`, ""];
  return [...lines, "", "def upgrade():", ...body.map((line) => `    ${line}`), ""].join("\n");
}

/** The migrations that the guide has its reader write, as an Alembic project in a folder. */
export function writeGuideRevisions(folder: string): void {
  const versions = revisions.map(
    ([revision, before, ...sql]) => [revision, versionFile(revision, before, sql)] as const,
  );
  writeAlembicProject(folder, Object.fromEntries(versions));
}
