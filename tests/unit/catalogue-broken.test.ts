import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { loadCatalogue } from "../../releases/catalogue";
import { CatalogueError } from "../../releases/errors";
import { breaking, brin, CatalogueCopy, index, minor, scale } from "./catalogue-cases";

type Break = (copy: CatalogueCopy) => void;

const replace =
  (file: string, old: string, text: string): Break =>
  (copy) =>
    copy.edit(file, old, text);

/** What is broken, how, and the one fault that must be found: file, line, reason. */
const releaseFiles: readonly [string, Break, string | RegExp][] = [
  [
    "YAML that cannot be read",
    replace(minor, "strict_head: false", 'strict_head: "false'),
    /^0\.2\.0\/release\.yaml:\d+: .*quote/,
  ],
  ["a key twice", replace(minor, "type: minor", "type: minor\ntype: minor"), `${minor}:4: Map keys must be unique`],
  ["an alias of nothing", replace(minor, "type: minor", "type: *minor"), /^0\.2\.0\/release\.yaml:3: Unresolved alias/],
  [
    "an unknown key",
    replace(minor, "required_stop:", "required_stops: 1\nrequired_stop:"),
    `${minor}:19: there is no key 'required_stops'`,
  ],
  [
    "an unknown key of a smoke request",
    replace(breaking, "path: /tasks, status", "path: /tasks, body: x, status"),
    `${breaking}:40: 'smoke.1' there is no key 'body'`,
  ],
  [
    "a wrong type",
    replace(breaking, "strict_head: true", "strict_head: yes, please"),
    `${breaking}:17: 'strict_head' Invalid input: expected boolean, received string`,
  ],
  ["a missing key", replace(minor, "date: 2025-12-01\n", ""), `${minor}:1: 'date' is missing`],
  [
    "a missing key of a smoke request",
    replace(breaking, "method: POST, ", ""),
    `${breaking}:41: 'smoke.2.method' is missing`,
  ],
  [
    "another version than its folder's",
    replace(minor, "version: 0.2.0", "version: 0.3.0"),
    `${minor}:1: says version '0.3.0' in the folder of '0.2.0'`,
  ],
  [
    "no version",
    replace(minor, "version: 0.2.0", "version: two"),
    `${minor}:1: 'version' must be a version such as 1.0.0`,
  ],
  ["no date", replace(minor, "2025-12-01", "2025-02-30"), `${minor}:2: 'date' Invalid ISO date`],
  [
    "a smoke path without '/'",
    replace(breaking, "path: /execute, status", "path: execute, status"),
    `${breaking}:41: 'smoke.2.path' must begin with '/'`,
  ],
  [
    "a smoke status that is none",
    replace(breaking, "path: /tasks, status: 404", "path: /tasks, status: 4040"),
    /^1\.0\.0\/release\.yaml:40: 'smoke\.1\.status' Too big/,
  ],
  [
    "a measured request that is no GET",
    replace(breaking, "path: /execute, status: 404", "path: /execute, status: 200, measure: executing"),
    `${breaking}:41: 'smoke.2.measure' only a GET that is answered 2xx can be measured`,
  ],
  [
    "a smoke task without anything to tell it by",
    replace(breaking, "{mark}: may", "this may"),
    `${breaking}:46: 'task.body' must have '{mark}' in one of its texts`,
  ],
  [
    "a smoke task that is read without its id",
    replace(breaking, "/api/v1/tasks/{id}", "/api/v1/tasks/newest"),
    `${breaking}:51: 'task.read' must have '{id}' in it`,
  ],
  [
    "a smoke task whose webhook has no end to be called at",
    replace(breaking, "  done: { field: status, well: [completed], badly: [failed] }\n", ""),
    `${breaking}:52: 'task.webhook' is called when a task is done: 'done' must say how that is told`,
  ],
  [
    "a pattern of logs that is none",
    replace(breaking, "invariants:", "logs: { errors: ['ok', '(['], allow: [] }\ninvariants:"),
    `${breaking}:56: 'logs.errors.1' is no regular expression: Unterminated character class`,
  ],
  [
    "an API change of no kind",
    replace(breaking, "kind: scale", "kind: scales"),
    `${breaking}:23: 'api.1.kind' must be one of path, removed, scale, sdk`,
  ],
  [
    "an API path that is none",
    replace(breaking, "from: /tasks, to", "from: tasks, to"),
    `${breaking}:22: 'api.0.from' must be a path such as /tasks`,
  ],
  [
    "a scale that goes down",
    replace(breaking, "from: [1, 5]", "from: [5, 1]"),
    `${breaking}:25: 'api.1.from' must be a lower and a higher number`,
  ],
  ["a scale without factor", replace(breaking, "    factor: 2\n", ""), `${breaking}:23: 'api.1.factor' is missing`],
  [
    "an address of OctoLLM that is a URL",
    replace("0.1.0/release.yaml", '"localhost:8000"', '"http://localhost:8000"'),
    `0.1.0/release.yaml:22: 'clients.addresses.0' must be 'host' or 'host:port' in lower case`,
  ],
  [
    "an environment change of no kind",
    replace(minor, "{ deprecate: CACHE_TTL }", "{ erase: CACHE_TTL }"),
    `${minor}:27: 'environment.6' must be one of { add, default[, from, services] }, { rename, to }, { deprecate }, { remove }, { require, text[, services] }, { url_path, suffix, replacement }`,
  ],
  [
    "a variable that gets the name that it has",
    replace(minor, "{ deprecate: CACHE_TTL }", "{ rename: CACHE_TTL, to: CACHE_TTL }"),
    `${minor}:27: 'environment.6.to' must be another name`,
  ],
  [
    "an environment change with a bad name",
    replace(minor, "deprecate: CACHE_TTL", "deprecate: CACHE-TTL"),
    `${minor}:27: 'environment.6.deprecate' must be the name of a variable`,
  ],
  [
    "a revision that is in no file",
    replace(minor, "revision: b1c2d3", "revision: b1c2d4"),
    `${minor}:17: needs revision 'b1c2d4', which is not in the chain up to this release`,
  ],
  [
    "a revision with a 'pre' revision after it",
    replace(minor, "revision: b1c2d3", "revision: abc123"),
    `${minor}:17: needs revision 'abc123', but 'b1c2d3' after it is a 'pre' revision`,
  ],
  [
    "a list instead of keys",
    (copy) => writeFileSync(copy.path(minor), "- a\n"),
    /^0\.2\.0\/release\.yaml:1: Invalid input: expected object/,
  ],
  [
    "nothing in it",
    (copy) => writeFileSync(copy.path(minor), ""),
    /^0\.2\.0\/release\.yaml:1: Invalid input: expected object/,
  ],
  ["no release.yaml at all", (copy) => rmSync(copy.path(minor)), `${minor}: is missing`],
];

const migrations: readonly [string, Break, string | RegExp][] = [
  [
    "a syntax error",
    replace(scale, "  ALTER COLUMN priority SET DEFAULT 6,", "  ALTER COLUMN priority SETT DEFAULT 6,"),
    /^1\.0\.0\/migrations\/e4f5a6_task_priority_scale\.sql:16: syntax error at or near "SETT"/,
  ],
  [
    "a syntax error in its down section",
    replace(scale, "(priority + 1) / 2", "(priority + ) / 2"),
    /e4f5a6_task_priority_scale\.sql:61: syntax error/,
  ],
  ["no header 'phase'", replace(scale, "-- phase: pre\n", ""), `${scale}:1: header 'phase' is missing`],
  [
    "an unknown header",
    replace(scale, "-- phase: pre", "-- stage: pre\n-- phase: pre"),
    `${scale}:5: unknown header 'stage'`,
  ],
  [
    "a header named as something of JavaScript's",
    replace(scale, "-- phase: pre", "-- constructor: x\n-- phase: pre"),
    `${scale}:5: unknown header 'constructor'`,
  ],
  [
    "an unknown header value",
    replace(scale, "writers: stopped", "writers: asleep"),
    `${scale}:7: header 'writers' may not be 'asleep': one of stopped, online`,
  ],
  [
    "a revision id that Alembic cannot store",
    replace(scale, "-- revision: e4f5a6", `-- revision: e4f5a6_${"0".repeat(30)}`),
    /e4f5a6_task_priority_scale\.sql:1: header 'revision' may not be/,
  ],
  [
    "the same header twice",
    replace(scale, "-- phase: pre", "-- phase: pre\n-- phase: post"),
    `${scale}:6: header 'phase' stands twice`,
  ],
  [
    "SQL before '-- up'",
    replace(scale, "-- down: kept", "-- down: kept\nSELECT 1;"),
    `${scale}:9: before '-- up' only header lines '-- key: value' may stand`,
  ],
  ["no '-- up'", replace(index, "-- up", "-- upwards"), `${index}:15: has no section '-- up'`],
  [
    "'-- down' before '-- up'",
    replace(index, "-- up\n", "-- down\n-- up\n"),
    `${index}:10: section '-- down' must come after '-- up'`,
  ],
  [
    "'down: none' with a down section",
    replace(scale, "down: kept", "down: none\n-- down_loss: all"),
    `${scale}:53: says 'down: none' and has a section '-- down'`,
  ],
  [
    "a down class and no down section",
    replace(index, "-- down\nDROP", "DROP"),
    `${index}:8: has no section '-- down'; else say 'down: none'`,
  ],
  [
    "'down: lossy' without what is lost",
    replace(scale, "down: kept", "down: lossy"),
    `${scale}:8: 'down: lossy' needs a header 'down_loss' that says what is lost`,
  ],
  [
    "a count that is none",
    replace(scale, "down: kept", "down: lossy\n-- down_loss: all\n-- down_loss_count: SELECT 1; DELETE FROM tasks"),
    `${scale}:10: header 'down_loss_count' must be one query, such as SELECT count(*) FROM ...`,
  ],
  [
    "an empty up section",
    replace(
      index,
      "CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_tasks_status_priority\n  ON tasks (status, priority DESC);",
      "-- later",
    ),
    `${index}:10: this section has no statement`,
  ],
  [
    "CONCURRENTLY in a transaction",
    replace(brin, "transaction: none", "transaction: transactional"),
    `${brin}:11: CONCURRENTLY cannot run in a transaction: say 'transaction: none'`,
  ],
  [
    "a statement that a kill would have done twice",
    replace(
      brin,
      "ON task_history USING brin (created_at);",
      "ON task_history USING brin (created_at);\nUPDATE tasks SET priority = 1;",
    ),
    `${brin}:13: without a transaction an up that is killed here would do this again: only CREATE, DROP and REINDEX INDEX ` +
      "CONCURRENTLY, VACUUM and ANALYZE may stand in 'transaction: none'",
  ],
  [
    "a fork",
    (copy) => copy.addRevision("1.0.0/migrations/ffff00_fork.sql", "ffff00", "abc123"),
    "1.0.0/migrations/ffff00_fork.sql:2: revision 'ffff00' does not follow the chain: down_revision is 'abc123'",
  ],
  [
    "the same revision a second time",
    (copy) => copy.addRevision("1.0.0/migrations/abc123_again.sql", "abc123", "e4f5a6"),
    "1.0.0/migrations/abc123_again.sql:1: revision 'abc123' is that of 0.2.0/migrations/abc123_add_task_priority_index.sql too",
  ],
  [
    "a second base",
    (copy) => copy.addRevision("0.2.0/migrations/aaaa00_base.sql", "aaaa00", "none"),
    "0.2.0/migrations/aaaa00_base.sql:2: revision 'aaaa00' does not follow the chain: down_revision is 'none'",
  ],
  [
    "the wrong file name",
    (copy) => renameSync(copy.path(index), copy.path("0.2.0/migrations/abc124_x.sql")),
    "0.2.0/migrations/abc124_x.sql:1: the file's name must begin with 'abc123_'",
  ],
];

describe("a broken release is refused with file, line and reason", () => {
  let copy: CatalogueCopy;
  beforeEach(() => (copy = new CatalogueCopy()));
  afterEach(() => copy.remove());

  for (const [name, damage, expected] of [...releaseFiles, ...migrations])
    it(name, async () => {
      damage(copy);
      const faults = await copy.faults();
      if (typeof expected === "string") assert.deepEqual(faults, [expected]);
      else {
        assert.equal(faults.length, 1, faults.join("\n"));
        assert.match(faults[0] ?? "", expected);
      }
    });

  it("an unknown down_revision breaks the chain where it stands, in whatever line", async () => {
    copy.edit(scale, "-- down_revision: b1c2d3\n", "");
    copy.edit(scale, "-- down: kept", "-- down: kept\n-- down_revision: nobody");
    assert.deepEqual(await copy.faults(), [
      `${breaking}:16: needs revision 'e4f5a6', which is not in the chain up to this release`,
      `${scale}:8: revision 'e4f5a6' does not follow the chain: down_revision is 'nobody'`,
    ]);
  });

  it("a folder without a release, or no folder, is named", async () => {
    const empty = mkdtempSync(join(tmpdir(), "octollm-catalogue-"));
    await assert.rejects(
      loadCatalogue(empty),
      (error) => error instanceof CatalogueError && error.message.includes(`${empty}: holds no release`),
    );
    rmSync(empty, { recursive: true });
    await assert.rejects(
      loadCatalogue(empty),
      (error) => error instanceof CatalogueError && error.message.includes(`${empty}: there is no such folder`),
    );
  });

  it("all faults of all files are listed at once, in one text", async () => {
    copy.edit(minor, "type: minor", "type: small\nsurprise: 1");
    copy.edit(minor, "  - idx_tasks_status_priority", "  - 7");
    copy.edit(index, "-- phase: pre", "-- phase: now");
    copy.edit(brin, "ON task_history", "ON ON task_history");
    copy.edit(breaking, "path: /execute", "path: execute");
    copy.edit(scale, "-- title: task priorities from 1-5 to 1-10\n", "");
    const faults = await copy.faults();
    const places = faults.map((fault) => fault.split(": ")[0]);
    assert.deepEqual(
      places.toSorted(),
      [
        `${minor}:3`,
        `${minor}:4`,
        `${minor}:50`,
        `${index}:5`,
        `${brin}:12`,
        `${breaking}:29`,
        `${scale}:1`,
      ].toSorted(),
    );
    await assert.rejects(
      copy.load(),
      /^CatalogueError: The release catalogue is broken; nothing was touched\. Correct:\n {2}0\.2\.0/,
    );
  });

  it("a stray file or folder beside the releases is none of its business", async () => {
    writeFileSync(copy.path("README.md"), "");
    mkdirSync(copy.path("drafts"));
    writeFileSync(copy.path("0.2.0/migrations/notes.txt"), "");
    assert.equal((await copy.load()).releases.length, 3);
  });
});
