import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";

import { faultOf } from "./support/help";
import { inlineCode, programFolder, readPages } from "./support/markdown";

describe("command lines within the sentences of README and docs", function () {
  this.timeout(60_000);

  it("have words and options that the command knows", async () => {
    const found = readPages().flatMap(inlineCode);
    // `a && b` are two, and `diff|migrate` is a choice of words.
    const lines = found.flatMap(({ place, text }) => text.split(" && ").map((line) => ({ place, line })));
    const commands = lines.filter(({ line }) => /^(npx )?octollm [a-z]/.test(line) && !/[a-z]\|[a-z]/.test(line));
    assert.ok(commands.length > 50, String(commands.length));
    const faults = [];
    for (const { place, line } of commands) {
      const fault = await faultOf(line);
      if (fault !== null) faults.push(`${place}: ${line}: ${fault}`);
    }
    assert.deepEqual(faults, []);
  });

  it("are not taken for right when they are wrong", async () => {
    assert.equal(await faultOf("octollm backup list"), "there is no command 'backup list'");
    assert.equal(await faultOf("octollm config sett version 1.0.0"), "there is no command 'config sett'");
    assert.equal(await faultOf("octollm migrate upgrad head"), "there is no command 'migrate upgrad'");
    assert.equal(await faultOf("npx octollm backups list --jason"), "'backups list' has no --jason");
    assert.equal(await faultOf("octollm config set --pat window.from 22:00"), "'config set' has no --pat");
    assert.equal(await faultOf("octollm rehearse --to 1.0.0 --json"), null);
  });

  it("begin with 'npx octollm', which npm finds in this folder", () => {
    const { status, stdout } = spawnSync("npx", ["--no-install", "octollm", "releases", "--from", "0.1.0", "--to", "0.2.0"], {
      cwd: programFolder,
      encoding: "utf8",
    });
    assert.equal(status, 0);
    assert.match(stdout, /^OctoLLM 0\.2\.0, 2025-12-01, minor$/m);
  });
});
