import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { logOffset, scanLog, tailSince } from "../../runtimes/log-scan";

describe("a service's log", () => {
  const folder = mkdtempSync(join(tmpdir(), "octollm-log-"));
  const log = join(folder, "orchestrator.log");
  after(() => rmSync(folder, { recursive: true }));

  it("has no trouble before it exists", () => {
    assert.equal(logOffset(join(folder, "none")), 0);
    assert.deepEqual(scanLog(join(folder, "none")), { lines: [], count: 0, rotated: false, timeless: false });
  });

  it("shows what went wrong since an offset, in text and in JSON, and what is allowed is no trouble", () => {
    writeFileSync(log, "ERROR: old\n");
    const sinceOffset = logOffset(log);
    const trouble = ["ERROR: new", "Traceback (most recent call last):", '{"level": "critical", "m": 1}', "CRITICAL x"];
    appendFileSync(log, `INFO no error here\n${trouble.join("\r\n")}\n{"level":"info"}\nERROR: known\nFATAL end`);
    assert.deepEqual(scanLog(log, { sinceOffset, allow: [/known/g] }).lines, [...trouble, "FATAL end"]);
    assert.equal(scanLog(log, { sinceOffset, limit: 1 }).count, 6);
    assert.deepEqual(scanLog(log, { sinceOffset, patterns: [/info/] }).lines, ['{"level":"info"}']);
    assert.deepEqual(tailSince(log, sinceOffset, 2), ["ERROR: known", "FATAL end"]);
  });

  it("shows what went wrong since a time, lines without a time included", () => {
    writeFileSync(log, "2026-01-01 10:00:00Z ERROR a\n  ERROR b\n2026-01-01T12:00:00.5Z ERROR c\n  ERROR d\n");
    assert.deepEqual(scanLog(log, { since: new Date("2026-01-01T11:00:00Z") }).lines, [
      "2026-01-01T12:00:00.5Z ERROR c",
      "  ERROR d",
    ]);
  });

  it("whose lines tell no time cannot be judged by one, and says so", () => {
    const since = new Date("2026-01-01T11:00:00Z");
    writeFileSync(log, "ERROR: whenever\n");
    assert.deepEqual(scanLog(log, { since }), { lines: [], count: 0, rotated: false, timeless: true });
    writeFileSync(log, "ERROR: cut off by a rotation\n2026-01-01T12:00:00Z INFO here\n");
    assert.deepEqual(scanLog(log, { since }), { lines: [], count: 0, rotated: false, timeless: false });
  });

  it("is read from its beginning after a rotation", () => {
    writeFileSync(log, "ERROR: fresh\n");
    assert.deepEqual(scanLog(log, { sinceOffset: 10_000 }), {
      lines: ["ERROR: fresh"],
      count: 1,
      rotated: true,
      timeless: false,
    });
  });

  it("may have lines of several megabytes and characters across the pieces it is read in", () => {
    writeFileSync(log, `${"ü".repeat(2_000_000)}\nERROR: 🐙\n`);
    const { lines } = scanLog(log);
    assert.deepEqual(lines, ["ERROR: 🐙"]);
  });
});
