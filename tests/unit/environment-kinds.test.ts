import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import fc from "fast-check";

import { applyRelease, EnvironmentEditError, type ReleaseEnvironment, undoRelease } from "../../environment/changes";
import { describeEdits } from "../../environment/describe";
import { DotenvFile } from "../../environment/dotenv-file";
import type { EnvironmentChange } from "../../releases/release";
import { anyDotenv } from "./environment-arbitrary";

const version = "2.0.0";
const release = (...changes: EnvironmentChange[]): ReleaseEnvironment => ({ version, changes });
const up = (text: string, ...changes: EnvironmentChange[]) =>
  applyRelease(DotenvFile.parse(text), release(...changes)).file.toString();
const down = (text: string, ...changes: EnvironmentChange[]) =>
  undoRelease(DotenvFile.parse(text), release(...changes)).file.toString();

const rename: EnvironmentChange = { kind: "rename", key: "CACHE_TTL", to: "CACHE_SECONDS" };
const remove: EnvironmentChange = { kind: "remove", key: "CACHE_TTL" };
const encoded = (line: string) => `# [octollm 2.0.0: removed] ${Buffer.from(line).toString("base64")}`;

/** What it is, the file before, and after. */
const renamed: readonly [title: string, before: string, after: string][] = [
  ["a plain line", "CACHE_TTL=5\n", "# [octollm 2.0.0] CACHE_TTL=5\nCACHE_SECONDS=5\n"],
  [
    "export, blanks, quotes and a comment",
    "A=1\r\n export CACHE_TTL = '5 #' # note\r\n",
    "A=1\r\n# [octollm 2.0.0]  export CACHE_TTL = '5 #' # note\r\n export CACHE_SECONDS = '5 #' # note\r\n",
  ],
  ["the last line without an end", "CACHE_TTL=a=b=$c", "# [octollm 2.0.0] CACHE_TTL=a=b=$c\nCACHE_SECONDS=a=b=$c"],
  [
    "a value of several lines",
    'CACHE_TTL="a\nCACHE_TTL=b"\nB=1\n',
    '# [octollm 2.0.0] CACHE_TTL="a\n# [octollm 2.0.0] CACHE_TTL=b"\nCACHE_SECONDS="a\nCACHE_TTL=b"\nB=1\n',
  ],
  ["a file in which the new name is set", "CACHE_SECONDS=7\nCACHE_TTL=5\n", "CACHE_SECONDS=7\nCACHE_TTL=5\n"],
  [
    "longer names and comments",
    "REFLEX_CACHE_TTL=1\n#CACHE_TTL=2\nCACHE_TTL_X=3\n",
    "REFLEX_CACHE_TTL=1\n#CACHE_TTL=2\nCACHE_TTL_X=3\n",
  ],
];

/** Every kind of change at once, on the variables that `anyDotenv` makes. */
const allKinds: EnvironmentChange[] = [
  { kind: "add", key: "CACHE_L1_SIZE", from: "OTHER", default: "1000" },
  { kind: "add", key: "CACHE_L1_TTL", from: "CACHE_TTL", default: "60" },
  { kind: "rename", key: "CACHE_TTL", to: "CACHE_SECONDS" },
  { kind: "remove", key: "CACHE_ENABLED" },
  { kind: "deprecate", key: "REFLEX_CACHE_TTL" },
  { kind: "url-path", key: "WEBHOOK_URL", suffix: "/webhook", replacement: "/v1/webhook" },
  { kind: "require", key: "LICENCE", text: "the licence" },
];

describe("a variable that gets another name", () => {
  for (const [title, before, after] of renamed)
    it(`keeps its value and place in ${title}, and goes back byte for byte`, () => {
      assert.equal(up(before, rename), after);
      assert.equal(up(after, rename), after);
      assert.equal(down(after, rename), before);
    });

  it("takes a value that the operator set since back to the old name", () => {
    const edited = up("CACHE_TTL=5\nA=1\n", rename).replace("CACHE_SECONDS=5", "CACHE_SECONDS=9 # mine");
    assert.equal(down(edited, rename), "# CACHE_TTL=5\nCACHE_TTL=9 # mine\nA=1\n");
  });

  it("shows old and new in the diff, and masks secrets", () => {
    const key: EnvironmentChange = { kind: "rename", key: "API_KEY", to: "OPENAI_API_KEY" };
    const { edits } = applyRelease(DotenvFile.parse("API_KEY=sk-1\n"), release(key));
    assert.deepEqual(describeEdits(edits), [
      "- API_KEY=***",
      "+ # [octollm 2.0.0] API_KEY=***",
      "+ OPENAI_API_KEY=***",
    ]);
  });
});

describe("a variable that is removed", () => {
  it("is found by no search for it, and comes back byte for byte", () => {
    const before = "A=1\nexport CACHE_TTL='x' # note\r\nREFLEX_CACHE_TTL=5\n# CACHE_TTL=2\nCACHE_TTL=3";
    const after = up(before, remove);
    assert.equal(
      after,
      `A=1\n${encoded("export CACHE_TTL='x' # note")}\r\nREFLEX_CACHE_TTL=5\n# CACHE_TTL=2\n${encoded("CACHE_TTL=3")}`,
    );
    assert.equal(up(after, remove), after);
    assert.equal(down(after, remove), before);
  });

  it("comes back only where it is ours: other comments of that look stay", () => {
    const foreign = [
      "# [octollm 2.0.0: removed] QQ==",
      "# [octollm 2.0.0: removed] !",
      encoded("OTHER=1"),
      encoded("# x"),
    ];
    const text = `${foreign.join("\n")}\n`;
    assert.equal(down(text, remove), text);
  });

  it("shows in the diff as a line that goes", () => {
    const { edits } = applyRelease(DotenvFile.parse("CACHE_TTL=3\n"), release(remove));
    assert.deepEqual(describeEdits(edits), ["- CACHE_TTL=3"]);
  });
});

describe("all kinds of changes together", () => {
  it("change nothing the second time, touch no other variable, and go back byte for byte", () => {
    const touched = /^(CACHE_.*|REFLEX_CACHE_TTL|WEBHOOK_URL)$/;
    fc.assert(
      fc.property(anyDotenv, (text) => {
        const before = DotenvFile.parse(text);
        let after: DotenvFile;
        try {
          after = applyRelease(before, release(...allKinds)).file;
        } catch (fault) {
          if (fault instanceof EnvironmentEditError) return;
          throw fault;
        }
        assert.deepEqual(applyRelease(after, release(...allKinds)).edits, []);
        for (const key of before.keys().filter((name) => !touched.test(name)))
          assert.equal(after.rawBytes(key), before.rawBytes(key));
        const back = undoRelease(after, release(...allKinds)).file;
        assert.ok(back.toBuffer().equals(undoRelease(before, release(...allKinds)).file.toBuffer()));
        assert.equal(back.toString(), text);
      }),
      { numRuns: 500 },
    );
  });

  for (const name of ["operator.env", "crlf.env", "byte-order-mark.env", "no-final-newline.env", "hostile.env"])
    it(`go back byte for byte in ${name}`, () => {
      const bytes = readFileSync(join(__dirname, "..", "fixtures", "env", name));
      const after = applyRelease(DotenvFile.parse(bytes), release(...allKinds)).file;
      assert.deepEqual(undoRelease(after, release(...allKinds)).file.toBuffer(), bytes);
    });
});

/** What the guide's script with grep and sed would do wrong: the trap, the file before, and after. */
const cache: EnvironmentChange[] = [
  { kind: "add", key: "CACHE_L2_ENABLED", from: "CACHE_ENABLED", default: "true" },
  { kind: "add", key: "CACHE_L2_TTL", from: "CACHE_TTL", default: "3600" },
  { kind: "deprecate", key: "CACHE_ENABLED" },
  { kind: "deprecate", key: "CACHE_TTL" },
];
const block = (enabled: string, ttl: string) =>
  `# >>> OctoLLM 2.0.0: added by the upgrade\nCACHE_L2_ENABLED=${enabled}\nCACHE_L2_TTL=${ttl}\n# <<< OctoLLM 2.0.0\n`;
const traps: readonly [trap: string, before: string, after: string][] = [
  ["REFLEX_CACHE_TTL holds CACHE_TTL's name", "REFLEX_CACHE_TTL=5\n", `REFLEX_CACHE_TTL=5\n${block("true", "3600")}`],
  ["a commented line is no setting", "#CACHE_ENABLED=false\n", `#CACHE_ENABLED=false\n${block("true", "3600")}`],
  [
    "a value with equals signs is not cut at the second",
    "CACHE_TTL=a=b=c\n",
    `# [octollm 2.0.0] CACHE_TTL=a=b=c\n${block("true", "a=b=c")}`,
  ],
  [
    "CACHE_TTL without CACHE_ENABLED is carried over, too",
    "CACHE_TTL=60\n",
    `# [octollm 2.0.0] CACHE_TTL=60\n${block("true", "60")}`,
  ],
  [
    "the last of two lines counts",
    "CACHE_TTL=1\nCACHE_TTL=2\n",
    `# [octollm 2.0.0] CACHE_TTL=1\n# [octollm 2.0.0] CACHE_TTL=2\n${block("true", "2")}`,
  ],
  [
    "an exported line is a setting",
    "export CACHE_ENABLED=false\n",
    `# [octollm 2.0.0] export CACHE_ENABLED=false\n${block("false", "3600").replace(/^CACHE/gm, "export CACHE")}`,
  ],
  [
    "a name inside of a value is no setting",
    'NOTE="\nCACHE_TTL=1\n"\nURL=http://x/?CACHE_TTL=2\n',
    `NOTE="\nCACHE_TTL=1\n"\nURL=http://x/?CACHE_TTL=2\n${block("true", "3600")}`,
  ],
  [
    "what means something to sed and the shell is copied as it is",
    "CACHE_TTL='$(id) `id` & \\1 / |'\n",
    `# [octollm 2.0.0] CACHE_TTL='$(id) \`id\` & \\1 / |'\n${block("true", "'$(id) `id` & \\1 / |'")}`,
  ],
  [
    "a last line without an end is not run together with what is added",
    "CACHE_TTL=60",
    `# [octollm 2.0.0] CACHE_TTL=60\n${block("true", "60").trimEnd()}`,
  ],
];

describe("the traps of grep and sed", () => {
  for (const [trap, before, after] of traps)
    it(trap, () => {
      assert.equal(up(before, ...cache), after);
      assert.equal(up(after, ...cache), after);
      assert.equal(down(after, ...cache), before);
    });
});
