import assert from "node:assert/strict";

import { withoutFrames } from "../../runtimes/docker/log";

/** A frame as the engine sends it: 1 is output, 2 errors. */
function frame(stream: 1 | 2, text: string): Buffer {
  const content = Buffer.from(text);
  const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(content.length, 4);
  return Buffer.concat([header, content]);
}

describe("a container's log", () => {
  it("is its output and errors in their order, without the frames' headers", () => {
    assert.equal(
      withoutFrames(Buffer.concat([frame(1, "one\n"), frame(2, "bad\n"), frame(1, "two\n")])),
      "one\nbad\ntwo\n",
    );
  });

  it("keeps a character whose bytes come in two frames", () => {
    const [first, second] = [Buffer.from("ä").subarray(0, 1), Buffer.from("ä").subarray(1)];
    const halves = [first, second].map((half) => Buffer.concat([frame(1, "x").subarray(0, 8), half]));
    assert.equal(withoutFrames(Buffer.concat(halves)), "ä");
  });

  it("is what there is of it where it was cut off, within a header or a line", () => {
    const whole = Buffer.concat([frame(1, "one\n"), frame(2, "two\n")]);
    assert.equal(withoutFrames(whole.subarray(0, -2)), "one\ntw");
    assert.equal(withoutFrames(whole.subarray(0, 15)), "one\n");
    assert.equal(withoutFrames(Buffer.alloc(0)), "");
  });
});
