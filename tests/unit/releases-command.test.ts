import assert from "node:assert/strict";

import { releaseChanges } from "../../planner/release-changes";
import { loadCatalogue } from "../../releases/catalogue";
import { chore } from "../support/chore";

describe("octollm releases", () => {
  it("says for each release what changes for operators and for authors of client programs", async () => {
    const { code, out } = await chore("releases", "--from", "0.1.0", "--to", "1.0.0");
    const text = out.toString();
    assert.equal(code, 0);
    assert.match(text, /^OctoLLM 0\.2\.0, 2025-12-01, minor$/m);
    assert.match(text, /stops +nothing\n +revisions abc123 add_task_priority_index; its way back: exact/);
    assert.match(text, /nothing +programs go on as they are/);
    assert.match(text, /stops +e4f5a6: its data change needs the writers stopped/);
    assert.match(text, /way back +schema-down, loses nothing/);
    assert.match(text, /env +WEBHOOK_URL: a path that ends in \/webhook ends in \/v1\/webhook/);
    assert.match(text, /breaks +\/tasks moves to \/api\/v1\/tasks/);
    for (const line of text.split("\n")) assert.ok(line.length <= 80, line);
  });

  it("gives programs the same as JSON", async () => {
    const { out } = await chore("releases", "--from", "0.1.0", "--json");
    const catalogue = await loadCatalogue();
    assert.deepEqual(JSON.parse(out.toString()), releaseChanges(catalogue, "0.1.0", "1.0.0"));
    assert.deepEqual(
      releaseChanges(catalogue, null, "0.2.0").map(({ version, operators }) => [version, operators.wayBack]),
      [
        ["0.1.0", null],
        ["0.2.0", { class: "schema-down", loses: [] }],
      ],
    );
    assert.deepEqual(
      releaseChanges(catalogue, "0.2.0", "1.0.0").map(({ clients, operators: { revisions } }) => [
        clients.map(({ kind }) => kind),
        revisions.map(({ revision, downClass, phase }) => [revision, downClass, phase]),
      ]),
      [[["path", "scale", "removed", "sdk"], [["e4f5a6", "kept", "pre"]]]],
    );
  });

  it("refuses releases that are none, and a way that is none", async () => {
    assert.match(
      (await chore("releases", "--to", "9.0.0")).said,
      /no OctoLLM 9\.0\.0 here: there are 0\.1\.0, 0\.2\.0, 1\.0\.0/,
    );
    assert.match((await chore("releases", "--from", "1.0.0", "--to", "0.1.0")).said, /Exchange --from and --to/);
    assert.match((await chore("releases", "--from", "1.0.0")).out.toString(), /^Nothing lies between/);
  });
});
