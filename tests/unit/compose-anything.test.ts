import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import fc from "fast-check";

import { applyComposeRelease, undoComposeRelease } from "../../compose/changes";
import { ComposeFile } from "../../compose/compose-file";
import { serviceEnvironment } from "../../compose/service-environment";
import { applyRelease } from "../../environment/changes";
import { DotenvFile, expandedValues } from "../../environment/dotenv-file";
import type { EnvironmentChange } from "../../releases/release";
import { composeFixtures } from "./compose-cases";

const version = "2.0.0";
const changes: EnvironmentChange[] = [
  { kind: "add", key: "CACHE_L1_SIZE", default: "1000", services: ["orchestrator"] },
  { kind: "add", key: "CACHE_L1_TTL", from: "CACHE_TTL", default: "60" },
  { kind: "add", key: "CACHE_L2_TTL", from: "CACHE_TTL", default: "3600" },
  { kind: "deprecate", key: "CACHE_TTL" },
  { kind: "rename", key: "LEVEL", to: "LOG_LEVEL" },
  { kind: "remove", key: "CACHE_ENABLED" },
  { kind: "url-path", key: "WEBHOOK_URL", suffix: "/webhook", replacement: "/v1/webhook" },
  { kind: "require", key: "LICENCE", text: "the licence" },
];
const release = { version, changes, images: { orchestrator: "octollm/orchestrator:2.0.0" } };
const touched = new Set(
  changes.flatMap((change) => (change.kind === "rename" ? [change.key, change.to] : [change.key])),
);

const name = fc.constantFrom(
  "CACHE_TTL",
  "CACHE_TTL",
  "CACHE_ENABLED",
  "LEVEL",
  "LOG_LEVEL",
  "WEBHOOK_URL",
  "CACHE_L1_TTL",
  "REFLEX_CACHE_TTL",
  "A",
  "B",
);
const value = fc.constantFrom(
  "60",
  "true",
  "'it''s'",
  '"a # b"',
  "${CACHE_TTL}",
  "${CACHE_TTL:-5}",
  '"${CACHE_TTL-}x"',
  "${LEVEL:-info}",
  "$$x",
  "https://e.com/a/webhook",
  "'https://u:p@e.com/webhook?x=1'",
  "${WEBHOOK_URL}",
  "",
  '""',
  "ä€",
  "&anchor 5",
  "*ref",
  "|\n@@  two\n@@\n@@    lines",
  ">-\n@@  folded",
  "!!str 5",
);
const comment = fc.constantFrom("", "", "", "   # note", " # CACHE_TTL: 1");
const between = fc.constantFrom(
  "",
  "",
  "",
  "\n",
  "@@# a comment\n",
  "# [octollm 2.0.0] CACHE_TTL: 1\n",
  "@@# CACHE_TTL=2\n\n",
);

/** Lines of an `environment`; `@@` stands for their indent. */
const mapLines = fc
  .uniqueArray(fc.tuple(between, name, value, comment), { minLength: 1, maxLength: 6, selector: ([, key]) => key })
  .map((entries) =>
    entries
      .map(([before, key, text, after]) => `${before}@@${key}: ${text}${text.includes("\n") ? "" : after}\n`)
      .join(""),
  );
const listLines = fc
  .uniqueArray(fc.tuple(between, name, value, comment, fc.boolean()), {
    minLength: 1,
    maxLength: 6,
    selector: ([, key]) => key,
  })
  .map((entries) =>
    entries
      .map(([before, key, text, after, quoted]) => {
        const plain = /["'\n&*!]/.test(text) ? "x" : text;
        return `${before}@@- ${quoted ? `"${key}=${plain}"` : plain === "" ? key : `${key}=${plain}`}${after}\n`;
      })
      .join(""),
  );
const environment = fc.oneof(
  mapLines.map((lines) => `    environment:\n${lines.replaceAll("@@", "      ")}`),
  listLines.map((lines) => `    environment:\n${lines.replaceAll("@@", "      ")}`),
  listLines.map((lines) => `    environment:\n${lines.replaceAll("@@", "    ")}`),
  fc.constant("    environment: *shared\n"),
  mapLines.map((lines) => `    environment:\n      <<: *shared\n${lines.replaceAll("@@", "      ")}`),
  fc.constantFrom(
    "    environment: {CACHE_TTL: 5, A: 1}\n",
    "    environment: ['CACHE_TTL=5']\n",
    "    env_file: .env\n",
    "",
  ),
);
const anyCompose = fc
  .record({
    shared: mapLines,
    services: fc.array(environment, { minLength: 1, maxLength: 3 }),
    crlf: fc.boolean(),
    cut: fc.boolean(),
    mark: fc.boolean(),
  })
  .map(({ shared, services, crlf, cut, mark }) => {
    const parts = services.map((own, index) => `  s${index}:\n    image: octollm/orchestrator:1\n${own}`);
    const text = `x-ref: &ref 7\nx-shared: &shared\n${shared.replaceAll("@@", "  ")}# between\nservices:\n${parts.join("\n")}`;
    const whole = (mark ? "\ufeff" : "") + (crlf ? text.replaceAll("\n", "\r\n") : text);
    return cut ? whole.replace(/(\r?\n)+$/, "") : whole;
  });
const anyEnv = fc.constantFrom(
  "",
  "CACHE_TTL=600\n",
  "CACHE_TTL=\nLEVEL=debug\n",
  "WEBHOOK_URL=https://e.com/webhook\nCACHE_TTL='6 0'\nCACHE_L2_TTL=1\n",
);

function sources(env: DotenvFile) {
  return { values: expandedValues(env), files: new Map([[".env", env]]) };
}

function environmentsOf(file: ComposeFile, env: DotenvFile) {
  return file.serviceNames().map((service) => [service, serviceEnvironment(file, service, sources(env))] as const);
}

describe("whatever a compose file is like", () => {
  it("a release changes nothing the second time, no other variable, and the way back gives the old bytes", () => {
    let edited = 0;
    fc.assert(
      fc.property(anyCompose, anyEnv, (text, envText) => {
        const env = DotenvFile.parse(envText);
        const after = applyRelease(env, release).file;
        const around = { before: sources(env), after: sources(after) };
        const file = ComposeFile.parse(text);
        const first = applyComposeRelease(file, release, around);
        if (first.edits.length > 0) edited++;
        assert.equal(applyComposeRelease(first.file, release, around).file.text, first.file.text);
        assert.equal(undoComposeRelease(first.file, release).file.text, text);
        const old = new Map(environmentsOf(file, env));
        for (const [service, got] of environmentsOf(first.file, env))
          for (const [key, { value: was }] of old.get(service) ?? [])
            if (!touched.has(key)) assert.equal(got.get(key)?.value, was, `${service} ${key}`);
      }),
      { numRuns: 400 },
    );
    assert.ok(edited > 200, `only ${edited} files were edited`);
  });

  it("a service has its old value under the new name, or its operator is told", () => {
    fc.assert(
      fc.property(anyCompose, anyEnv, (text, envText) => {
        const env = DotenvFile.parse(envText);
        const after = applyRelease(env, release).file;
        const file = ComposeFile.parse(text);
        const { file: next, left } = applyComposeRelease(file, release, {
          before: sources(env),
          after: sources(after),
        });
        const now = new Map(environmentsOf(next, after));
        for (const [service, old] of environmentsOf(file, env)) {
          const was = old.get("CACHE_TTL")?.value;
          if (!was || old.has("CACHE_L2_TTL") || env.get("CACHE_L2_TTL") !== undefined) continue;
          const told = left.some(
            (line) => line.startsWith(`${service}: CACHE_L2_TTL`) || line.startsWith("OctoLLM 2.0.0"),
          );
          assert.ok(told || now.get(service)?.get("CACHE_L2_TTL")?.value === was, `${service}: ${was}`);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("text that is no compose file is refused with its line, and never hangs", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        try {
          ComposeFile.parse(text);
        } catch (error) {
          assert.match((error as Error).message, /^The compose file 'docker-compose.yml' cannot be used: /);
        }
      }),
      { numRuns: 500 },
    );
  });

  for (const fixture of ["guide", "operator", "anchors", "flow", "dense", "extends"])
    it(`both ways are exact in ${fixture}.yml, with either line end`, () => {
      const env = DotenvFile.parse(readFileSync(join(composeFixtures, "dot.env")));
      const around = { before: sources(env), after: sources(applyRelease(env, release).file) };
      const lf = readFileSync(join(composeFixtures, `${fixture}.yml`), "utf8");
      for (const text of [lf, lf.replaceAll("\n", "\r\n"), lf.trimEnd()]) {
        const { file } = applyComposeRelease(ComposeFile.parse(text), release, around);
        assert.equal(undoComposeRelease(file, release).file.text, text);
        assert.equal(applyComposeRelease(file, release, around).file.text, file.text);
      }
    });
});
