import assert from "node:assert/strict";

import { DotenvFile } from "../../environment/dotenv-file";
import type { BackupFacts, RestoreWorld } from "../../planner/backups";
import { closedGates } from "../../planner/gates";
import { restoreNames } from "../../planner/restore-names";
import { summarise } from "../../planner/summary";
import type { World } from "../../planner/world";
import { goal, invent, planned, quiet, refused, server, steps, stopped, world } from "./planner-cases";

const catalogue = invent([
  { revisions: [{ revision: "a1" }] },
  { revisions: [{ revision: "b1", downClass: "none", previousCode: "breaks" }] },
]);

function backup(changes: Partial<BackupFacts> = {}): BackupFacts {
  return {
    id: "first",
    created: "2026-01-01T00:00:00.000Z",
    release: "1.0.0",
    revision: "a1",
    fault: null,
    databaseBytes: 2_000_000_000,
    environmentDigest: "0123456789ab",
    environment: DotenvFile.parse("CACHE_TTL=7200\n"),
    hasConfig: true,
    ...changes,
  };
}

function after(changes: Partial<RestoreWorld> = {}, more: Partial<World> = {}): World {
  const from = world("2.0.0", "b1", more);
  return { ...from, restore: { ...from.restore, backups: [backup()], ...changes } };
}

describe("the plan of a restore", () => {
  it("is the way back where a revision has no down: from the newest backup of that release and revision that is whole", () => {
    const backups = [
      backup({ id: "broken", fault: "'toc.dat' is missing" }),
      backup({ id: "other", revision: "x9" }),
      backup({ id: "newer" }),
      backup({ id: "older" }),
    ];
    const plan = planned(after({ backups }), goal("1.0.0"), catalogue);
    assert.deepEqual([plan.direction, plan.restore.backup, plan.restore.wish], ["restore", "newer", null]);
    assert.deepEqual([steps(plan), plan.stops.services, plan.backup.required], ["", ["orchestrator"], true]);
    assert.equal(plan.checks.revision, "a1");
    assert.match(plan.loss.kinds.join(), /everything written since backup newer of 2026-01-01T00:00:00\.000Z/);
    const upgrade = planned(world("1.0.0", "a1"), goal("2.0.0"), catalogue);
    assert.equal(upgrade.rollback.class, "restore");
    assert.ok(upgrade.rollback.steps.some((step) => /restores the backup that this attempt makes/.test(step)));
  });

  it("says why each backup cannot be used when none can", () => {
    const text = refused(after({ backups: [backup({ fault: "'toc.dat' is missing" })] }), goal("1.0.0"), catalogue)[0]
      ?.text;
    assert.match(
      text ?? "",
      /there is none that could be used\. Backup 'first' cannot be used: 'toc\.dat' is missing\./,
    );
  });

  it("is refused until its loss is accepted by an id that depends on nothing that moves", () => {
    const plan = planned(after(), goal("1.0.0"), catalogue);
    const gates = (acceptLoss: string) =>
      closedGates(plan, { acceptBreaking: "", reviewedPlan: "", acceptLoss, allowHazards: [] }, quiet).map(
        ({ path }) => path,
      );
    assert.deepEqual(gates(""), ["octollm:acceptLoss"]);
    assert.deepEqual(gates(plan.loss.id ?? ""), []);
    const later = planned(after({}, { nextAttempt: 9 }), goal("1.0.0"), catalogue);
    assert.deepEqual([later.id, later.loss.id], [plan.id, plan.loss.id]);
    const reviewed = closedGates(
      plan,
      { acceptBreaking: "", reviewedPlan: "abc", acceptLoss: plan.loss.id ?? "", allowHazards: [] },
      quiet,
    );
    assert.deepEqual(
      reviewed.map(({ path }) => path),
      ["octollm:reviewedPlan"],
    );
  });

  const wish = { restoreFrom: "first" };
  const refusals: readonly [string, World, Parameters<typeof goal>[1], string, RegExp][] = [
    [
      "an id that no backup has",
      after(),
      { restoreFrom: "none" },
      "1.0.0",
      /there is no backup 'none' in 'backups'.*octollm backups restore first/,
    ],
    [
      "another release than the backup's",
      after(),
      wish,
      "2.0.0",
      /is of OctoLLM 1\.0\.0, but version is 2\.0\.0: octollm config set version 1\.0\.0/,
    ],
    [
      "a backup with a fault",
      after({ backups: [backup({ fault: "it is of another installation" })] }),
      wish,
      "1.0.0",
      /cannot be used: it is of another installation/,
    ],
    [
      "a stack that has adopted nothing",
      after(),
      { ...wish, emptyStack: true },
      "1.0.0",
      /has not adopted the installation yet.*--into/,
    ],
    [
      "a database that cannot be read, without a backup named",
      after({ damage: "there is no such database" }),
      {},
      "2.0.0",
      /cannot be read \(there is no such database\).*octollm backups restore first/,
    ],
  ];
  for (const [what, from, changes, version, text] of refusals)
    it(`is refused for ${what}`, () => {
      const reasons = refused(from, goal(version, changes), catalogue);
      assert.match(reasons.map((reason) => `${reason.path}: ${reason.text}`).join("\n"), text);
    });

  it("is no change once the setting is fulfilled, and is one again with the next number", () => {
    const there = { ...world("1.0.0", "a1"), restore: { ...after().restore, fulfilled: "first" } };
    assert.equal(planned(there, goal("1.0.0", wish), catalogue).restore.backup, null);
    assert.equal(planned(there, goal("1.0.0", { restoreFrom: "first#2" }), catalogue).restore.wish, "first#2");
    assert.equal(steps(planned(there, goal("2.0.0", wish), catalogue)), "+b1", "the way up is not in its way");
  });

  it("goes on where an attempt has left off, with the database in place and nothing more to lose", () => {
    const unfinished = { attempt: 4, backup: "first", wish: "first" };
    for (const restoreFrom of ["first", ""]) {
      const plan = planned(after({ unfinished }, { release: "1.0.0" }), goal("1.0.0", { restoreFrom }), catalogue);
      assert.deepEqual([plan.restore.way, plan.loss.id, plan.backup.required], ["done", null, false]);
      assert.match(plan.restore.lines.join(), /is that of the backup since attempt 4/);
    }
    const again = planned(after({ unfinished }), goal("1.0.0", { restoreFrom: "first#2" }), catalogue);
    assert.equal(again.restore.way, "swap");
  });

  it("needs neither a readable database, nor a running service, nor a revision that is known", () => {
    const lost = after({ damage: "there is no such database" }, { release: null, revisions: [], services: [] });
    const plan = planned(lost, goal("1.0.0", wish), catalogue);
    assert.deepEqual([plan.from, plan.to, plan.backup.required], ["1.0.0", "1.0.0", false]);
    assert.ok(!plan.restore.lines.some((line) => /renames octollm to/.test(line)));
    assert.equal(planned(after({}, { revisions: ["z", "y"] }), goal("1.0.0", wish), catalogue).restore.backup, "first");
  });

  it("replaces the content where databases cannot be renamed, and says why", () => {
    const plan = planned(after({ noRename: "role 'x' may not" }), goal("1.0.0", wish), catalogue);
    assert.deepEqual([plan.restore.way, plan.restore.incoming], ["replace", null]);
    assert.match(
      plan.restore.lines.join("\n"),
      /in one transaction: drops every object.*\n.*because .*role 'x' may not/,
    );
  });

  it("names the variables of .env that change, never their values", () => {
    const environment = DotenvFile.parse("SAME=1\nGONE=secret-a\nOTHER=secret-b\n");
    const copy = DotenvFile.parse("SAME=1\nOTHER=secret-c\nBACK=secret-d\n");
    const plan = planned(
      after({ backups: [backup({ environment: copy })] }, { environment }),
      goal("1.0.0", wish),
      catalogue,
    );
    assert.deepEqual(plan.restore.lines.filter((line) => /^\.env: [-+~]/.test(line)).sort(), [
      ".env: + BACK",
      ".env: - GONE",
      ".env: ~ OTHER",
    ]);
    assert.doesNotMatch(JSON.stringify(plan), /secret-/);
  });

  it("shows lines under 140 characters, and a summary within 80 columns", () => {
    const id = "20260101T021500Z-0.1.0-attempt2";
    const from = after({ backups: [backup({ id })] }, { database: "octollm_production" });
    const plan = planned(from, goal("1.0.0", { restoreFrom: id }), catalogue);
    for (const line of plan.restore.lines) assert.ok(line.length < 140, line);
    for (const line of summarise(plan)) assert.ok(line.length <= 76, line);
  });

  it("names its databases within PostgreSQL's 63 bytes, and no name twice", () => {
    const id = "20260101T021500Z-0.1.0-attempt2";
    const { incoming, before } = restoreNames("octollm", id, []);
    assert.deepEqual([incoming, before], [`octollm_restore_${id}`, `octollm_before_${id}`]);
    assert.equal(restoreNames("octollm", id, [before]).before, `${before}_2`);
    const long = "ü".repeat(31);
    const names = Object.values(restoreNames(long, `${id}${"x".repeat(40)}`, []));
    for (const name of names) assert.ok(Buffer.byteLength(String(name)) <= 63, String(name));
    assert.equal(new Set(names).size, 2);
  });

  it("is refused for what would stop it later: a held port, missing tools, no room for the database beside the old one", () => {
    const disk = { backupsFault: null, backups: null, data: { path: "/pg", free: 1_000_000_000 } };
    const nginx = { ...stopped, obstructed: "port 8000 is held by 'nginx' (pid 7)" };
    const inTheWay = { disk, dumpTool: { fault: "there is no pg_dump" }, services: [nginx] };
    assert.deepEqual(
      refused(after({}, inTheWay), goal("1.0.0"), catalogue).map(({ path, text }) => [path, text.split(". ")[0]]),
      [
        ["octollm:services.orchestrator", "port 8000 is held by 'nginx' (pid 7)"],
        ["backup", "there is no pg_dump"],
        ["database", "the data directory '/pg' has 1.0 GB left, and the database of backup first needs 2.0 GB"],
      ],
    );
  });

  it("asks neither for tools nor for room once its database is in place", () => {
    const disk = { backupsFault: null, backups: null, data: { path: "/pg", free: 0 } };
    const unfinished = { attempt: 7, backup: "first", wish: null };
    const plan = planned(after({ unfinished }, { disk, dumpTool: { fault: "none" } }), goal("1.0.0"), catalogue);
    assert.equal(plan.restore.way, "done");
  });

  it("of a damaged database does not ask what it would take", () => {
    const replica = { ...server, isReadOnly: true, mayWriteLedger: false };
    const damaged = after({ damage: "there is no such database" }, { server: replica });
    const asked = { ...goal("1.0.0"), restoreFrom: "first" };
    assert.equal(planned(damaged, asked, catalogue).restore.way, "swap");
    assert.equal(refused(after({}, { server: replica }), asked, catalogue)[0]?.path, "database");
  });
});
