import assert from "node:assert/strict";

import type { CheckResult, DiffResult } from "../../engine/plugins/provider";
import { checkResource, diffResource } from "../../engine/stand-ins/docker/resources";
import { checkCases, diffCases, kinds, typeOf } from "../docker/plugin/cases";
import { readRecording } from "../docker/plugin/recording";

const recording = readRecording();
const seed = Buffer.alloc(32, 7);
const identityOf = (kind: string, name: string) => {
  const type = typeOf(kind);
  return { urn: `urn:pulumi:dev::octollm::${type}::${name}`, type, name };
};

describe("the stand-in for @pulumi/docker checks inputs as the plugin does", () => {
  for (const { name, kind, inputs: news } of checkCases)
    it(name, () => {
      const found = checkResource({ ...identityOf(kind, "it"), olds: {}, news, randomSeed: seed });
      const expected = recording.checks[name] as CheckResult;
      assert.equal(found.failures.length, expected.failures.length, JSON.stringify(found.failures));
      if (expected.failures.length === 0) assert.deepEqual(found.inputs, expected.inputs);
    });

  it("refuses by name what only the plugin can do", () => {
    const identity = identityOf("Container", "it");
    const news = { name: "a", image: "x", uploads: [{ file: "/x", content: "y" }] };
    const { failures } = checkResource({ ...identity, olds: {}, news });
    assert.match(failures.map(({ reason }) => reason).join(), /does not implement 'uploads'/);
  });

  it("gives a resource without a name one that it keeps", () => {
    const identity = identityOf("Container", "web");
    const { inputs } = checkResource({ ...identity, olds: {}, news: { image: "x" }, randomSeed: seed });
    assert.match(inputs.name as string, /^web-[0-9a-f]{7}$/);
    const again = checkResource({ ...identity, olds: inputs, news: { image: "y" }, randomSeed: Buffer.alloc(32, 8) });
    assert.equal(again.inputs.name, inputs.name);
  });
});

describe("the stand-in for @pulumi/docker sees the changes that the plugin sees", () => {
  for (const { name, state, inputs: news, ignoreChanges = [] } of diffCases)
    it(name, () => {
      const identity = identityOf(kinds[state], state);
      const { id, inputs: oldInputs, outputs: oldOutputs } = recording.states[state];
      const { inputs } = checkResource({ ...identity, olds: oldInputs, news, randomSeed: seed });
      const found = diffResource({ ...identity, id, oldInputs, oldOutputs, news: inputs, ignoreChanges });
      const { detailedDiff = {}, ...expected } = recording.diffs[name] as DiffResult;
      assert.deepEqual({ ...found, detailedDiff: found.detailedDiff ?? {} }, { ...expected, detailedDiff });
    });
});
