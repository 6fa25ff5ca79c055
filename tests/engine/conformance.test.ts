import assert from "node:assert/strict";

import { cases } from "./conformance/cases";
import type { Json } from "./conformance/observe";
import { readRecording, recordedNames } from "./conformance/recordings";
import { rules } from "./conformance/rules";
import { playCase } from "./conformance/separate-stacks";
import { playSettings, settings } from "./conformance/settings";
import { type Observed, playRules } from "./conformance/shared-stack";
import { type Engine, hasPulumiCli, pulumiCli, standalone } from "./support/project";

const atOnce = 2;
const ruleNames = [...rules.map(({ name }) => name), "stack"];

/** Everything of one engine by name; cases have stacks of their own and run two at a time. */
function playAll(engine: Engine): { rules: Promise<Map<string, Observed>>; cases: Map<string, Promise<Observed>> } {
  const lanes: Promise<unknown>[] = Array.from({ length: atOnce }, () => Promise.resolve());
  const played = cases.map((one, index) => {
    const lane = index % atOnce;
    const result = (lanes[lane] as Promise<unknown>).then(() => playCase(engine, one));
    lanes[lane] = result.catch(() => undefined);
    return [one.name, result] as const;
  });
  for (const [, result] of played) result.catch(() => undefined);
  const shared = Promise.all(lanes).then(() => playRules(engine));
  shared.catch(() => undefined);
  return { rules: shared, cases: new Map(played) };
}

/** Compared command by command, so that what differs can be found. */
function assertAsRecorded(name: string, observed: Observed): void {
  const { commands } = readRecording(name);
  const title = (command: Record<string, Json> | undefined): Json | undefined => command?.title;
  assert.deepEqual(observed.map(title), commands.map(title));
  for (const [index, expected] of commands.entries())
    for (const key of new Set([...Object.keys(expected), ...Object.keys(observed[index] ?? {})]))
      assert.deepEqual(
        observed[index]?.[key],
        expected[key],
        `${name}: ${key} of \`${String(expected.title as string)}\``,
      );
}

const engines: [string, Engine, boolean][] = [
  ["the standalone engine", standalone, true],
  ["the Pulumi CLI on PATH", pulumiCli, hasPulumiCli()],
];

for (const [who, engine, isHere] of engines)
  describe(`${who} does what the Pulumi CLI did when it was recorded`, function () {
    this.timeout(600_000);
    let played: ReturnType<typeof playAll>;
    before(function () {
      if (!isHere) this.skip();
      played = playAll(engine);
    });

    for (const { name } of cases)
      it(`where things fail: ${name}`, async () => assertAsRecorded(name, (await played.cases.get(name)) ?? []));
    it("for settings and their paths", async () => assertAsRecorded(settings, await playSettings(engine)));
    for (const name of ruleNames)
      it(`for the rule ${name}`, async () => assertAsRecorded(name, (await played.rules).get(name) ?? []));
  });

describe("the recordings of the Pulumi CLI", () => {
  it("are of one version, and each is of a rule or a case that is played", () => {
    const names = [settings, ...ruleNames, ...cases.map(({ name }) => name)];
    assert.deepEqual(recordedNames().sort(), names.sort());
    assert.equal(new Set(names.map((name) => readRecording(name).cli)).size, 1);
  });
});
