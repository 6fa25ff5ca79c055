import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { ListedBackup } from "../../backup/list";
import type { Manifest } from "../../backup/manifest";
import { deleteBackup } from "../../backup/prune";
import { judgeRetention } from "../../backup/retention";

const now = new Date("2026-06-01T00:00:00Z");

function backup(id: string, days: number, changes: Partial<Manifest> = {}): ListedBackup {
  const created = new Date(now.getTime() - days * 86_400_000).toISOString();
  const manifest = {
    id,
    created,
    release: "1.0.0",
    revision: "a1",
    attempt: 1,
    files: [],
    ...changes,
  } as unknown as Manifest;
  return { id, path: `/backups/${id}`, manifest, bytes: 0, fault: null };
}

function gone(backups: readonly ListedBackup[], { keepAtLeast = 1, referred = [] as string[] } = {}): string[] {
  const verdicts = judgeRetention(backups, { keepDays: 30, keepAtLeast, referred: new Set(referred), now });
  assert.deepEqual(
    verdicts.map((verdict) => verdict.backup.id),
    backups.map(({ id }) => id),
  );
  return verdicts.filter(({ keep }) => !keep).map((verdict) => verdict.backup.id);
}

describe("retention", () => {
  it("lets go what is old, but not the newest ones", () => {
    const backups = [backup("a", 1), backup("b", 29), backup("c", 31), backup("d", 90), backup("e", 400)];
    assert.deepEqual(gone(backups), ["c", "d", "e"]);
    assert.deepEqual(gone(backups, { keepAtLeast: 4 }), ["e"]);
  });

  it("keeps what the ledger or a state refers to, however old", () => {
    assert.deepEqual(gone([backup("a", 1), backup("b", 99), backup("c", 99)], { referred: ["c"] }), ["b"]);
  });

  it("keeps the newest of every release and revision, which a way back may need", () => {
    const old = [
      backup("b", 90, { release: "0.1.0" }),
      backup("c", 91, { release: "0.1.0" }),
      backup("d", 92, { revision: "a0" }),
    ];
    assert.deepEqual(gone([backup("a", 1), ...old]), ["c"]);
  });

  it("keeps what seems to be of the future and what cannot be read, and the newest by number when the clock was moved back", () => {
    assert.deepEqual(gone([backup("a", 1), backup("future", -400)]), []);
    assert.deepEqual(gone([backup("a", 1), { ...backup("b", 99), manifest: null, fault: "no manifest" }]), []);
    // The newest attempt was made while the clock stood at last year.
    assert.deepEqual(gone([backup("newest", 400, { attempt: 9 }), backup("a", 60, { attempt: 8 }), backup("b", 61)]), [
      "b",
    ]);
  });
});

describe("deleting a backup", () => {
  let root: string;
  beforeEach(() => (root = mkdtempSync(join(tmpdir(), "octollm-prune-"))));
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  function written(id: string, called = id): ListedBackup {
    const path = join(root, id);
    mkdirSync(join(path, "database"), { recursive: true });
    for (const name of ["manifest.json", "database/toc.dat", "environment.env"]) writeFileSync(join(path, name), "x");
    const files = ["database/toc.dat", "environment.env"].map((name) => ({ path: name, bytes: 1, sha256: "" }));
    return { ...backup(called, 1, { files }), id, path };
  }

  it("removes its files and its folder", async () => {
    assert.deepEqual(await deleteBackup(written("b1")), []);
    assert.deepEqual(readdirSync(root), []);
  });

  it("leaves a file that is not of its making, and says so", async () => {
    const one = written("b1");
    writeFileSync(join(one.path, "database/notes.txt"), "mine");
    assert.deepEqual(await deleteBackup(one), ["database/notes.txt"]);
    assert.deepEqual(readdirSync(join(one.path, "database")), ["notes.txt"]);
    assert.ok(existsSync(join(one.path, "manifest.json")), "what is left can still be told apart");
  });

  it("touches no folder that is called otherwise than its manifest says", async () => {
    const copy = written("copy-of-b1", "b1");
    assert.equal((await deleteBackup(copy)).length, 3);
    assert.equal(readdirSync(copy.path).length, 3);
  });
});
