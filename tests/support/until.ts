import { setTimeout as sleep } from "node:timers/promises";

/**
 * Waits until something is so; what fails counts as not yet.
 *
 * @param what - told in the error when it does not come about
 * @param within - in ms
 */
export async function until(what: string, isSo: () => Promise<boolean> | boolean, within = 60_000): Promise<void> {
  let reason = "";
  const look = async () => {
    try {
      return await isSo();
    } catch (error) {
      reason = `: ${String(error)}`;
      return false;
    }
  };
  for (const end = Date.now() + within; Date.now() < end; await sleep(100)) if (await look()) return;
  throw new Error(`${what}: not within ${within / 1000} s${reason}`);
}
