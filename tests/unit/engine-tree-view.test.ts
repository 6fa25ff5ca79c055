import assert from "node:assert/strict";

import type { EngineEvent, StepMetadata, StepOp } from "../../engine/deploy/events";
import { TreeView } from "../../engine/display/tree-view";

const escape = "\u001B";
const eraseBelow = `${escape}[0J`;
const urnOf = (type: string, name: string): string => `urn:pulumi:dev::octollm::${type}::${name}`;
const stack = urnOf("pulumi:pulumi:Stack", "octollm-dev");
const group = urnOf("upgrade:index:Upgrade", "octollm");

function step(op: StepOp, type: string, name: string, parent: string): StepMetadata {
  const urn = urnOf(type, name);
  const state = { urn, custom: true, type, parent };
  return { op, urn, type, logical: true, new: state, ...(op === "create" ? {} : { old: state }) };
}

const started = (shown: StepMetadata): EngineEvent => ({ kind: "step-started", step: shown });
const done = (shown: StepMetadata): EngineEvent => ({ kind: "step-done", step: shown, seconds: 1.234 });
const failed = (shown: StepMetadata): EngineEvent => ({ kind: "step-failed", step: shown, seconds: 0.5 });
const progress = (urn: string, message: string): EngineEvent => ({
  kind: "diagnostic",
  diagnostic: { urn, severity: "info", message, ephemeral: true },
});

const root = step("same", "pulumi:pulumi:Stack", "octollm-dev", "");
const upgrade = step("same", "upgrade:index:Upgrade", "octollm", stack);
const quiesce = step("update", "upgrade:index:Quiesce", "quiesce", group);
const backup = step(
  "update",
  "upgrade:index:Backup",
  "backup-with-a-name-that-no-terminal-of-eighty-columns-holds",
  group,
);
const unchanged = step("same", "upgrade:index:Environment", "environment", group);

/** What a terminal of 80 columns shows after the events: what was drawn last. */
function drawn(events: readonly EngineEvent[], { rows = 24, preview = false } = {}): string[] {
  let text = "";
  const write = (written: string): void => void (text += written);
  const view = new TreeView({ write, colours: false, interactive: true, live: true, columns: 80, rows }, preview);
  events.forEach((event) => view.show(event));
  view.close();
  return text
    .slice(text.lastIndexOf(eraseBelow) + eraseBelow.length)
    .trimEnd()
    .split("\n");
}

/** The lines on a terminal after all that was written to it. */
function screenOf(written: string): string[] {
  const lines = [""];
  let row = 0;
  const pieces = new RegExp(`${escape}\\[(\\d+)A\\r|${escape}\\[0J|([^${escape}\\n]*\\n)`, "g");
  for (const [, up, text] of written.matchAll(pieces)) {
    if (up) row -= Number(up);
    else if (text === undefined) lines.splice(row, lines.length, "");
    else lines[row++] = text.trimEnd();
  }
  return lines.slice(0, row);
}

describe("the tree of a run on a terminal", () => {
  it("shows what was changed under what it belongs to, and nothing that stayed as it was", () => {
    const events = [root, upgrade, quiesce, unchanged].flatMap((one) => [started(one), done(one)]);
    assert.deepEqual(drawn(events), [
      "    pulumi:pulumi:Stack octollm-dev",
      "    └─ upgrade:Upgrade octollm",
      " ~     └─ upgrade:Quiesce quiesce  updated (1.23s)",
    ]);
  });

  it("shows the provider's latest word below what runs, and how long it has been running", () => {
    const events = [started(root), done(root), started(upgrade), started(quiesce), progress(quiesce.urn, "one\ntwo\n")];
    assert.deepEqual(drawn(events).slice(-2), [" ~     └─ upgrade:Quiesce quiesce  updating (0s)", "             two"]);
  });

  it("keeps within the columns, and gives the name away before the status", () => {
    const lines = drawn([started(root), started(upgrade), started(backup), failed(backup)]);
    assert.ok(
      lines.every((line) => [...line].length < 80),
      lines.join("\n"),
    );
    assert.match(lines.at(-1) ?? "", /backup-with-a-name.*… {2}\*\*updating failed\*\*$/);
  });

  it("names operations in a preview, without times", () => {
    const lines = drawn([started(root), started(upgrade), started(quiesce), done(quiesce)], { preview: true });
    assert.equal(lines.at(-1), " ~     └─ upgrade:Quiesce quiesce  update");
  });

  it("stays whole below a line that is said while it is drawn", () => {
    let written = "";
    const write = (text: string): void => void (written += text);
    const view = new TreeView({ write, colours: false, interactive: true, live: true, columns: 80, rows: 24 }, false);
    view.print("before");
    for (const event of [started(root), done(root), started(upgrade), started(quiesce)]) view.show(event);
    view.print("^C received");
    view.print("and once more");
    view.show(done(quiesce));
    view.close();
    assert.deepEqual(screenOf(written), [
      "before",
      "^C received",
      "and once more",
      "    pulumi:pulumi:Stack octollm-dev",
      "    └─ upgrade:Upgrade octollm  ...",
      " ~     └─ upgrade:Quiesce quiesce  updated (1.23s)",
    ]);
  });
});
