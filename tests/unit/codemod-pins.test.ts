import assert from "node:assert/strict";

import { SourceError } from "../../codemod/parse";
import { findPins, mayHoldPins } from "../../codemod/pins";
import { judgeRange, judgeSpecifier } from "../../codemod/requirement";
import type { SdkChange } from "../../releases/release";

const sdk: SdkChange = {
  kind: "sdk",
  package: "octollm-sdk",
  version: "1.0.0",
  modules: ["octollm"],
  client: "Client",
  basePath: "/api/v1",
};

/** A file as it comes out, and the lines that are not decided. */
function pinned(name: string, text: string): { text: string; undecided: string[] } {
  let after = text;
  const undecided: string[] = [];
  for (const { start, end, judgement } of findPins(name, text, sdk).toReversed())
    if (judgement.kind === "write") after = after.slice(0, start) + judgement.text + after.slice(end);
    else if (judgement.kind === "undecided") undecided.push(text.slice(start, end));
  return { text: after, undecided };
}

const pip: readonly [before: string, after: string][] = [
  ["", ""],
  ["==0.2.0", "==1.0.0"],
  ["== 0.2", "== 1.0.0"],
  ["===0.2.0", "===1.0.0"],
  ["~=0.2", "~=1.0"],
  ["~=0.2.0", "~=1.0.0"],
  ["==1.0.0", "==1.0.0"],
  ["==1.0", "==1.0"],
  ["==1.2.0", "==1.2.0"],
  [">=0.2", ">=0.2"],
  [">=0.2,<2", ">=0.2,<2"],
  [">=0.2,<1.0", "undecided"],
  ["<1", "undecided"],
  ["!=1.0.0", "undecided"],
  ["==0.2.*", "undecided"],
  ["==0.2.0rc1", "undecided"],
];
const npm: readonly [before: string, after: string][] = [
  ["^0.2.0", "^1.0.0"],
  ["~0.2", "~1.0"],
  ["0.2.0", "1.0.0"],
  ["=0.2.0", "=1.0.0"],
  ["^1.0.0", "^1.0.0"],
  ["*", "*"],
  ["latest", "latest"],
  [">=0.2", ">=0.2"],
  [">=0.2 <1", "undecided"],
  ["^0.2 || ^1.0", "undecided"],
  ["workspace:*", "undecided"],
  ["file:../sdk", "undecided"],
  ["git+https://x/y.git#v0.2.0", "undecided"],
];

describe("a requirement of the SDK", () => {
  const shown = (judgement: ReturnType<typeof judgeRange>, before: string) =>
    judgement.kind === "write" ? judgement.text : judgement.kind === "fine" ? before : "undecided";
  for (const [before, after] of pip)
    it(`as pip writes it: '${before}' ${after === before ? "stays" : `is ${after}`}`, () =>
      assert.equal(shown(judgeSpecifier(before, "1.0.0"), before), after));
  for (const [before, after] of npm)
    it(`as npm and Poetry write it: '${before}' ${after === before ? "stays" : `is ${after}`}`, () =>
      assert.equal(shown(judgeRange(before, "1.0.0"), before), after));
});

describe("a file of requirements", () => {
  it("of pip: the line's version changes, and nothing else in the file", () => {
    const before =
      "# octollm-sdk==0.2.0\r\nOctoLLM_SDK[http] == 0.2.0 ; python_version > '3.8'  # octollm-sdk==0.1\r\n" +
      "octollm-sdk-extra==0.2.0\r\nnot-octollm-sdk==0.2.0\r\n-e ./octollm-sdk==0.2.0\r\noctollm.sdk>=0.2,<1\r\noctollm-sdk";
    assert.deepEqual(pinned("requirements-dev.txt", before), {
      text: before.replace("== 0.2.0 ;", "== 1.0.0 ;"),
      undecided: [">=0.2,<1"],
    });
  });

  it("of pip: hashes and addresses are left to a person", () => {
    const hashed = "octollm-sdk==0.2.0 \\\n    --hash=sha256:0123\nother==1\n";
    assert.deepEqual(pinned("requirements.txt", hashed), { text: hashed, undecided: ["==0.2.0"] });
    const url = "octollm-sdk @ https://example.com/octollm_sdk-0.2.0.whl\n";
    assert.deepEqual(pinned("constraints.txt", url).undecided.length, 1);
  });

  it("pyproject.toml: of PEP 621, dependency groups and Poetry, in their tables only", () => {
    const before = [
      "[project]",
      'description = "octollm-sdk==0.2.0"',
      "dependencies = ['octollm-sdk[http]~=0.2', \"httpx\"] # octollm-sdk==0.2.0",
      "[project.optional-dependencies]",
      "x = [\"octollm_sdk==0.2.0; os_name == 'nt'\"]",
      "[dependency-groups]",
      'dev = ["OctoLLM-SDK==0.1.0"]',
      "[tool.poetry.dependencies]",
      'octollm-sdk = {version = "^0.2.0", extras = ["http"]}',
      "[tool.poetry.group.dev.dependencies.octollm_sdk]",
      'version = "~0.2"',
      "[tool.other]",
      'octollm-sdk = "^0.2.0"',
      'text = """',
      'octollm-sdk = "^0.2.0"',
      '"""',
    ].join("\n");
    const lines = pinned("pyproject.toml", before).text.split("\n");
    const changed = lines.filter((line, at) => line !== before.split("\n")[at]);
    assert.deepEqual(changed, [
      "dependencies = ['octollm-sdk[http]~=1.0', \"httpx\"] # octollm-sdk==0.2.0",
      "x = [\"octollm_sdk==1.0.0; os_name == 'nt'\"]",
      'dev = ["OctoLLM-SDK==1.0.0"]',
      'octollm-sdk = {version = "^1.0.0", extras = ["http"]}',
      'version = "~1.0"',
    ]);
  });

  it("package.json: in the four lists of dependencies, formatting kept", () => {
    const before =
      '{\n\t"name": "octollm-sdk",\n  "dependencies":{"octollm-sdk":"^0.2.0"},\n  "devDependencies": { "octollm-sdk" : "0.2.0" },\n' +
      '  "scripts": { "octollm-sdk": "0.2.0" }, "peerDependencies": {"octollm-sdk": ">=0.2 <1"}\n}';
    assert.deepEqual(pinned("package.json", before), {
      text: before.replace('"^0.2.0"', '"^1.0.0"').replace(': "0.2.0" },\n', ': "1.0.0" },\n'),
      undecided: [">=0.2 <1"],
    });
  });

  it("that cannot be read is said to be so", () => {
    assert.throws(() => pinned("package.json", '{ "dependencies": '), SourceError);
    assert.throws(() => pinned("pyproject.toml", "[project\n"), SourceError);
  });

  it("of a lock, or of another kind, is only named", () => {
    assert.deepEqual(pinned("poetry.lock", 'name = "octollm-sdk"\nversion = "0.2.0"\n').undecided, ["octollm-sdk"]);
    assert.deepEqual(pinned("poetry.lock", 'name = "octollm-sdk"\nversion = "1.0.0"\n').undecided, []);
    assert.deepEqual(pinned("Pipfile", '[packages]\noctollm-sdk = "==0.2.0"\n').undecided, ["octollm-sdk"]);
    assert.deepEqual(pinned("uv.lock", 'name = "other"\n').undecided, []);
  });

  it("is known by its name", () => {
    const names = [
      "requirements.txt",
      "dev-requirements.in",
      "requirements_test.txt",
      "constraints.txt",
      "notes.txt",
      "a.json",
    ];
    assert.deepEqual(names.map(mayHoldPins), [true, true, true, true, false, false]);
  });
});
