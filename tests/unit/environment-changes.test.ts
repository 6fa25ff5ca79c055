import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import fc from "fast-check";

import {
  applyRelease,
  applyReleases,
  EnvironmentEditError,
  type ReleaseEnvironment,
  undoRelease,
} from "../../environment/changes";
import { describeEdits } from "../../environment/describe";
import { DotenvFile } from "../../environment/dotenv-file";
import { anyDotenv } from "./environment-arbitrary";

const fixtures = join(__dirname, "..", "fixtures", "env");

const minor: ReleaseEnvironment = {
  version: "0.2.0",
  changes: [
    { kind: "add", key: "CACHE_L1_ENABLED", from: "CACHE_ENABLED", default: "true" },
    { kind: "add", key: "CACHE_L1_SIZE", default: "1000" },
    { kind: "add", key: "CACHE_L1_TTL", default: "60" },
    { kind: "add", key: "CACHE_L2_ENABLED", from: "CACHE_ENABLED", default: "true" },
    { kind: "add", key: "CACHE_L2_TTL", from: "CACHE_TTL", default: "3600" },
    { kind: "deprecate", key: "CACHE_ENABLED" },
    { kind: "deprecate", key: "CACHE_TTL" },
  ],
};
const major: ReleaseEnvironment = {
  version: "1.0.0",
  changes: [{ kind: "url-path", key: "WEBHOOK_URL", suffix: "/webhook", replacement: "/v1/webhook" }],
};
const both = [minor, major];

const parse = (text: string | Uint8Array) => DotenvFile.parse(text);
const up = (text: string, releases = both) => applyReleases(parse(text), releases, "up").file.toString();
const down = (text: string, releases = both) => applyReleases(parse(text), releases, "down").file.toString();

const block = (l1: string, l2ttl: string) =>
  [
    "# >>> OctoLLM 0.2.0: added by the upgrade",
    `CACHE_L1_ENABLED=${l1}`,
    "CACHE_L1_SIZE=1000",
    "CACHE_L1_TTL=60",
    `CACHE_L2_ENABLED=${l1}`,
    `CACHE_L2_TTL=${l2ttl}`,
    "# <<< OctoLLM 0.2.0",
  ].join("\n");

describe("a release's changes of .env", () => {
  it("carry the old cache settings over, comment them out, and touch nothing else", () => {
    const text = "A=1\nCACHE_ENABLED=false\nREFLEX_CACHE_TTL=5\n#CACHE_ENABLED=x\nCACHE_TTL='7200'  # note\nB=2\n";
    assert.equal(
      up(text, [minor]),
      "A=1\n# [octollm 0.2.0] CACHE_ENABLED=false\nREFLEX_CACHE_TTL=5\n#CACHE_ENABLED=x\n" +
        `# [octollm 0.2.0] CACHE_TTL='7200'  # note\nB=2\n${block("false", "'7200'")}\n`,
    );
  });

  it("take the default where a variable is not set or empty", () => {
    assert.equal(up("CACHE_TTL=600\n", [minor]), `# [octollm 0.2.0] CACHE_TTL=600\n${block("true", "600")}\n`);
    assert.match(up("CACHE_TTL=\n", [minor]), /CACHE_L2_TTL=3600\n/);
    assert.equal(up("", [minor]), `${block("true", "3600")}\n`);
  });

  it("leave a variable alone that the operator set beforehand", () => {
    assert.doesNotMatch(up("CACHE_L1_SIZE=5\n", [minor]), /CACHE_L1_SIZE=1000/);
  });

  it("comment out every duplicate, and let the last one count", () => {
    const changed = up("CACHE_TTL=1\nA=1\nCACHE_TTL=2\n", [minor]);
    assert.match(changed, /^# \[octollm 0\.2\.0\] CACHE_TTL=1\nA=1\n# \[octollm 0\.2\.0\] CACHE_TTL=2\n/);
    assert.match(changed, /\nCACHE_L2_TTL=2\n/);
  });

  it("comment out each line of a value of several lines", () => {
    const changed = up('CACHE_TTL="one\r\ntwo"\r\n', [minor]);
    assert.match(changed, /^# \[octollm 0\.2\.0\] CACHE_TTL="one\r\n# \[octollm 0\.2\.0\] two"\r\n/);
    assert.equal(parse(changed).get("CACHE_L2_TTL"), "one\r\ntwo");
  });

  it("keep CRLF, the byte order mark and a missing final newline", () => {
    assert.equal(
      up("\ufeffA=1\r\nB=2\r\n", [minor]),
      `\ufeffA=1\r\nB=2\r\n${block("true", "3600").replaceAll("\n", "\r\n")}\r\n`,
    );
    assert.equal(up("A=1", [minor]), `A=1\n${block("true", "3600")}`);
  });

  it("export the new variables where all others are exported", () => {
    assert.match(up("export A=1\n", [minor]), /\nexport CACHE_L1_SIZE=1000\n/);
    assert.equal(down(up("export A=1\n")), "export A=1\n");
  });

  const urls: [before: string, after: string | null][] = [
    ["https://example.com/octollm/webhook", "https://example.com/octollm/v1/webhook"],
    ["'https://e.com/webhook'", "'https://e.com/v1/webhook'"],
    ["https://u:p@e.com:1/a/webhook?x=/webhook#/webhook", "https://u:p@e.com:1/a/v1/webhook?x=/webhook#/webhook"],
    ["${PUBLIC_URL}/webhook", "${PUBLIC_URL}/v1/webhook"],
    ["https://e.com/v1/webhook", null],
    ["https://e.com/mywebhook", null],
    ["https://e.com/webhook/old", null],
    ["https://e.com?to=/webhook", null],
    ["/webhook", null],
    ["", null],
  ];
  for (const [before, after] of urls)
    it(after ? `give ${before} its new ending` : `leave the address '${before}' alone`, () => {
      const line = `WEBHOOK_URL=${before} # mine\n`;
      const changed = after ? `# [octollm 1.0.0] ${line}WEBHOOK_URL=${after} # mine\n` : line;
      assert.equal(up(line, [major]), changed);
    });

  for (const name of readdirSync(fixtures))
    it(`are undone byte for byte in ${name}, and made twice are made once`, () => {
      const before = readFileSync(join(fixtures, name));
      const changed = applyReleases(parse(before), both, "up");
      assert.ok(changed.edits.length > 0);
      assert.deepEqual(applyReleases(changed.file, both, "up").edits, []);
      assert.deepEqual(applyReleases(changed.file, both, "down").file.toBuffer(), before);
      assert.deepEqual(applyReleases(parse(before), both, "down").edits, []);
    });

  it("are undone byte for byte in any file, or refused before anything is done", () => {
    let refused = 0;
    const check = (text: string) => {
      try {
        const before = parse(text);
        const changed = applyReleases(before, both, "up").file;
        assert.equal(applyReleases(changed, both, "up").file.toString(), changed.toString());
        assert.equal(applyReleases(changed, both, "down").file.toString(), text);
        assert.deepEqual(applyReleases(before, both, "down").edits, []);
        const touched = new Set(both.flatMap(({ changes }) => changes.map(({ key }) => key)));
        for (const key of before.keys())
          if (!touched.has(key)) assert.equal(changed.rawValue(key), before.rawValue(key));
      } catch (fault) {
        if (!(fault instanceof EnvironmentEditError)) throw fault;
        refused += 1;
      }
    };
    fc.assert(fc.property(anyDotenv, check), { numRuns: 1_500 });
    assert.ok(refused < 150, `refused ${refused} files`);
  });

  it("keep what the operator wrote after and into the block", () => {
    const changed = up("A=1\nCACHE_TTL=5\n", [minor]);
    const edited = changed.replace("CACHE_L1_TTL=60\n", "CACHE_L1_TTL=60\nMINE=1\n") + "# late\nLATE=1\n";
    assert.equal(down(edited, [minor]), "A=1\nCACHE_TTL=5\nMINE=1\n# late\nLATE=1\n");
  });

  it("keep another value that the operator gave to an added variable, and find it again on the next way up", () => {
    const edited = up("A=1\n", [minor]).replace("CACHE_L1_SIZE=1000", "CACHE_L1_SIZE=5000");
    assert.equal(down(edited, [minor]), "A=1\nCACHE_L1_SIZE=5000\n");
    assert.equal(parse(up(down(edited, [minor]), [minor])).get("CACHE_L1_SIZE"), "5000");
  });

  it("keep the operator's new address on the way back, with its ending turned back", () => {
    const edited = up("WEBHOOK_URL=https://old.example/webhook\nA=1\n", [major]).replace(
      "\nWEBHOOK_URL=https://old.example/",
      "\nWEBHOOK_URL=https://new.example/x/",
    );
    assert.equal(
      down(edited, [major]),
      "# WEBHOOK_URL=https://old.example/webhook\nWEBHOOK_URL=https://new.example/x/webhook\nA=1\n",
    );
  });

  it("fill a block up again from which a line was deleted", () => {
    const changed = up("CACHE_TTL=5\n", [minor]);
    assert.equal(up(changed.replace("CACHE_L2_TTL=5\n", ""), [minor]), changed);
  });

  it("are undone when the block's last line was deleted", () => {
    const damaged = up("A=1\n", [minor]).replace("# <<< OctoLLM 0.2.0\n", "") + "B=1\n";
    assert.equal(down(damaged, [minor]), "A=1\nB=1\n");
  });

  it("are refused where an open quote would swallow other variables", () => {
    const text = `CACHE_TTL="#x"\nB=1\nOTHER="never closed\n`;
    assert.throws(
      () => up(text, [minor]),
      (fault: Error) => {
        assert.ok(fault instanceof EnvironmentEditError);
        assert.match(fault.message, /not written.*line 3 \('OTHER'\).*preview again/);
        assert.doesNotMatch(fault.message, /never closed'|#x/);
        return true;
      },
    );
  });

  it("run nothing that stands in a value", () => {
    const hostile = readFileSync(join(fixtures, "hostile.env"));
    describeEdits(applyReleases(parse(hostile), both, "up").edits);
    assert.equal(existsSync("/tmp/octollm-pwned"), false);
  });

  it("report no edits, and hand back the same file, when there is nothing to do", () => {
    const file = parse("A=1\n");
    assert.equal(applyRelease(file, major).file, file);
    assert.equal(undoRelease(file, minor).file, file);
  });

  it("cope with a line of a megabyte", () => {
    const text = `CACHE_TTL="${"y".repeat(1_000_000)}"\n`;
    assert.equal(down(up(text)), text);
  });
});

describe("the diff of .env", () => {
  const lines = (text: string, releases = both) => describeEdits(applyReleases(parse(text), releases, "up").edits);

  it("shows the lines that go and come", () => {
    assert.deepEqual(lines("CACHE_TTL=3600 # c\nWEBHOOK_URL=https://u:p@e.com/s3cr3t/webhook?t=1\n"), [
      "- CACHE_TTL=3600",
      "+ # [octollm 0.2.0] CACHE_TTL=3600",
      "+ # >>> OctoLLM 0.2.0: added by the upgrade",
      "+ CACHE_L1_ENABLED=true",
      "+ CACHE_L1_SIZE=1000",
      "+ CACHE_L1_TTL=60",
      "+ CACHE_L2_ENABLED=true",
      "+ CACHE_L2_TTL=3600",
      "+ # <<< OctoLLM 0.2.0",
      "- WEBHOOK_URL=https://***@e.com/…/webhook?***",
      "+ # [octollm 1.0.0] WEBHOOK_URL=https://***@e.com/…/webhook?***",
      "+ WEBHOOK_URL=https://***@e.com/…/v1/webhook?***",
    ]);
  });

  it("masks values of variables that sound like secrets, and URLs of all kinds", () => {
    const changes = ["API_KEY", "JWT_X", "MY_DSN", "DATABASE_URL", "PLAIN"].map(
      (key) => ({ kind: "deprecate", key }) as const,
    );
    const text = `API_KEY=sk-1\nJWT_X="a\nb"\nMY_DSN=x\nDATABASE_URL=pg://u:pw@h:1/db?password=x\nPLAIN=1\n`;
    const shown = lines(text, [{ version: "9.0.0", changes }]).filter((line) => line.startsWith("-"));
    assert.deepEqual(shown, [
      "- API_KEY=***",
      "- JWT_X=***",
      "- MY_DSN=***",
      "- DATABASE_URL=pg://***@h:1/…?***",
      "- PLAIN=1",
    ]);
  });

  it("shows no control characters and stays under 140 characters", () => {
    fc.assert(
      fc.property(anyDotenv, (text) => {
        try {
          for (const line of lines(text)) {
            assert.ok(line.length < 140);
            assert.doesNotMatch(line, /[\p{Cc}\u202e\u2028]/u);
          }
        } catch (fault) {
          if (!(fault instanceof EnvironmentEditError)) throw fault;
        }
      }),
      { numRuns: 300 },
    );
  });
});
