import assert from "node:assert/strict";

import type { Running } from "./command";
import { type Found, gone, isPulumisOwn, killAll, workersIn } from "./processes";
import type { Scenario } from "./scenario";

export const whole = "with all its processes";
export const alone = "alone, and its provider ends by itself";

/** Whom SIGKILL hits: everything that works for the command, or the engine and nobody else. */
export type Manner = typeof whole | typeof alone;

/** What works for a command and is not one of the Pulumi CLI's own plugins, which outlive it for a while. */
export function ownWorkers({ folder }: Scenario): Found[] {
  return workersIn(folder).filter((found) => !isPulumisOwn(found));
}

/** Kills a command's engine, and waits until nothing works for it any more. */
export async function kill(scenario: Scenario, run: Running, manner: Manner): Promise<void> {
  const engine = ({ pid, command }: Found) => pid === run.pid || /\bpulumi up\b/.test(command);
  killAll(() => workersIn(scenario.folder).filter((found) => manner === whole || engine(found)));
  await run.ended;
  const left = await gone(() => ownWorkers(scenario), 20);
  assert.deepEqual(left, [], "something goes on working without its engine");
}
