import assert from "node:assert/strict";

import { entriesOf, type Entry } from "./support/failure-entries";
import { failureTexts, failureTextsIn } from "./support/failure-texts";
import { readPage } from "./support/markdown";

const entries = entriesOf(readPage("docs/failures.md"));
// The page has one entry for all of them: what they name is in docs/engine.md.
const texts = failureTexts().filter(({ kind }) => kind !== "NotImplementedError");

/** Line ends and runs of blanks do not matter, nor does what is filled in. */
const plain = (text: string) => text.replace(/\s+/g, " ").replace(/…+/g, "…");

const isIn = (shown: string, text: string) => plain(text).includes(plain(shown));

/** Words that many texts have ("Nothing was touched.") are no entry for all of them: they must be a good part of the text. */
function isAbout(shown: string, text: string): boolean {
  const [part, whole] = [plain(shown).length, plain(text).length];
  return isIn(shown, text) && (part >= 30 || part >= whole * 0.25) && (!/^Nothing was \w+\.$/.test(shown) || whole - part <= 3);
}

describe("docs/failures.md", () => {
  it("has an entry for every failure text of the program", () => {
    const shown = entries.flatMap((entry) => entry.texts);
    const missing = texts.filter(({ text }) => !shown.some((fragment) => isAbout(fragment, text)));
    assert.deepEqual(
      missing.map(({ place, text }) => `${place}: ${text}`),
      [],
      "these texts have no entry: write one, with words of the text, what it means and what to do",
    );
  });

  it("has no entry for a text that the program does not have", () => {
    const stale = entries.flatMap(({ line, texts: fragments }) =>
      fragments
        .filter((fragment) => !texts.some(({ text }) => isIn(fragment, text)))
        .map((fragment) => `docs/failures.md:${line}: ${fragment}`),
    );
    assert.deepEqual(stale, []);
  });

  it("says of each what it means and what to do", () => {
    const empty = entries.filter(({ meaning }: Entry) => meaning.split(" ").length < 4);
    assert.deepEqual(
      empty.map(({ texts: fragments }) => fragments),
      [],
    );
  });
});

describe("the reader of failure texts", () => {
  const read = (source: string) => failureTextsIn("a.ts", source).map(({ text }) => text);

  it("finds what is thrown, pushed onto faults, or given as a reason with a place", () => {
    assert.deepEqual(read('throw new MyError("one is not two");'), ["one is not two"]);
    assert.deepEqual(read("faults.push(`${key}: is ${n} of them`);"), ["…: is … of them"]);
    assert.deepEqual(read('const a = { path: "x", text: "it is " + what + " not there" };'), ["it is … not there"]);
  });

  it("follows the functions and constants of the file, and leaves words that are told alone", () => {
    assert.deepEqual(
      read('function why(): string { return "because it is late"; }\nthrow new MyError(why());'),
      ["because it is late"],
    );
    assert.deepEqual(read('const reason = late ? "it is too late" : "x";\nthrow new MyError(`${reason}.`);'), [
      "it is too late",
    ]);
    assert.deepEqual(read('progress("asking the services now"); print({ text: "all is well here" });'), []);
  });
});
