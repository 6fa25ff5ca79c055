import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { databaseAddress, DatabaseAddressError } from "../../environment/database-address";
import { DotenvFile } from "../../environment/dotenv-file";
import { readDotenv, replaceFile, sha256 } from "../../environment/write";

describe("replacing a file", () => {
  let folder: string;
  let path: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "octollm-write-"));
    path = join(folder, ".env");
    writeFileSync(path, "old\n");
    chmodSync(path, 0o640);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("keeps its mode and leaves nothing else behind", async () => {
    await replaceFile(path, Buffer.from("n\xffw", "latin1"), { expected: sha256("old\n") });
    assert.deepEqual(readFileSync(path), Buffer.from("n\xffw", "latin1"));
    assert.equal(statSync(path).mode & 0o7777, 0o640);
    assert.deepEqual(readdirSync(folder), [".env"]);
  });

  it("keeps its owner", async function () {
    if (process.getuid?.() !== 0) return this.skip();
    const { chownSync } = await import("node:fs");
    chownSync(path, 65534, 65534);
    await replaceFile(path, "new\n");
    assert.deepEqual([statSync(path).uid, statSync(path).gid], [65534, 65534]);
  });

  it("writes a new file for its owner only", async () => {
    await replaceFile(join(folder, "fresh"), "x");
    assert.equal(statSync(join(folder, "fresh")).mode & 0o7777, 0o600);
  });

  it("goes through a symbolic link", async () => {
    const link = join(folder, "link.env");
    symlinkSync(".env", link);
    await replaceFile(link, "new\n");
    assert.ok(lstatSync(link).isSymbolicLink());
    assert.equal(readFileSync(path, "utf8"), "new\n");
  });

  it("is refused when somebody changed or removed the file meanwhile", async () => {
    const { sha256: expected } = await readDotenv(path);
    writeFileSync(path, "edited\n");
    await assert.rejects(replaceFile(path, "new\n", { expected }), /not written, it is as it was: somebody changed it/);
    assert.equal(readFileSync(path, "utf8"), "edited\n");
    rmSync(path);
    await assert.rejects(replaceFile(path, "new\n", { expected }), /somebody removed it/);
    assert.equal(existsSync(path), false);
  });

  it("clears away what a killed run left", async () => {
    writeFileSync(join(folder, "..env.octollm-new"), "leftover");
    await replaceFile(path, "new\n");
    assert.deepEqual(readdirSync(folder), [".env"]);
  });

  it("names a file that cannot be read", async () => {
    await assert.rejects(readDotenv(join(folder, "none")), /none' does not exist\. Nothing was touched/);
  });
});

describe("the database's address", () => {
  const of = (text: string, options = {}) => databaseAddress(DotenvFile.parse(text), options);

  it("is read from DATABASE_URL, whatever the driver", () => {
    assert.deepEqual(of("DATABASE_URL=postgresql+asyncpg://me:p%40s%2Fs@db.example:6432/octo?sslmode=require\n"), {
      host: "db.example",
      port: 6432,
      database: "octo",
      user: "me",
      password: "p@s/s",
      ssl: { mode: "require" },
    });
  });

  it("is put together from POSTGRES_* when there is no URL", () => {
    assert.deepEqual(of("POSTGRES_USER=me\nPOSTGRES_PASSWORD='p w'\nPOSTGRES_DB=octo\n"), {
      host: "localhost",
      port: 5432,
      database: "octo",
      user: "me",
      password: "p w",
    });
  });

  it("expands references, and lets host and port be overridden", () => {
    const text =
      "POSTGRES_USER=me\nPOSTGRES_PASSWORD=pw\nURL=postgres://${POSTGRES_USER}:${POSTGRES_PASSWORD}@postgres/o\n";
    const { host, port, user, password } = of(text, { key: "URL", host: "127.0.0.1", port: 15432 });
    assert.deepEqual([host, port, user, password], ["127.0.0.1", 15432, "me", "pw"]);
  });

  const wrong: [text: string, reason: RegExp][] = [
    ["DATABASE_URL=mysql://me:s3cr3t@h/o", /DATABASE_URL in '\/srv\/\.env': its scheme is not postgresql/],
    ["DATABASE_URL=postgresql://me:s3c@r3t@h/o", /must be written as '%40'/],
    ["DATABASE_URL=postgresql://me:s3cr3t@h:99999/o", /DATABASE_URL .*the port is not a number/],
    ["DATABASE_URL=postgresql://h/o", /names no user/],
    ["POSTGRES_PASSWORD=s3cr3t", /Neither DATABASE_URL nor POSTGRES_USER is set in '\/srv\/\.env'/],
    ["POSTGRES_USER=me\nPOSTGRES_PORT=s3cr3t", /POSTGRES_PORT in '\/srv\/\.env'/],
  ];
  for (const [text, reason] of wrong)
    it(`is refused without showing a value: ${reason.source}`, () => {
      assert.throws(
        () => of(text, { path: "/srv/.env" }),
        (fault: Error) => {
          assert.ok(fault instanceof DatabaseAddressError);
          assert.match(fault.message, reason);
          assert.match(fault.message, /Nothing was touched/);
          assert.doesNotMatch(fault.message, /s3c|r3t/);
          return true;
        },
      );
    });
});
