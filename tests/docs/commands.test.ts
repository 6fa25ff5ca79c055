import assert from "node:assert/strict";

import { directionOf, missingLines, type Step, stepsOf } from "./support/directions";
import { parsePage, readPages } from "./support/markdown";
import { Playground } from "./support/playground";

const pages = readPages();
const open: Playground[] = [];
const played = new Map<string, Promise<Playground | null>>();

/** Runs all commands of a page, once. @returns what they left behind; null for a page without commands to run */
function play(path: string): Promise<Playground | null> {
  const playing = played.get(path) ?? playSteps(path);
  played.set(path, playing);
  return playing;
}

async function playSteps(path: string): Promise<Playground | null> {
  const page = pages.find((candidate) => candidate.path === path);
  assert.ok(page, `there is no page '${path}'`);
  let playground: Playground | null = null;
  for (const step of stepsOf(page)) {
    if (step.direction.kind === "leave") continue;
    if (step.direction.state !== null) playground = await playgroundIn(step.direction.state);
    assert.ok(playground, `${step.block.place}: the first block of a page must name a state`);
    await playground.run(step);
  }
  return playground;
}

async function playgroundIn(state: string): Promise<Playground> {
  if (state.endsWith(".md")) {
    const left = await play(state);
    assert.ok(left, `'${state}' has no commands that leave something behind`);
    return left;
  }
  const made = await Playground.create(state);
  open.push(made);
  return made;
}

const isRun = ({ direction }: Step) => direction.kind === "run";

describe("the commands of README and docs", function () {
  this.timeout(300_000);

  after(async () => {
    for (const playground of open) await playground.close();
  });

  it("stand in blocks that name their language, and nowhere else", () => {
    const words = /^ {4,}(?:\$ )?(?:npx|octollm|npm|pulumi|psql|pg_\w+|createdb|alembic|age|pip|git|export) /;
    const found = pages.flatMap(({ path, blocks, prose }) => [
      ...blocks.filter(({ language }) => language === "").map(({ place }) => `${place}: a block without a language`),
      ...prose.flatMap((line, index) => (words.test(line) ? [`${path}:${index + 1}: a command outside of a block`] : [])),
    ]);
    assert.deepEqual(found, []);
  });

  for (const page of pages)
    it(`of ${page.path} work as they are written`, async function () {
      if (stepsOf(page).some(isRun)) await play(page.path);
    });
});

describe("the reader of commands in Markdown", () => {
  it("takes a block with what the comment before it says and the output below it", () => {
    const markdown = "# A\n\n<!-- run in: adopted, ends with 1 -->\n```sh\na\nb\n```\n\n<!-- output -->\n```text\nc\n```\n";
    const [step] = stepsOf(parsePage("a.md", markdown));
    assert.deepEqual(step?.direction, { kind: "run", state: "adopted", code: 1 });
    assert.equal(step.block.text, "a\nb");
    assert.equal(step.output?.text, "c");
  });

  it("refuses a block that says nothing, and a reason that is none", () => {
    assert.throws(() => stepsOf(parsePage("a.md", "words\n```sh\na\n```")), /a\.md:2: this block does not say/);
    for (const comment of [null, "run it", "not run: no", "run in:", "not run"]) assert.equal(directionOf(comment), null);
  });

  it("misses shown lines that were not printed, and lines in another order", () => {
    const printed = "first 12 s\n  second\nthird and more\n";
    assert.deepEqual(missingLines("first 3 s\nthird …", printed), []);
    assert.deepEqual(missingLines("second\nfirst 3 s\nnever", printed), ["first 3 s", "never"]);
    assert.deepEqual(missingLines("third", printed), ["third"]);
  });
});
