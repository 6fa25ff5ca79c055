import assert from "node:assert/strict";

import { ComposeFile } from "../../compose/compose-file";
import { describeComposeEdits } from "../../compose/describe";
import { setImages } from "../../compose/set-images";
import { wantedImages } from "../../compose/wanted-images";
import { up } from "./compose-cases";

const set = (text: string, images: Record<string, string>, values: Record<string, string> = {}) => {
  const { file, edits, left, variables } = setImages(ComposeFile.parse(text), images, values);
  return { text: file.text, lines: describeComposeEdits(edits), left, variables };
};
const api = (image: string) => `services:\n  api:\n    image: ${image}\n    restart: always # image: x\n`;
const next = { api: "octollm/api:1.0.0" };

/** How the image is written, and how it is afterwards. */
const written: readonly [title: string, before: string, after: string][] = [
  ["plain, with a comment", "octollm/api:0.1.0   # pinned", "octollm/api:1.0.0   # pinned"],
  ["in double quotes", '"octollm/api:0.1.0"', '"octollm/api:1.0.0"'],
  ["in single quotes", "'octollm/api:0.1.0'", "'octollm/api:1.0.0'"],
  ["without a tag", "octollm/api", "octollm/api:1.0.0"],
  ["with an anchor that nobody uses", "&api octollm/api:0.1.0", "&api octollm/api:1.0.0"],
  ["as a default that counts", "octollm/api:${VERSION:-0.1.0}", "octollm/api:${VERSION:-1.0.0}"],
];

describe("images of a compose file", () => {
  for (const [title, before, after] of written)
    it(`change in place where they are written ${title}`, () => {
      assert.equal(set(api(before), next).text, api(after));
      assert.deepEqual(set(api(after), next).lines, []);
    });

  it("go back byte for byte, also with CRLF", () => {
    const before = api("octollm/api:0.1.0").replaceAll("\n", "\r\n");
    const there = set(before, next).text;
    assert.notEqual(there, before);
    assert.equal(set(there, { api: "octollm/api:0.1.0" }).text, before);
  });

  it("are not touched where .env names the tag: the variable is", () => {
    const text = api("${REGISTRY:-octollm}/api:${VERSION}");
    const { variables, ...rest } = set(text, next, { VERSION: "0.1.0" });
    assert.deepEqual(variables, { VERSION: "1.0.0" });
    assert.deepEqual(rest, { text, lines: [], left: [] });
  });

  it("are left where the variable is not set, or another service would change with it", () => {
    assert.deepEqual(set(api("octollm/api:${VERSION}"), next).left, [
      "api: the image takes VERSION of .env, and no one of them that is set there makes it octollm/api:1.0.0",
    ]);
    const two = `${api("octollm/api:${VERSION}")}  other:\n    image: mine:\${VERSION}\n`;
    const { variables, left } = set(two, next, { VERSION: "0.1.0" });
    assert.deepEqual(variables, {});
    assert.deepEqual(left, ["other: takes VERSION of .env, too, which the upgrade would have to change for others"]);
  });

  const shared = "x-api: &api\n  image: octollm/api:0.1.0\nservices:\n  one:\n    <<: *api\n  two:\n    <<: *api\n";

  it("that are shared change at their anchor, once, and only if all services move alike", () => {
    const both = { one: "octollm/api:1.0.0", two: "octollm/api:1.0.0" };
    assert.equal(set(shared, both).text, shared.replace("0.1.0", "1.0.0"));
    assert.deepEqual(set(shared, both).lines, [
      "@@ x-api @@",
      "- image: octollm/api:0.1.0",
      "+ image: octollm/api:1.0.0",
    ]);
    const { text, left } = set(shared, { one: "octollm/api:1.0.0" });
    assert.equal(text, shared);
    assert.deepEqual(left, ["one, two: they share one image (x-api.image), and not all of them move to the same one"]);
  });

  it("whose anchor is used for something else are left", () => {
    const text = "services:\n  api:\n    image: &name octollm/api:0.1.0\n    labels:\n      of: *name\n";
    assert.deepEqual(set(text, next).left, [
      "api: the image (services.api.image) is also used by services.api.labels.of",
    ]);
  });

  it("are those of the release, through the registry that stands there; no tag is guessed", () => {
    const text =
      "services:\n  a: {image: 'mirror:5000/octollm/api:0.1.0'}\n  b: {image: octollm/api:latest}\n" +
      "  c: {image: 'octollm/api:0.1.0@sha256:00'}\n  d: {image: postgres:15}\n  e: {build: .}\n  f: {image: my-octollm/api:0.1.0}\n";
    const release = [
      { service: "api", wanted: "octollm/api:1.0.0", known: ["octollm/api:0.1.0", "octollm/api:1.0.0"] },
    ];
    assert.deepEqual(wantedImages(ComposeFile.parse(text), release, {}), {
      images: { a: "mirror:5000/octollm/api:1.0.0" },
      left: [
        "b: its image has the tag 'latest', which is no release's; write octollm/api:1.0.0 there",
        "c: its image is pinned by a digest; write octollm/api:1.0.0 and its own there",
      ],
    });
  });
});

/** What is no compose file, and what is said of it. */
const broken: readonly [title: string, text: string | Uint8Array, said: RegExp][] = [
  ["YAML that cannot be read", "services:\n  a:\n\tb: 1\n", /cannot be used: line 3: Tabs/],
  ["no mapping", "- a\n", /it is no mapping/],
  ["nothing", "", /it is no mapping/],
  ["Compose's first format", "web:\n  image: x\n", /it has no 'services:'/],
  ["a service that is none", "services:\n  a: 1\n", /service 'a' is no mapping/],
  ["bytes that are no UTF-8", Buffer.from("services: {a: {image: \xff}}", "latin1"), /it is not UTF-8/],
  ["two documents", "services: {}\n---\nservices: {}\n", /cannot be used: line 2/],
];

describe("a file that is no compose file", () => {
  for (const [title, text, said] of broken)
    it(`is refused, with what is wrong and what is untouched: ${title}`, () => {
      assert.throws(() => ComposeFile.parse(text), said);
      assert.throws(() => ComposeFile.parse(text), /Nothing was touched/);
    });

  it("cannot make its reader hang by aliases", () => {
    const levels = Array.from(
      { length: 40 },
      (_, level) => `x${level}: &x${level} {<<: [*x${level - 1}, *x${level - 1}], k${level}: 1}`,
    );
    const text = `x0: &x0 {A: 1}\n${levels.slice(1).join("\n")}\nservices:\n  a:\n    environment: *x39\n`;
    assert.equal(up(text, [{ kind: "deprecate", key: "A" }]).text, text);
  });
});
