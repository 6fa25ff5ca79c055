import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { chore } from "../support/chore";
import { CatalogueCopy } from "./catalogue-cases";

const fixture = readFileSync(join(__dirname, "..", "fixtures", "env", "crlf.env"));

describe("octollm env", () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "octollm-env-"));
    path = join(folder, ".env");
    writeFileSync(path, fixture, { mode: 0o640 });
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const way = (from: string, to: string) => [path, "--from", from, "--to", to];

  it("diff shows the lines and writes nothing; migrate writes them, and takes them back byte for byte", async () => {
    const diff = await chore("env", "diff", ...way("0.1.0", "1.0.0"));
    assert.equal(diff.code, 0);
    assert.match(diff.out.toString(), /^\+ CACHE_L1_SIZE=1000$/m);
    assert.deepEqual(readFileSync(path), fixture);

    const up = await chore("env", "migrate", ...way("0.1.0", "1.0.0"));
    assert.deepEqual(up.out, diff.out);
    assert.match(
      up.said,
      /is for OctoLLM 1\.0\.0 now\. The way back:\n {2}octollm env migrate .* --from 1\.0\.0 --to 0\.1\.0/,
    );
    assert.equal(statSync(path).mode & 0o7777, 0o640);
    assert.notDeepEqual(readFileSync(path), fixture);

    assert.match((await chore("env", "migrate", ...way("0.1.0", "1.0.0"))).said, /^Nothing changes\.\n$/);
    assert.equal((await chore("env", "migrate", ...way("1.0.0", "0.1.0"))).code, 0);
    assert.deepEqual(readFileSync(path), fixture);
  });

  it("migrate refuses a variable that stands twice, or that the operator must set, and writes nothing", async () => {
    const copy = new CatalogueCopy();
    try {
      copy.edit(
        "1.0.0/release.yaml",
        "environment:\n",
        "environment:\n  - { require: LICENCE, text: the licence key }\n",
      );
      writeFileSync(path, "CACHE_TTL=1\nCACHE_TTL=2\n");
      const { code, said } = await chore("env", "migrate", ...way("0.1.0", "1.0.0"), "--catalogue", copy.path(""));
      assert.equal(code, 1);
      assert.match(
        said,
        /nothing was touched\. Correct:\n.*: CACHE_TTL\n +stands more than once[^]*: LICENCE\n[^]*the licence\s+key/,
      );
      assert.equal(readFileSync(path, "utf8"), "CACHE_TTL=1\nCACHE_TTL=2\n");
    } finally {
      copy.remove();
    }
  });

  it("check tells what a release lacks, and lines that programs do not read alike, without values", async () => {
    const lines = [
      "A=s3cr#t",
      "B= # s3cr3t",
      "C=`s3cr3t`",
      "D=pa$word",
      "E: yaml",
      'F="s3cr3t',
      "G=1",
      "G=2",
      "H='a$b #`'",
      'I="a#b"',
    ];
    writeFileSync(path, `${lines.join("\n")}\n`);
    const { code, out } = await chore("env", "check", path, "--release", "0.1.0");
    assert.equal(code, 2);
    const said = out.toString();
    assert.deepEqual(
      [...said.matchAll(/\.env(:\d+|: \w)$/gm)].map(([, place]) => place),
      [": G", ":1", ":2", ":3", ":4", ":5", ":6"],
    );
    assert.doesNotMatch(said, /s3cr|word/);
    for (const line of said.split("\n")) assert.ok(line.length <= 80, line);
  });

  it("check is content with a file that was migrated, and lists what is missing in one that was not", async () => {
    writeFileSync(path, "A=1\n");
    const before = await chore("env", "check", path, "--release", "1.0.0");
    assert.equal(before.code, 2);
    assert.match(before.out.toString(), /would change for OctoLLM 1\.0\.0:\n[^]*\+ CACHE_L2_TTL=3600/);
    await chore("env", "migrate", ...way("0.1.0", "1.0.0"));
    const after = await chore("env", "check", path, "--release", "1.0.0");
    assert.deepEqual([after.code, after.said], [0, ""]);
  });

  it("names a file that is not there, and a release that is none", async () => {
    const none = await chore("env", "diff", join(folder, "none"), "--from", "0.1.0", "--to", "1.0.0");
    assert.deepEqual([none.code, /none' does not exist\. Nothing was touched/.test(none.said)], [1, true]);
    assert.match(
      (await chore("env", "diff", ...way("0.1.0", "3.0.0"))).said,
      /no OctoLLM 3\.0\.0 here: there are 0\.1\.0/,
    );
  });
});
