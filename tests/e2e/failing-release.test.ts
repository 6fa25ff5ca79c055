import assert from "node:assert/strict";

import { engines } from "./support/engines";
import type { Scenario } from "./support/scenario";
import { soak } from "./support/soak";
import { assertSays, inScenario, unwrapped } from "./support/story";
import { together } from "./support/together";

interface Failure {
  readonly title: string;
  /** How 1.0.0 behaves: see service.cjs. */
  readonly behaviour: string;
  readonly phase: string;
  readonly says: readonly (RegExp | string)[];
  readonly then: "mend" | "revert";
  /** Only where there is time. */
  readonly soak?: boolean;
}

const failures: readonly Failure[] = [
  {
    title: "crashes at its start",
    behaviour: "crash",
    phase: "Resume",
    says: [
      /orchestrator.*1\.0\.0 ended with exit code 3 before it was healthy; it does not run/,
      /the cellar is flooded/,
    ],
    then: "mend",
  },
  {
    title: "never listens",
    behaviour: "silent",
    phase: "Resume",
    says: [/1\.0\.0 did not get healthy within 3 s/, /It was stopped again/],
    then: "revert",
  },
  {
    title: "says that it is not well",
    behaviour: "unhealthy",
    phase: "Resume",
    says: [/1\.0\.0 did not get healthy within 3 s/, /answered 503 at \/health/],
    then: "mend",
    soak: true,
  },
  {
    title: "fails a smoke request",
    behaviour: "broken",
    phase: "Verification",
    says: [/checks failed/, /orchestrator answers GET \/api\/v1\/tasks\?limit=1 with 200: answered 500/],
    then: "mend",
  },
  {
    title: "calls no webhook",
    behaviour: "deaf",
    phase: "Verification",
    says: ["1 of 20 checks failed: orchestrator calls the task's webhook: nothing came to 127.0.0.1 within 2 s"],
    then: "mend",
  },
];

for (const engine of engines)
  describe(`a new release that does not work (${engine})`, () => {
    const story = together();

    for (const { title, behaviour, phase, says, then } of failures.filter((failure) => soak || !failure.soak))
      story(
        `${title}: the old one serves again, then ${then === "mend" ? "the mended one" : "the old setting"} completes`,
        () =>
          inScenario({ engine, settings: { version: "1.0.0", acceptBreaking: "1.0.0" } }, async (scenario) => {
            scenario.setService({ startTimeout: 3 });
            scenario.set({ verification: { taskTimeout: 2 } });
            scenario.behave({ "1.0.0": behaviour });
            const before = await scenario.world();
            const said = unwrapped(await scenario.upFails());
            assertSays(
              said,
              `${phase} failed:`,
              ...says,
              "It was undone: OctoLLM 0.1.0 serves again.",
              /Now: orchestrator 0\.1\.0; database 't_[0-9a-f]+' at revision def456; backup /,
              "npx octollm up",
            );
            assert.deepEqual(await scenario.world(), before);
            assertSays(
              unwrapped(await scenario.must(["status"])),
              "release 0.1.0",
              "revision def456",
              new RegExp(`attempt 2, 0\\.1\\.0 -> 1\\.0\\.0, failed in ${phase}`),
            );
            await (then === "mend" ? mend(scenario) : revert(scenario));
          }),
      );

    async function mend(scenario: Scenario): Promise<void> {
      scenario.behave({});
      scenario.setService({ startTimeout: 30 });
      await scenario.up();
      const { revision, serves, data } = await scenario.world();
      assert.deepEqual([revision, serves, data.tasks], ["e4f5a6", "1.0.0", 500]);
      assert.deepEqual(data.priorities, { "2": 100, "4": 100, "6": 100, "8": 100, "10": 100 });
    }

    async function revert(scenario: Scenario): Promise<void> {
      const before = await scenario.world();
      await scenario.must(["config", "set", "version", "0.1.0"]);
      await scenario.up();
      assert.deepEqual(await scenario.world(), before);
      await scenario.must(["preview", "--expect-no-changes"]);
    }
  });
