import assert from "node:assert/strict";

import fc from "fast-check";

import { applyRelease, undoRelease } from "../../environment/changes";
import { DotenvFile, expandedValue } from "../../environment/dotenv-file";
import { type Home, homesOf } from "../../environment/homes";
import { dotenvOf, withValues } from "../../environment/values-file";
import type { EnvironmentChange } from "../../releases/release";

const key = fc.stringMatching(/^[A-Z][A-Z0-9_.-]{0,8}$/);
const value = fc.oneof(
  fc.string(),
  fc.string({ unit: "grapheme" }),
  fc.constantFrom("a'b\\", "${HOME}", "x\r\ny", " # ", '"', "'"),
);

describe("variables that stand in no file", () => {
  it("are read from the file that is made of them, whatever is in them", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(key, value)), (entries) => {
        const values = new Map(entries);
        const file = dotenvOf(values);
        assert.deepEqual(
          file.keys().map((name) => [name, file.get(name)]),
          [...values],
        );
        assert.deepEqual(file.toBuffer(), DotenvFile.parse(file.toBuffer()).toBuffer());
      }),
    );
  });

  it("are no references: nothing is put in the place of ${NAME}", () => {
    const file = dotenvOf(new Map([["A", "${B}"], ["B", "b"]])); // prettier-ignore
    assert.equal(expandedValue(file, "A"), "${B}");
  });

  it("win over the file that was kept of them, whose comments and order stay", () => {
    const kept = DotenvFile.parse("# first\nB=1\n# [octollm 0.2.0] GONE=x\nA=2\nC=3\n");
    const now = withValues(kept, new Map([["A", "2"], ["B", "new one"], ["D", "4"]])); // prettier-ignore
    assert.equal(now.toString(), "# first\nB='new one'\n# [octollm 0.2.0] GONE=x\nA=2\nD=4\n");
    assert.deepEqual(withValues(now, new Map(now.keys().map((name) => [name, now.get(name) ?? ""]))), now);
  });

  it("come back as they were after a release and its way back, though only values are in the cluster", () => {
    const release = {
      version: "0.2.0",
      changes: [
        { kind: "add", key: "L1", from: "CACHE", default: "true" },
        { kind: "deprecate", key: "CACHE" },
        { kind: "rename", key: "TOKEN", to: "API_TOKEN" },
      ] as EnvironmentChange[],
    };
    const before = new Map([["CACHE", "fal'se"], ["TOKEN", "s3cret $x"], ["OTHER", "1"]]); // prettier-ignore
    const { file } = applyRelease(dotenvOf(before), release);
    const live = new Map(
      file
        .keys()
        .map((name) => [name, file.get(name) ?? ""])
        .toSorted() as [string, string][],
    );
    assert.deepEqual([...live.keys()], ["API_TOKEN", "L1", "OTHER"]);
    const again = withValues(DotenvFile.parse(file.toBuffer()), live);
    assert.deepEqual(again.toBuffer(), file.toBuffer());
    assert.equal(applyRelease(again, release).edits.length, 0);
    const back = undoRelease(again, release).file;
    assert.deepEqual(new Map(back.keys().map((name) => [name, back.get(name)])), before);
  });
});

describe("the home of a variable", () => {
  const changes: EnvironmentChange[] = [
    { kind: "add", key: "L1", from: "CACHE", default: "true" },
    { kind: "rename", key: "TOKEN", to: "API_TOKEN" },
    { kind: "add", key: "NEW", default: "1" },
    { kind: "require", key: "SIGNING_SECRET", text: "signs" },
  ];
  const known = new Map<string, Home>([["CACHE", "secret"], ["TOKEN", "secret"], ["PLAIN", "configMap"]]); // prettier-ignore
  const homes = (...keys: string[]) => [...homesOf(keys, known, changes, true).values()];

  it("is where it was, or where the one was that it came from", () => {
    assert.deepEqual(homes("PLAIN", "TOKEN", "API_TOKEN", "L1"), ["configMap", "secret", "secret", "secret"]);
    const renamed = new Map<string, Home>([["API_TOKEN", "secret"]]);
    assert.deepEqual([...homesOf(["TOKEN"], renamed, changes, true).values()], ["secret"]);
  });

  it("is the ConfigMap for what is new, unless its name sounds secret and there is a Secret", () => {
    assert.deepEqual(homes("NEW", "SIGNING_SECRET"), ["configMap", "secret"]);
    assert.deepEqual([...homesOf(["SIGNING_SECRET"], known, changes, false).values()], ["configMap"]);
  });
});
