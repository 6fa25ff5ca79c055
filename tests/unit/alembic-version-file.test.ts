import assert from "node:assert/strict";

import { versionFile } from "../../alembic/version-file";
import { loadParser } from "../../postgres/statements";
import { loadCatalogue } from "../../releases/catalogue";
import { migrationOf } from "../postgres/batch-cases";

describe("a version file for Alembic", () => {
  before(loadParser);

  it("refuses what can be done only in batches, each way by itself, and names the command that does it", async () => {
    const batched = "-- batch\nUPDATE tasks SET priority = priority + 1 WHERE in_batch(tasks);\n";
    const migration = migrationOf(
      `-- up batched\n${batched}-- down\nUPDATE tasks SET priority = priority - 1;\n-- down batched\n${batched}`,
    );
    const text = versionFile(await loadCatalogue(), migration);
    const [, up = "", down = ""] = /def upgrade\(\):\n(.*)def downgrade\(\):\n(.*)/s.exec(text) ?? [];
    assert.match(up, /^ {4}raise CommandError\(.*bbb111 changes rows in batches.*octollm migrate upgrade leads there/);
    assert.match(down, /^ {4}run\("""UPDATE tasks SET priority = priority - 1"""\)/);
    assert.doesNotMatch(text, /in_batch/);
  });
});
