import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
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
import { gzipSync } from "node:zlib";

import * as tar from "tar";

import { folderDigest, packFolder, unpackFolder } from "../../backup/archive";
import { BackupError } from "../../backup/errors";

/** One entry of a tar file as anybody could write it. */
function entry(name: string, { type = "0", link = "", body = "" } = {}): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write("0000644\0", 100);
  header.write("0000000\0", 108);
  header.write("0000000\0", 116);
  header.write(body.length.toString(8).padStart(11, "0") + "\0", 124);
  header.write("00000000000\0", 136);
  header.write("        ", 148);
  header.write(type, 156);
  header.write(link, 157);
  header.write("ustar\x0000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(sum.toString(8).padStart(6, "0") + "\0 ", 148);
  const padded = Buffer.alloc(Math.ceil(body.length / 512) * 512);
  padded.write(body);
  return Buffer.concat([header, padded]);
}

describe("the archive of the config folder", () => {
  let root: string;
  beforeEach(() => (root = mkdtempSync(join(tmpdir(), "octollm-archive-"))));
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it("brings a folder back with names, modes and contents as they were", async () => {
    const folder = join(root, "@config");
    mkdirSync(join(folder, "empty/deep"), { recursive: true });
    writeFileSync(join(folder, "ünï code.yaml"), "a: 1\r\n");
    writeFileSync(join(folder, "run.sh"), "#!/bin/sh\n");
    chmodSync(join(folder, "run.sh"), 0o750);
    mkdirSync(join(root, "back"));
    await packFolder(folder, join(root, "a.tar.gz"), () => undefined);
    await unpackFolder(join(root, "a.tar.gz"), join(root, "back"));
    assert.equal(await folderDigest(join(root, "back")), await folderDigest(folder));
    assert.equal(statSync(join(root, "a.tar.gz")).mode & 0o777, 0o600);
    writeFileSync(join(root, "back/run.sh"), "#!/bin/sh\nother\n");
    assert.notEqual(await folderDigest(join(root, "back")), await folderDigest(folder));
    assert.equal(await folderDigest(join(root, "nowhere")), null);
  });

  it("holds the file that a link leads to, and leaves out links to folders, dead links and pipes, and says so", async () => {
    const folder = join(root, "config");
    mkdirSync(folder);
    writeFileSync(join(root, "elsewhere.yaml"), "from: elsewhere\n");
    symlinkSync(join(root, "elsewhere.yaml"), join(folder, "linked.yaml"));
    symlinkSync("..", join(folder, "loop"));
    symlinkSync("nowhere", join(folder, "dead"));
    execFileSync("mkfifo", [join(folder, "pipe")]);
    const said: string[] = [];
    await packFolder(folder, join(root, "a.tar.gz"), (line) => said.push(line));
    const names: string[] = [];
    await tar.list({ file: join(root, "a.tar.gz"), onReadEntry: ({ path, type }) => names.push(`${type} ${path}`) });
    assert.deepEqual(names.sort(), ["Directory ./config/", "File ./config/linked.yaml"]);
    assert.deepEqual(said.map((line) => /config\/(\w+)'/.exec(line)?.[1]).sort(), ["dead", "loop", "pipe"]);
    mkdirSync(join(root, "back"));
    await unpackFolder(join(root, "a.tar.gz"), join(root, "back"));
    assert.equal(readFileSync(join(root, "back/linked.yaml"), "utf8"), "from: elsewhere\n");
  });

  const hostile: readonly [string, Buffer, RegExp][] = [
    ["a path that climbs out of it", entry("./config/../../escaped", { body: "x" }), /leads out of it/],
    ["an absolute path", entry("/tmp/escaped", { body: "x" }), /leads out of it/],
    ["a path with a backslash", entry("./config/..\\escaped", { body: "x" }), /leads out of it/],
    ["a symbolic link", entry("./config/link", { type: "2", link: "/etc/passwd" }), /is a SymbolicLink/],
    ["a hard link", entry("./config/link", { type: "1", link: "/etc/passwd" }), /is a Link/],
    ["a device", entry("./config/sda", { type: "4" }), /is a BlockDevice/],
    ["a character device", entry("./config/null", { type: "3" }), /is a CharacterDevice/],
    ["a pipe", entry("./config/pipe", { type: "6" }), /is a FIFO/],
  ];
  for (const [what, bytes, text] of hostile)
    it(`is refused whole when it holds ${what}, with nothing written`, async () => {
      const file = join(root, "a.tar.gz");
      const good = entry("./config/good.yaml", { body: "a: 1" });
      writeFileSync(file, gzipSync(Buffer.concat([good, bytes, Buffer.alloc(1024)])));
      const back = join(root, "back");
      mkdirSync(back);
      await assert.rejects(unpackFolder(file, back), (error: Error) => {
        assert.ok(error instanceof BackupError);
        assert.match(error.message, text);
        return true;
      });
      assert.deepEqual(readdirSync(back), []);
      assert.deepEqual(readdirSync(root).sort(), ["a.tar.gz", "back"]);
    });
});
