import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";

import { attemptReport } from "../../report/attempt";
import type { Timeline } from "../../report/document";
import type { AttemptFacts } from "../../report/facts";
import { toHtml } from "../../report/html";
import { toMarkdown } from "../../report/markdown";
import { previewReport } from "../../report/preview";
import { dark, light } from "../../report/style";
import { ticks, timelineOf } from "../../report/timeline";
import { duration, rowRate } from "../../report/words";
import { reportName, writeReport } from "../../report/write";
import { begun, course, failed, previewed, succeeded } from "./report-cases";

/** Texts that would be markup, links, cells or calls in one of the forms. */
const hostile = [
  "</script><script>alert(1)</script>",
  '"><img src=x onerror=alert(1)>',
  "&lt;b&gt; ' \" `",
  "| a | b |\n| --- | --- |",
  "```\n# heading\n```",
  "[link](https://evil.example/x) ![](https://evil.example/p.png) <https://evil.example>",
  "@octocat #1 *bold* _it_ ~~no~~ https://evil.example/bare www.evil.example",
  "\u001b[31mred\u001b[0m \u202egnp.exe \u0000",
  "</style></title></textarea>]]>-->",
];

/** An attempt of which every text is hostile. */
async function hostileFacts(text: string): Promise<AttemptFacts> {
  const facts = await failed();
  const { plan } = facts;
  assert.ok(plan);
  const [step] = plan.revisions.pre;
  assert.ok(step);
  return {
    ...facts,
    stack: text,
    host: text,
    plan: {
      ...plan,
      path: [text],
      breaks: [text],
      environment: { ...plan.environment, file: text, lines: [`+ ${text}`] },
      revisions: { pre: [{ ...step, title: text, sql: text.split("\n") }], post: [] },
    },
    ending: { kind: "failed", text },
    phases: [{ name: text, startedAt: begun, endedAt: begun + 5, fate: "failed" }],
    backup: { id: text, path: text, proof: null },
    revisions: [{ revision: step.revision, direction: "up", outcome: "applied", milliseconds: 5 }],
    counts: { [text]: 5 },
    checks: [{ check: text, passed: false, detail: text }],
  };
}

/** The names of all elements of a page, and of their attributes. */
function elementsOf(page: string): { elements: Set<string>; attributes: Set<string> } {
  const body = page.replace(/<style>[^]*?<\/style>/, "");
  const tags = [...body.matchAll(/<([a-zA-Z!][^\s/>]*)((?:\s+[^\s=>/]+(?:="[^"]*")?)*)\s*\/?>/g)];
  return {
    elements: new Set(tags.map(([, name = ""]) => name.toLowerCase())),
    attributes: new Set(
      tags.flatMap(([, , rest = ""]) => [...rest.matchAll(/\s([^\s=]+)=/g)].map(([, name = ""]) => name)),
    ),
  };
}

const everyCase: readonly [string, () => Promise<string>][] = [
  ["an upgrade that went well", async () => toHtml(attemptReport(await succeeded()))],
  ["a failure", async () => toHtml(attemptReport(await failed()))],
  ["a preview", async () => toHtml(previewReport(await previewed()))],
  ...hostile.map((text): [string, () => Promise<string>] => [
    `hostile texts: ${JSON.stringify(text)}`,
    async () => toHtml(attemptReport(await hostileFacts(text))),
  ]),
];

describe("a report's page", () => {
  let plain: ReturnType<typeof elementsOf>;
  before(async () => {
    const pages = [attemptReport(await succeeded()), attemptReport(await failed()), previewReport(await previewed())];
    plain = elementsOf(`${pages.map(toHtml).join("")}<br>`);
  });

  for (const [name, make] of everyCase)
    it(`of ${name} has no element of its own making, no script, and nothing from elsewhere`, async () => {
      const page = await make();
      const { elements, attributes } = elementsOf(page);
      assert.deepEqual(
        [...elements].filter((element) => !plain.elements.has(element)),
        [],
      );
      assert.deepEqual(
        [...attributes].filter((attribute) => !plain.attributes.has(attribute)),
        [],
      );
      for (const forbidden of ["script", "img", "link", "iframe", "a", "object", "base", "form"])
        assert.ok(!elements.has(forbidden), forbidden);
      assert.ok(
        [...attributes].every((attribute) => !/^on|src|href|^style$/.test(attribute)),
        [...attributes].join(),
      );
      assert.ok(page.includes(`content="default-src 'none'; style-src 'unsafe-inline'"`));
      assert.doesNotMatch(page.match(/<style>[^]*?<\/style>/)?.[0] ?? "", /url\(|@import/);
      assert.doesNotMatch(page.replaceAll("\n", ""), /[\p{Cc}\p{Cf}]/u);
    });

  it("is well-formed: every element is closed where it was opened", async () => {
    for (const [name, make] of everyCase) {
      const open: string[] = [];
      const body = (await make()).replace(/<style>[^]*?<\/style>/, "");
      for (const [tag, close, element = ""] of body.matchAll(/<(\/?)([a-z][a-z0-9]*)\b[^>]*?>/gi)) {
        if (tag.endsWith("/>") || ["meta", "br"].includes(element)) continue;
        if (close === "") open.push(element);
        else assert.equal(open.pop(), element, `${name}: ${tag}`);
      }
      assert.deepEqual(open, [], name);
    }
  });

  it("shows no text, however strange, as markup", () => {
    const letters = fc.string({ unit: fc.constantFrom(..."<>&\"'`|*_[]()!#@\\\n\r\t -+1.a\u0000\u202e\u2028") });
    return fc.assert(
      fc.asyncProperty(letters, async (text) => {
        const { elements } = elementsOf(toHtml(attemptReport(await hostileFacts(text))));
        return [...elements].every((element) => plain.elements.has(element));
      }),
      { numRuns: 60 },
    );
  });

  for (const [name, scheme] of Object.entries({ light, dark }))
    it(`has a contrast of at least 4.5 between every text and its ground (${name})`, () => {
      const grounds = { text: ["ground", "panel", "shade"], dim: ["ground", "panel", "shade"], accent: ["ground"] };
      const pairs = { ...grounds, good: ["ground", "panel"], bad: ["ground", "panel"], warn: ["ground", "shade"] };
      for (const [ink, papers] of Object.entries(pairs))
        for (const paper of papers) {
          const ratio = contrast(scheme[ink] ?? "", scheme[paper] ?? "");
          assert.ok(ratio >= 4.5, `${ink} on ${paper}: ${ratio.toFixed(2)}`);
        }
      for (const paper of ["ground", "shade"])
        assert.ok(contrast(scheme.bar ?? "", scheme[paper] ?? "") >= 3, `bars on ${paper}`);
    });
});

/** The contrast of two colours as WCAG 2 defines it. */
function contrast(one: string, other: string): number {
  const luminance = (colour: string) => {
    const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
      const part = parseInt(colour.slice(at, at + 2), 16) / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [dim = 0, bright = 0] = [luminance(one), luminance(other)].toSorted((a, b) => a - b);
  return (bright + 0.05) / (dim + 0.05);
}

describe("a report in Markdown", () => {
  it("of a failure begins with what failed, and has the whole text of the error with the next command", async () => {
    const facts = await failed();
    assert.ok(facts.ending.kind === "failed");
    const markdown = toMarkdown(attemptReport(facts));
    assert.match(
      markdown,
      /^## ❌ OctoLLM 0\.1\.0 → 1\.0\.0: failed\n\nVerification failed: 1 of 3 checks failed\. It took /,
    );
    assert.ok(markdown.includes(`\`\`\`\n${facts.ending.text}\n\`\`\``));
    assert.doesNotMatch(markdown, /^### The way back$/m);
  });

  it("has the checks that failed first, and tells those that could not be made from those that passed", async () => {
    const { checks } = await failed();
    const left = { check: "orchestrator calls the webhook", passed: true, skipped: true, detail: "it takes none" };
    const markdown = toMarkdown(attemptReport(await failed({ checks: [left, ...checks] })));
    assert.match(markdown, /^❌ 1 of 4 failed\\?\. 1 could not be made\\?\.$/m);
    const results = [...markdown.matchAll(/^\| (?:\S+ )?(FAIL|skip|pass) \|/gm)].map(([, result]) => result);
    assert.deepEqual(results, ["FAIL", "skip", "pass", "pass", "pass"]);
  });

  it("of an upgrade has a bar for every phase, and rows and rates of revisions", async () => {
    const markdown = toMarkdown(attemptReport(await succeeded()));
    assert.match(markdown, /^\| Backup \| `·+█+·+` \| 21\.4 s \|$/m);
    assert.match(markdown, /^\| _without service_ \| `·*▒+·*` \| 40\.6 s \|$/m);
    assert.match(markdown, /^\| \+e4f5a6 \| .* \| applied \| 11\.2 s \| 1,240,000 in tasks \| 110,714 rows\/s \|$/m);
  });

  for (const text of hostile)
    it(`keeps its shape with ${JSON.stringify(text)}`, async () => {
      const markdown = toMarkdown(attemptReport(await hostileFacts(text)));
      const outside = withoutCode(markdown);
      const own = /<!-- -->|<\/?(?:details|summary|sub)>|<br>/g;
      assert.doesNotMatch(outside.replace(own, ""), /</, outside);
      assert.doesNotMatch(outside, /(?<!\\)\]\(|(?<!\\)!\[|@\w|https?:\/\//, outside);
      assert.deepEqual(outside.match(/^#+ .*$/gm)?.filter((line) => !/^#{2,3} /.test(line)) ?? [], []);
      for (const row of outside.split("\n").filter((line) => line.startsWith("| ")))
        assert.ok([3, 4, 7].includes(row.match(/(?<!\\)\|/g)?.length ?? 0), row);
    });

  it("is never longer than a comment of a pull request may be, and says what it leaves out", async () => {
    const facts = await succeeded();
    const [step] = facts.plan?.revisions.pre ?? [];
    assert.ok(facts.plan && step);
    const sql = Array.from({ length: 4_000 }, (_, line) => `SELECT ${line} AS some_column;`);
    const long = { ...facts, plan: { ...facts.plan, revisions: { pre: [{ ...step, sql }], post: [] } } };
    const markdown = toMarkdown(attemptReport(long));
    assert.ok(markdown.length <= 62_000, String(markdown.length));
    assert.match(markdown, /\n_Too long for this form, and only in the HTML report: 1 part\._\n$/);
    assert.ok(toHtml(attemptReport(long)).includes("SELECT 3999 AS"));
  });
});

/** What stands between fences and in code spans is shown as it is. */
function withoutCode(markdown: string): string {
  return markdown.replace(/^(`{3,})[a-z]*\n[^]*?^\1$/gm, "CODE").replace(/(?<!\\)`[^`\n]*`/g, "CODE");
}

describe("a preview's report", () => {
  it("says what up does, what it will refuse, and how much it is about", async () => {
    const markdown = toMarkdown(previewReport(await previewed()));
    assert.match(
      markdown,
      /^## ⚠️ OctoLLM 0\.1\.0 → 1\.0\.0: to be accepted\n\n'up' stops orchestrator, makes a backup, applies 3 revisions, changes \d+ lines of \.env, and loses nothing\./,
    );
    assert.match(markdown, /^- octollm:acceptBreaking: 1\.0\.0 breaks clients\./m);
    assert.match(markdown, /^- touches: \\~1,240,000 rows|^- touches: tasks: \\~1,240,000 rows/m);
    assert.match(markdown, /ALTER COLUMN priority TYPE integer USING priority \* 2/);
  });

  it("of what cannot be done lists every reason, and promises nothing", async () => {
    const refusals = ["database: cannot be reached", ".env: is missing"];
    const markdown = toMarkdown(previewReport(await previewed({ plan: null, refusals, gates: [], estimates: [] })));
    assert.match(
      markdown,
      /^## ❌ OctoLLM 0\.1\.0 → 1\.0\.0: refused\n\nThis cannot be done as things are\. Nothing was touched\./,
    );
    for (const refusal of refusals) assert.ok(markdown.includes(`- ${refusal}`));
    assert.doesNotMatch(markdown, /### (Path|The way back|SQL)/);
  });

  it("of an installation that is as it should be says that there is nothing to do", async () => {
    const markdown = toMarkdown(previewReport(await previewed({ settled: true, gates: [], estimates: [] })));
    assert.match(markdown, /^## ✅ .*: nothing to do\n\nOctoLLM 1\.0\.0 is as it should be; 'up' would do nothing\.$/m);
  });
});

describe("the timeline of a report", () => {
  const of = (changes: Partial<AttemptFacts>): Promise<Timeline> => succeeded(changes).then(timelineOf);

  it("names the two migrations apart, shows the deployment between, and says which phases had nothing to do", async () => {
    const { bars } = await of({});
    assert.deepEqual(
      bars.map(({ name, remark }) => (remark === "" ? name : `${name} (${remark})`)),
      [
        "Quiesce",
        "Backup",
        "Restore (nothing to do)",
        "SchemaMigration (pre)",
        "Environment",
        "Deployment",
        "Resume",
        "Verification",
        "SchemaMigration (post) (nothing to do)",
        "Completion",
      ],
    );
  });

  it("stays on its axis when the clock was set back, and draws to the end what never ended", async () => {
    const phases: AttemptFacts["phases"] = [
      { name: "Quiesce", startedAt: begun - 5_000, endedAt: begun - 4_000, fate: "done" },
      { name: "Backup", startedAt: begun + 9_000, endedAt: null, fate: "cut short" },
    ];
    const { bars, outages, total } = await of({
      phases,
      endedAt: begun + 10_000,
      outages: [{ from: begun + 1_000, to: null }],
    });
    assert.equal(total, 10_000);
    assert.deepEqual(
      bars.map(({ start, end }) => [start, end]),
      [
        [0, 0],
        [9_000, 10_000],
      ],
    );
    assert.deepEqual(outages, [{ start: 1_000, end: 10_000 }]);
    assert.equal(bars[1]?.tone, "bad");
  });

  it("writes at most six places on its axis, whatever its length", () => {
    for (const total of [1, 90, 450, 2_400, 61_000, 754_000, 3.7e6, 2e7, 9e7, 1e9]) {
      const places = ticks(total);
      assert.ok(places.length >= 1 && places.length <= 6, `${total}: ${places.length}`);
      assert.ok(places.every(({ at }) => at <= total));
      assert.equal(new Set(places.map(({ label }) => label)).size, places.length);
    }
    assert.deepEqual(
      ticks(61_000).map(({ label }) => label),
      ["0 s", "15 s", "30 s", "45 s", "60 s"],
    );
    assert.deepEqual(
      ticks(754_000).map(({ label }) => label),
      ["0 min", "5 min", "10 min"],
    );
  });

  it("of one phase has a bar", () => {
    assert.equal(course(["Quiesce", 5]).length, 1);
  });
});

describe("durations and rates", () => {
  for (const [milliseconds, text] of [
    [0, "0 ms"],
    [40, "40 ms"],
    [99.7, "0.1 s"],
    [1_250, "1.3 s"],
    [99_940, "99.9 s"],
    [99_960, "1 min 40 s"],
    [185_000, "3 min 05 s"],
    [3_599_600, "1 h 00 min"],
    [7_440_000, "2 h 04 min"],
  ] as const)
    it(`shows ${milliseconds} ms as ${text}`, () => assert.equal(duration(milliseconds), text));

  it("shows no rate of what was over at once", () => {
    assert.equal(rowRate(20_000, 20), "");
    assert.equal(rowRate(20_000, 400), "50,000 rows/s");
    assert.equal(rowRate(3, 1_000), "3 rows/s");
  });
});

describe("the folder of reports", () => {
  let folder: string;
  beforeEach(() => void (folder = join(mkdtempSync(join(tmpdir(), "octollm-reports-")), "reports")));
  afterEach(() => rmSync(join(folder, ".."), { recursive: true, force: true }));

  it("keeps those of the last attempts, for their owner's eyes only, and nothing else in it is touched", async () => {
    for (const attempt of [8, 9, 10, 11]) {
      const facts = await succeeded({ attempt, startedAt: begun + attempt });
      const path = await writeReport(folder, reportName(facts), attemptReport(facts), 2);
      assert.equal(path, join(folder, `20260329T021433Z-0.1.0-1.0.0-attempt${attempt}.html`));
      if (attempt === 8) writeFileSync(join(folder, "notes-attempt8.html"), "mine");
    }
    assert.deepEqual(readdirSync(folder).toSorted(), [
      "20260329T021433Z-0.1.0-1.0.0-attempt10.html",
      "20260329T021433Z-0.1.0-1.0.0-attempt10.md",
      "20260329T021433Z-0.1.0-1.0.0-attempt11.html",
      "20260329T021433Z-0.1.0-1.0.0-attempt11.md",
      "notes-attempt8.html",
    ]);
    const file = join(folder, "20260329T021433Z-0.1.0-1.0.0-attempt11.html");
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    assert.match(readFileSync(file, "utf8"), /^<!doctype html>\n/);
  });
});
