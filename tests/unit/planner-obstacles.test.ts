import assert from "node:assert/strict";

import { DotenvFile } from "../../environment/dotenv-file";
import { describeDrift } from "../../planner/drift";
import { makePlan } from "../../planner/make-plan";
import type { World } from "../../planner/world";
import { loadCatalogue } from "../../releases/catalogue";
import type { Catalogue, Release } from "../../releases/release";
import { goal, invent, plain, planned, refused, server, service, stopped, table, world } from "./planner-cases";

const gigabyte = 1e9;

interface Obstacle {
  readonly title: string;
  readonly world: Partial<World>;
  readonly path: string;
  readonly text: RegExp;
}

const abc123 = "0.2.0/migrations/abc123_add_task_priority_index.sql:11";
const tables = [table("tasks"), table("task_history")];
const foreign = { owner: "dba", owned: false };

const obstacles: readonly Obstacle[] = [
  {
    title: "a replica",
    world: { server: { ...server, isReplica: true, isReadOnly: true } },
    path: "database",
    text: /^'octollm' is on a read-only replica .* primary: correct DATABASE_URL/,
  },
  {
    title: "a database that is read-only by default",
    world: { server: { ...server, isReadOnly: true } },
    path: "database",
    text: /default_transaction_read_only is on for 'octollm'\. Reset it: ALTER ROLE octollm RESET/,
  },
  {
    title: "a role that may not make the ledger",
    world: { server: { ...server, mayWriteLedger: null, mayCreateSchema: false } },
    path: "database",
    text: /GRANT CREATE ON DATABASE octollm TO octollm$/,
  },
  {
    title: "a role that may not write the ledger",
    world: { server: { ...server, mayWriteLedger: false } },
    path: "database",
    text: /may not write this program's records in schema octollm_upgrade/,
  },
  {
    title: "a role that may not stamp",
    world: { server: { ...server, mayStamp: false } },
    path: "database",
    text: /GRANT SELECT, INSERT, UPDATE, DELETE ON alembic_version TO octollm$/,
  },
  {
    title: "a table that is missing",
    world: { server: { ...server, relations: [table("task_history")] } },
    path: abc123,
    text: /^needs relation tasks, which is not there \(in database 'octollm'\)$/,
  },
  {
    title: "a table that is a view",
    world: { server: { ...server, relations: [table("tasks", { kind: "view" }), table("task_history")] } },
    path: abc123,
    text: /^needs tasks to be a table, and it is a view/,
  },
  {
    title: "a table of somebody else's",
    world: { server: { ...server, relations: [table("tasks", foreign), table("task_history")] } },
    path: abc123,
    text: /^only the owner may do this to tasks, which belongs to 'dba', not 'octollm'/,
  },
  {
    title: "a table in a schema that is not searched",
    world: { server: { ...server, relations: [table("tasks", { schema: "other" }), table("task_history")] } },
    path: abc123,
    text: /^needs relation tasks, which is not there/,
  },
  {
    title: "a role that may not make indexes in the schema",
    world: { server: { ...server, createsIn: [] } },
    path: abc123,
    text: /may not make idx_tasks_status_priority\. As the schema's owner: GRANT CREATE ON SCHEMA public TO octollm/,
  },
  {
    title: "a table that the backup may not read",
    world: { server: { ...server, relations: [...tables, table("audit", { ...foreign, readable: false })] } },
    path: "backup",
    text: /^role 'octollm' may not read audit, .*: GRANT SELECT ON audit TO octollm$/,
  },
  {
    title: "a machine without a fit pg_dump",
    world: { dumpTool: { fault: "'pg_dump' was found neither on PATH nor in the usual places" } },
    path: "backup",
    text: /^'pg_dump' was found neither on PATH/,
  },
  {
    title: "a variable that stands twice and changes",
    world: { environment: DotenvFile.parse("CACHE_TTL=1\nLOG_LEVEL=a\nLOG_LEVEL=b\nCACHE_TTL=2\n") },
    path: ".env: CACHE_TTL",
    text: /^stands more than once, and the upgrade changes it/,
  },
  {
    title: "a port that somebody else holds",
    world: { services: [{ ...stopped, running: true, obstructed: "port 8000 is held by 'nginx' (pid 7)" }] },
    path: "octollm:services.orchestrator",
    text: /^port 8000 is held by 'nginx' \(pid 7\)\. It is not taken for the service: end it/,
  },
  {
    title: "too little room for a first backup",
    world: {
      server: { ...server, relations: [table("tasks", { bytes: 10 * gigabyte }), table("task_history")] },
      disk: { backupsFault: null, data: null, backups: { path: "/b", free: gigabyte, lastBackup: null } },
    },
    path: "octollm:backup.folder",
    text: /^'\/b' has 1\.0 GB left, and the backup needs at least 2\.0 GB \(the database has 10\.0 GB\)/,
  },
  {
    title: "a folder of backups that cannot be used",
    world: { disk: { backupsFault: "'/b' cannot be used: ENOTDIR", data: null, backups: null } },
    path: "octollm:backup.folder",
    text: /^'\/b' cannot be used: ENOTDIR\. Put it right, or name another folder:/,
  },
  {
    title: "too little room for a backup like the last one",
    world: { disk: { backupsFault: null, data: null, backups: { path: "/b", free: gigabyte, lastBackup: gigabyte } } },
    path: "octollm:backup.folder",
    text: /needs at least 1\.2 GB \(the last one has 1\.0 GB\)/,
  },
  {
    title: "too little room to rewrite a table",
    world: {
      server: { ...server, relations: [table("tasks", { bytes: 3 * gigabyte }), table("task_history")] },
      disk: { backupsFault: null, data: { path: "/pg", free: 2 * gigabyte }, backups: null },
    },
    path: "database",
    text: /^the data directory '\/pg' has 2\.0 GB left, and rewriting tasks needs 3\.0 GB/,
  },
];

describe("what stands in the way of a plan", () => {
  let catalogue: Catalogue;

  before(async () => {
    catalogue = await loadCatalogue();
  });

  for (const { title, world: changes, path, text } of obstacles)
    it(`is ${title}, which is refused with its place`, () => {
      const reasons = refused(world("0.1.0", "def456", changes), goal("1.0.0"), catalogue);
      const reason = reasons.find((candidate) => candidate.path === path && text.test(candidate.text));
      assert.ok(reason, JSON.stringify(reasons, null, 2));
    });

  it("is listed all at once, together with what else is wrong", () => {
    const changes = {
      applied: [{ revision: "def456", checksum: "0".repeat(64) }],
      server: { ...server, isReplica: true, relations: [table("tasks", foreign)] },
      services: [{ ...stopped, obstructed: "port 8000 is held by 'nginx' (pid 7)" }],
    };
    const paths = refused(world("0.1.0", "def456", changes), goal("1.0.0"), catalogue).map(({ path }) => path);
    assert.deepEqual([...new Set(paths)].sort(), [
      "0.1.0/migrations/def456_initial_schema.sql",
      abc123,
      "0.2.0/migrations/b1c2d3_task_history_created_brin.sql:11",
      "1.0.0/migrations/e4f5a6_task_priority_scale.sql:12",
      "1.0.0/migrations/e4f5a6_task_priority_scale.sql:28",
      "database",
      "octollm:services.orchestrator",
    ]);
  });

  it("is nothing where nothing has to be done, whatever the server is like", () => {
    const changes = { server: { ...server, isReplica: true, mayStamp: false, relations: [] } };
    const outcome = makePlan(world("1.0.0", "e4f5a6", changes), goal("1.0.0"), catalogue);
    assert.equal(outcome.kind === "plan" && outcome.settled, true);
  });

  it("is no variable that stands twice and stays, and none on the way back", () => {
    const environment = DotenvFile.parse("LOG_LEVEL=a\nLOG_LEVEL=b\nCACHE_L2_TTL=1\nCACHE_L2_TTL=2\n");
    planned(world("0.1.0", "def456", { environment }), goal("0.2.0"), catalogue);
    planned(world("0.2.0", "b1c2d3", { environment }), goal("0.1.0"), catalogue);
  });

  it("is a variable that a release needs and only the operator knows", () => {
    const invented = invent([{ revisions: [{ revision: "a1" }] }, { revisions: [{ revision: "b1" }] }]);
    const needs = { kind: "require" as const, key: "LICENCE_KEY", text: "the key from your account" };
    const releases = invented.releases.map((release): Release =>
      release.version === "2.0.0" ? { ...release, environment: [needs] } : release,
    );
    const from = (text: string) => world("1.0.0", "a1", { environment: DotenvFile.parse(text) });
    for (const text of ["A=1\n", "LICENCE_KEY=\n"])
      assert.deepEqual(refused(from(text), goal("2.0.0"), { ...invented, releases }), [
        {
          path: ".env: LICENCE_KEY",
          text:
            "OctoLLM 2.0.0 needs a value for it: the key from your account. Add the line 'LICENCE_KEY=...', which the " +
            "release before ignores",
        },
      ]);
    planned(from("LICENCE_KEY=abc\n"), goal("2.0.0"), { ...invented, releases });
  });

  it("is no relation that an earlier pending statement makes, or that may be missing", () => {
    const invented = invent([{ revisions: [{ revision: "a1" }] }, { revisions: [{ revision: "b1" }] }]);
    const need = { relation: "costs", right: "own" as const, kinds: [], optional: false };
    const withStatements = (statements: readonly object[]) => ({
      ...invented,
      chain: invented.chain.map((migration) =>
        migration.revision === "b1"
          ? {
              ...migration,
              up: { sql: [], firstLine: 1, statements: statements.map((part) => ({ ...plain, ...part })) },
            }
          : migration,
      ),
    });
    const from = world("1.0.0", "a1");
    planned(from, goal("2.0.0"), withStatements([{ creates: ["costs"] }, { needs: [need] }]));
    planned(from, goal("2.0.0"), withStatements([{ needs: [{ ...need, optional: true }] }]));
    assert.equal(
      refused(from, goal("2.0.0"), withStatements([{ needs: [need] }]))[0]?.path,
      "2.0.0/migrations/b1_x.sql:1",
    );
  });
});

describe("what somebody else has changed since the last up", () => {
  const lastOutcome = { release: "1.0.0", revision: "e4f5a6", environmentDigest: "0123456789ab" };
  const at = (changes: Partial<World>) =>
    describeDrift(world("1.0.0", "e4f5a6", { lastOutcome, services: [{ ...service, release: "1.0.0" }], ...changes }));

  it("is nothing when all is as it was left, and nothing that nobody noted", () => {
    assert.deepEqual(at({}), []);
    assert.deepEqual(at({ lastOutcome: null, revisions: ["x"], services: [stopped] }), []);
    assert.deepEqual(
      at({ lastOutcome: { ...lastOutcome, revision: null, environmentDigest: null }, revisions: ["x"] }),
      [],
    );
  });

  it("is a moved revision, an edited .env, and services that are not as they were", () => {
    assert.deepEqual(
      at({
        revisions: ["b1c2d3"],
        environmentDigest: "ba9876543210",
        services: [
          { ...stopped, name: "reflex-layer" },
          { ...service, release: "0.2.0" },
          { ...service, name: "judge-arm", release: "1.0.0", asSpecified: false },
        ],
      }),
      [
        "alembic_version says b1c2d3; the last up had left it at e4f5a6",
        "the settings file was edited since the last up",
        "reflex-layer does not run",
        "orchestrator runs 0.2.0, not 1.0.0",
        "judge-arm was started with other settings, or before the settings file was edited",
      ],
    );
  });
});
