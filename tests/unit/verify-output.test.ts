import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";

import fc from "fast-check";
import { validateXML } from "xmllint-wasm";

import { checkTable } from "../../cli/check-table";
import type { Check } from "../../phases/checks/check";
import { toJunit } from "../../report/junit";
import { hostileText } from "./hostile-arbitrary";

const anyText = hostileText.map((text) => text.slice(0, 2_000));

const schema = readFileSync(join(resolve(__dirname, ".."), "fixtures", "junit.xsd"), "utf8");

const checks: readonly Check[] = [
  { subject: "services", check: "orchestrator answers /health as 1.0.0", passed: true, detail: "pid 4711 is healthy" },
  {
    subject: "requests",
    check: "planner-arm answers GET /plans with 200",
    passed: true,
    skipped: true,
    detail: "the installation does not run this service",
  },
  {
    subject: "database",
    check: "invariant: priorities are between 1 and 10",
    passed: false,
    detail: "3 rows violate it",
  },
  {
    subject: "logs",
    check: "orchestrator logs no error",
    passed: false,
    detail: `2 lines since it started, first: \u001b[31m<ERROR> & "quotes" of https://example.com/${"x".repeat(60)}\u0000\uD800`,
  },
];

const facts = { name: "OctoLLM 1.0.0 of stack prod", at: new Date("2026-03-29T02:14:33.500Z"), seconds: 4.25 };

/** The faults that the schema finds. */
async function faultsOf(xml: string): Promise<string[]> {
  const { errors } = await validateXML({ xml: { fileName: "verify.xml", contents: xml }, schema });
  return errors.map(({ message }) => message);
}

describe("what a verification tells", () => {
  it("is a table of 80 columns: result, check and what was found", () => {
    assert.equal(
      checkTable(checks),
      `      CHECK                                 FOUND
pass  orchestrator answers /health as       pid 4711 is healthy
      1.0.0
skip  planner-arm answers GET /plans with   the installation does not run this
      200                                   service
FAIL  invariant: priorities are between 1   3 rows violate it
      and 10
FAIL  orchestrator logs no error            2 lines since it started, first:
                                            \\u{1b}[31m<ERROR> & "quotes" of
                                            https://example.com/xxxxxxxxxxxxxxxx
                                            xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
                                            xxxxxxxx\\u{0}\uD800`,
    );
  });

  it("never breaks the table's columns, whatever is found", () => {
    fc.assert(
      fc.property(anyText, anyText, (check, detail) => {
        const lines = checkTable([{ subject: "logs", check, passed: true, detail }]).split("\n");
        for (const line of lines) assert.ok(line.length <= 80 && !/[\p{Cc}]/u.test(line), JSON.stringify(line));
      }),
    );
  });

  it("is JUnit XML for a CI system: a suite for each subject, a case for each check", async () => {
    const xml = toJunit({ ...facts, checks });
    assert.deepEqual(await faultsOf(xml), []);
    assert.match(
      xml,
      /<testsuites name="OctoLLM 1\.0\.0 of stack prod" tests="4" failures="2" errors="0" skipped="1">/,
    );
    assert.match(
      xml,
      /<testsuite name="database" timestamp="2026-03-29T02:14:33" time="4\.25" tests="1" failures="1" errors="0" skipped="0">/,
    );
    assert.match(
      xml,
      /<testcase classname="octollm\.database" name="invariant: priorities are between 1 and 10" time="0">\s*<failure message="3 rows violate it" type="check"\/>/,
    );
    assert.match(xml, /<skipped\/>\s*<system-out>\s*.*the installation does not run this service/);
    assert.match(xml, /first: \[31m&lt;ERROR(&gt;|>) &amp; &quot;quotes&quot; of https/);
  });

  it("is refused by the schema's rules where it breaks them: they are rules", async () => {
    const xml = toJunit({ ...facts, checks });
    for (const [part, instead, says] of [
      ['classname="octollm.logs" ', "", /'classname' is required/],
      ['type="check"', "", /'type' is required/],
      ['tests="4"', 'tests="-4"', /not a valid value/],
      ["2026-03-29T02:14:33", "29.3.2026", /not a valid value/],
      ["<skipped/>", "<skipped/><failure message='x' type='y'/>", /not expected/],
      ["&lt;ERROR", "<ERROR", /Unescaped '<'|parser error/],
    ] as const) {
      assert.ok(xml.includes(part), part);
      assert.match((await faultsOf(xml.replace(part, instead))).join("\n"), says, part);
    }
    const twice = [...checks, ...checks.slice(0, 1)];
    assert.match((await faultsOf(toJunit({ ...facts, checks: twice }))).join(), /[Dd]uplicate key-sequence/);
  });

  it("is well-formed XML, whatever is found", async () => {
    const texts = fc.sample(fc.tuple(anyText, anyText, fc.boolean()), { numRuns: 200, seed: 42 });
    const hostile = texts.map(([check, detail, passed], index): Check => {
      return { subject: "logs", check: `${index} ${check}`, passed, detail };
    });
    assert.deepEqual(await faultsOf(toJunit({ ...facts, checks: hostile })), []);
  });
});
