import { setTimeout as sleep } from "node:timers/promises";

import { allProcesses, wasStartedWith, workingFolder } from "./processes";

const pollMilliseconds = 50;
const patienceMilliseconds = 5_000;

/**
 * Ends the deployment's commands that still start or stop a service for an attempt: they outlive an engine that was told
 * to end, and would race with whoever brings another release back. A service that they have started goes on.
 *
 * @param attempt - its number, which these commands have in their environment; they work in the folder of this process
 */
export async function endStarters(attempt: number): Promise<void> {
  const mark = `OCTOLLM_ATTEMPT=${attempt}`;
  const find = () =>
    allProcesses().filter(
      ({ pid }) => pid !== process.pid && workingFolder(pid) === process.cwd() && wasStartedWith(pid, mark),
    );
  const deadline = Date.now() + patienceMilliseconds;
  for (let found = find(); found.length > 0 && Date.now() < deadline; found = find()) {
    for (const { pid } of found) kill(pid);
    await sleep(pollMilliseconds);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}
