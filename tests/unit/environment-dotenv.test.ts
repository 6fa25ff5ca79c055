import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import fc from "fast-check";

import { DotenvFile, expandedValue, expandedValues } from "../../environment/dotenv-file";
import { anyDotenv } from "./environment-arbitrary";

const fixtures = join(__dirname, "..", "fixtures", "env");

describe("an .env file", () => {
  it("gives every byte back, whatever the bytes are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        assert.deepEqual(DotenvFile.parse(bytes).toBuffer(), Buffer.from(bytes));
      }),
    );
    fc.assert(fc.property(anyDotenv, (text) => assert.equal(DotenvFile.parse(text).toString(), text)));
  });

  for (const name of readdirSync(fixtures))
    it(`gives ${name} back byte for byte`, () => {
      const bytes = readFileSync(join(fixtures, name));
      assert.deepEqual(DotenvFile.parse(bytes).toBuffer(), bytes);
    });

  const readings: [title: string, text: string, value: string | undefined, raw: string | undefined][] = [
    ["a plain value", "A=1", "1", "1"],
    ["blanks around the equals sign", " A = 1 \t\n", "1", "1"],
    ["export", "export A=1", "1", "1"],
    ["an empty value", "A=\nB=2", "", ""],
    ["an empty value with a comment", "A= # none\n", "", ""],
    ["an inline comment", "A=1 # one", "1", "1"],
    ["a hash without a blank before it", "A=un#quoted", "un#quoted", "un#quoted"],
    ["equals signs and dollars in the value", "A=x==$y", "x==$y", "x==$y"],
    ["single quotes", "A='1 # \\n $B' # c", "1 # \\n $B", "'1 # \\n $B'"],
    ["double quotes with escapes", 'A="a\\n\\"b\\"\\\\ # c"', 'a\n"b"\\ # c', '"a\\n\\"b\\"\\\\ # c"'],
    ["a value over several lines", 'A="one\r\ntwo"\r\nB=1', "one\r\ntwo", '"one\r\ntwo"'],
    ["a quote that nothing closes", 'A="one\nB=1', '"one', '"one'],
    ["text behind the closing quote", 'A="one"two', '"one"two', '"one"two'],
    ["the last of several", "A=1\nA=2", "2", "2"],
    ["a commented line as nothing", "#A=1\n # A=2", undefined, undefined],
    ["a longer key as nothing", "REFLEX_A=1\nA_B=2", undefined, undefined],
    ["YAML as nothing", "A: 1", undefined, undefined],
    ["UTF-8", "A=Grüße 🐙", "Grüße 🐙", "Grüße 🐙"],
    ["a byte order mark before the key", "\ufeffA=1", "1", "1"],
    ["a no-break space at the end as part of the value", "A=1\u00a0", "1\u00a0", "1\u00a0"],
  ];
  for (const [title, text, value, raw] of readings)
    it(`reads ${title}`, () => {
      const file = DotenvFile.parse(text);
      assert.equal(file.get("A"), value);
      assert.equal(file.rawValue("A"), raw);
    });

  it("lists keys once and names those that are set twice", () => {
    const file = DotenvFile.parse("B=1\nA=2\n#C=3\nB=4\n");
    assert.deepEqual(file.keys(), ["B", "A"]);
    assert.deepEqual(file.duplicates(), ["B"]);
  });

  it("expands references in braces as docker compose does, without running anything", () => {
    const file = DotenvFile.parse(
      "U=me\nP='${U}'\nE=\nURL=pg://${U}:${P}@${H:-db}/${E:-x}/${E-y}/${NO}$(id)$U\nLOOP=${LOOP}1\n",
    );
    assert.equal(expandedValue(file, "URL"), "pg://me:${U}@db/x//$(id)$U");
    assert.equal(expandedValue(file, "LOOP"), "1");
    assert.equal(expandedValue(file, "NO"), undefined);
    assert.deepEqual(Object.keys(expandedValues(file)), ["U", "P", "E", "URL", "LOOP"]);
  });

  it("reads a line of a megabyte and a hundred thousand open quotes in no time", () => {
    const started = Date.now();
    const long = DotenvFile.parse(`A="${"x".repeat(1_000_000)}\nB=1\n`);
    assert.equal(long.get("B"), "1");
    DotenvFile.parse(`A="x\nB='y\n`.repeat(50_000));
    assert.ok(Date.now() - started < 3_000);
  });
});
