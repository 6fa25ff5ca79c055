import assert from "node:assert/strict";

import type { CheckResult, DiffResult } from "../../engine/plugins/provider";
import { checkObject } from "../../engine/stand-ins/kubernetes/check";
import { diffObject } from "../../engine/stand-ins/kubernetes/diff-object";
import { checkCases, diffCases, types } from "../kubernetes/plugin/cases";
import { readRecording } from "../kubernetes/plugin/recording";
import { identityOf } from "../support/kept";

const recording = readRecording();
const seed = Buffer.alloc(32, 7);
const inStandin = () => Promise.resolve("standin");

/** A new name's last digits are of no meaning. */
const unsuffixed = (checked: CheckResult): unknown =>
  JSON.parse(JSON.stringify(checked).replace(/"it-[0-9a-f]{8}"/, '"it-........"'));

describe("the stand-in for @pulumi/kubernetes checks inputs as the plugin does", () => {
  for (const { name, state, inputs: news, olds } of checkCases)
    it(name, async () => {
      const identity = identityOf(types[state], "it");
      const found = await checkObject({ ...identity, olds, news, randomSeed: seed }, inStandin);
      assert.deepEqual(unsuffixed(found), unsuffixed(recording.checks[name] as CheckResult));
    });
});

describe("the stand-in for @pulumi/kubernetes sees the changes that the plugin sees", () => {
  for (const { name, state, inputs: news, ignoreChanges, plain } of diffCases)
    it(name, async () => {
      const identity = identityOf(types[state], state);
      const { id, inputs: oldInputs, outputs: oldOutputs } = recording.lives[state].created;
      const { inputs: given } = await checkObject({ ...identity, olds: oldInputs, news, randomSeed: seed }, inStandin);
      const request = { ...identity, id, oldInputs, oldOutputs, news: given, ignoreChanges };
      const settings = { enableConfigMapMutable: !plain, enableSecretMutable: !plain };
      const found = diffObject(request, settings);
      const { detailedDiff = {}, replaceKeys, ...expected } = recording.diffs[name] as DiffResult;
      assert.deepEqual(
        { ...found, detailedDiff: found.detailedDiff ?? {}, replaceKeys: found.replaceKeys.toSorted() },
        { ...expected, detailedDiff, replaceKeys: replaceKeys.toSorted() },
      );
    });
});
