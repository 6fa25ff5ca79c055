import assert from "node:assert/strict";
import { PassThrough, Readable, Writable } from "node:stream";
import { text } from "node:stream/consumers";

import { ChildFailure, runChild } from "../../backup/child-process";

const env = { PATH: process.env.PATH };
const signal = new AbortController().signal;
const shell = (script: string) => ({ program: "sh", args: ["-c", script], env, signal });

describe("a program that is run", () => {
  it("reads what it is fed, and its output goes where it is wanted", async () => {
    const output = new PassThrough();
    const [taken] = await Promise.all([
      text(output),
      runChild({ ...shell("tr a-z A-Z"), input: Readable.from([Buffer.from("fed")]), output }),
    ]);
    assert.equal(taken, "FED");
    assert.equal(await runChild(shell("cat; echo nothing")), "nothing\n");
  });

  it("may leave the rest of its input unread", async () => {
    const endless = Readable.from(
      (function* () {
        for (;;) yield Buffer.alloc(65_536, "x");
      })(),
      { objectMode: false },
    );
    assert.equal(await runChild({ ...shell("head -c 3"), input: endless }), "xxx");
  });

  it("fails with its own words, with those of an input that breaks off, and with those of an output that takes no more", async () => {
    await assert.rejects(
      runChild(shell("echo why >&2; exit 3")),
      (error) => error instanceof ChildFailure && error.exitCode === 3 && error.said === "why",
    );
    const broken = Readable.from(
      (function* () {
        yield Buffer.from("half");
        throw new Error("the input broke off");
      })(),
      { objectMode: false },
    );
    await assert.rejects(runChild({ ...shell("cat >/dev/null"), input: broken }), /the input broke off/);
    const full = new Writable({ write: (_chunk, _encoding, done) => done(new Error("no space left")) });
    await assert.rejects(runChild({ ...shell("yes | head -c 1000000"), output: full }), /no space left/);
  });
});
