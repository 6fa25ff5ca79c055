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
import { dirname, join } from "node:path";

import { readFolder, writeFolder } from "../../codemod/folder";
import { clientRules } from "../../codemod/rules";
import { loadCatalogue } from "../../releases/catalogue";
import { chore } from "../support/chore";

const call = 'requests.post("http://localhost:8000/tasks", json={"priority": 3})';
const newCall = 'requests.post("http://localhost:8000/api/v1/tasks", json={"priority": 6})';

describe("octollm codemod", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "octollm-codemod-"))));
  afterEach(() => rmSync(folder, { recursive: true }));

  function put(path: string, content: string | Buffer): void {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }

  async function run(...more: string[]): Promise<{ code: number; patch: Buffer; said: string }> {
    const { code, out, said } = await chore("codemod", folder, "--from", "0.2.0", "--to", "1.0.0", ...more);
    return { code, patch: out, said };
  }

  const everything = () =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.parentPath.includes(".git"))
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [path, readFileSync(path, "latin1"), statSync(path).mode]);

  const texts = (files: ReturnType<typeof everything>) => files.map(([path, text]) => [path, text]);

  it("shows a diff that git applies and that gives what --write writes; without it, nothing is touched", async () => {
    put("crlf.py", `import requests\r\n\r\n${call}\r\n# ü\r\n`);
    put("no end.py", `${call}`);
    put("bom.py", `\ufeff${call}\n`);
    put('sub/lat"in.py', Buffer.from(`# -*- coding: latin-1 -*-\nx = "gr\xfc\xdfe"\n${call}\n`, "latin1"));
    put("package.json", '{\n\t"dependencies": {"octollm-sdk": "^0.2.0"}\n}');
    chmodSync(join(folder, "crlf.py"), 0o750);
    const before = everything();
    const { code, patch, said } = await run();
    assert.equal(code, 0, said);
    assert.match(said, /5 files of 5 would change, nothing is left to do by hand\.\nNothing was written\./);
    assert.deepEqual(everything(), before);

    execFileSync("git", ["init", "-q"], { cwd: folder });
    const git = (...argv: string[]) => execFileSync("git", argv, { cwd: folder, input: patch });
    git("apply", "--check");
    git("apply");
    const applied = everything();
    git("apply", "-R");
    // git knows of a mode only whether a file may be executed.
    chmodSync(join(folder, "crlf.py"), 0o750);
    assert.deepEqual(everything(), before);

    assert.deepEqual((await run("--write")).patch, patch);
    assert.deepEqual(texts(everything()), texts(applied));
    assert.equal(statSync(join(folder, "crlf.py")).mode & 0o7777, 0o750);
    assert.equal(readFileSync(join(folder, "crlf.py"), "utf8"), `import requests\r\n\r\n${newCall}\r\n# ü\r\n`);
    assert.equal(readFileSync(join(folder, "bom.py"), "utf8"), `\ufeff${newCall}\n`);

    const second = await run("--write");
    assert.deepEqual([second.code, second.patch.toString()], [0, ""]);
    assert.match(second.said, /0 files of 5 changed/);
  });

  it("leaves links, other people's code, binary files and what git ignores", async () => {
    for (const path of ["node_modules/a/a.py", ".venv/a.py", "env/lib/a.py", "built/a.py", "sub/made.py", ".git/a.py"])
      put(path, `${call}\n`);
    put("env/pyvenv.cfg", "");
    put(".gitignore", "built/\n");
    put("sub/.gitignore", "*\n!kept.py\n");
    put("sub/kept.py", `${call}\n`);
    put("binary.py", `${call}\0`);
    put("target.txt", `${call}\n`);
    symlinkSync("target.txt", join(folder, "link.py"));
    symlinkSync(".", join(folder, "loop"));
    const { patch, code } = await run("--write");
    assert.deepEqual(
      [...patch.toString().matchAll(/^\+\+\+ (.*)$/gm)].map(([, path]) => path),
      ["b/sub/kept.py"],
    );
    assert.equal(code, 0);
    assert.equal(readFileSync(join(folder, "target.txt"), "utf8"), `${call}\n`);
  });

  it("lists what is left with file, line and column, in 80 columns, and ends with 2", async () => {
    put("a.py", 'import requests\n\nrequests.post("http://localhost:8000/execute")\n');
    put("b.py", "def f(:\n    octollm\n");
    put("c.py", 'session.get("/tasks")\n');
    const { code, patch, said } = await run();
    assert.equal(code, 2);
    assert.equal(patch.toString(), "");
    assert.match(said, /Uses of what is no more[^\n]*\n {2}a\.py:3:15\n {6}\/execute is there no more/);
    assert.match(said, /Not decided[^\n]*\n {2}c\.py:1:13\n {6}whose \/tasks this is, is not known/);
    assert.match(said, /Not read:\n {2}b\.py:1:\d+\n {6}a syntax error/);
    assert.match(said, /0 files of 3 would change, 3 places to look at\./);
    for (const line of said.split("\n")) assert.ok(line.length <= 80, line);
  });

  it("lists a file that is too large, and says what was written when a file changed meanwhile", async () => {
    put("a.py", call);
    put("b.py", call);
    put("large.py", `${call}\n`.repeat(40_000));
    const { files, unreadable } = await readFolder(folder, () => true);
    assert.deepEqual(unreadable, [{ path: "large.py", reason: "it is larger than 2 MB" }]);
    put("b.py", `${call} # edited`);
    const changed = new Map(files.map(({ path }) => [path, newCall]));
    await assert.rejects(
      writeFolder(folder, files, changed),
      /b\.py' was not written, it is as it was: somebody changed it[^]*Written before it: a\.py\. Run the same command again/,
    );
    assert.equal(readFileSync(join(folder, "b.py"), "utf8"), `${call} # edited`);
  });

  it("refuses what is no folder, no version and no way up", async () => {
    const { code, said } = await chore("codemod", join(folder, "none"), "--from", "0.2.0", "--to", "1.0.0");
    assert.deepEqual([code, said], [1, `'${join(folder, "none")}' is no folder. Nothing was touched.\n`]);
    const catalogue = await loadCatalogue();
    assert.throws(
      () => clientRules(catalogue, { from: "0.3.0", to: "1.0.0" }),
      /no OctoLLM 0\.3\.0 here: there are 0\.1/,
    );
    assert.throws(() => clientRules(catalogue, { from: "1.0.0", to: "0.1.0" }), /older than 1\.0\.0.*Nothing was/);
    assert.deepEqual(clientRules(catalogue, { from: "0.1.0", to: "0.2.0" }), []);
  });
});
